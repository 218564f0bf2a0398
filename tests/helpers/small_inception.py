"""A frozen graph like the Inception graph of 2015: its names, ops and version, few weights."""

import numpy as np
import tensorflow as tf

SIDE, FEATURES, CLASSES = 8, 6, 5


def weights(seed=0):
    """Returns the kernel, the normalization's offset and the classes' weights."""
    random = np.random.default_rng(seed)
    return (
        random.normal(size=(1, 1, 3, FEATURES)).astype(np.float32),
        random.normal(size=FEATURES).astype(np.float32),
        random.normal(size=(FEATURES, CLASSES)).astype(np.float32),
    )


def expected_features(pictures, seed=0):
    """Returns what the graph should make of `(n, side, side, 3)` uint8, in NumPy."""
    kernel, offset, _ = weights(seed)
    # As the graph of 2015 has it: corners at the upper left, nothing filtered.
    small = tf.raw_ops.ResizeBilinear(images=pictures.astype(np.float32), size=[SIDE, SIDE])
    maps = (small.numpy() - 128) / 128 @ kernel[0, 0] + offset
    return np.maximum(maps, 0).mean(axis=(1, 2))


def make_graph(seed=0, without=()):
    """Returns a serialized GraphDef; `without` nodes of these names."""
    kernel, offset, class_weights = weights(seed)
    graph = tf.compat.v1.GraphDef()
    # Inception's normalization was withdrawn in version 9.
    graph.versions.producer = 8

    def node(name, op, *inputs, **attributes):
        if name in without:
            return
        added = graph.node.add(name=name, op=op, input=inputs)
        for key, value in attributes.items():
            if isinstance(value, tf.DType):
                added.attr[key].type = value.as_datatype_enum
            elif isinstance(value, bool):
                added.attr[key].b = value
            elif isinstance(value, float):
                added.attr[key].f = value
            elif isinstance(value, bytes):
                added.attr[key].s = value
            else:
                added.attr[key].list.i.extend(value)

    def constant(name, value):
        tensor = tf.make_tensor_proto(value)
        added = graph.node.add(name=name, op="Const")
        added.attr["dtype"].type = tensor.dtype
        added.attr["value"].tensor.CopyFrom(tensor)

    f32, i32 = {"T": tf.float32}, tf.int32
    constant("DecodeJpeg/contents", b"")
    node("DecodeJpeg", "DecodeJpeg", "DecodeJpeg/contents")
    node("Cast", "Cast", "DecodeJpeg", SrcT=tf.uint8, DstT=tf.float32)
    constant("ExpandDims/dim", np.int32(0))
    node("ExpandDims", "ExpandDims", "Cast", "ExpandDims/dim", T=tf.float32)
    constant("ResizeBilinear/size", np.int32([SIDE, SIDE]))
    node("ResizeBilinear", "ResizeBilinear", "ExpandDims", "ResizeBilinear/size", **f32)
    constant("Sub/y", np.float32(128))
    node("Sub", "Sub", "ResizeBilinear", "Sub/y", **f32)
    constant("Mul/y", np.float32(1 / 128))
    node("Mul", "Mul", "Sub", "Mul/y", **f32)
    constant("conv/conv2d_params", kernel)
    node(
        *("conv/Conv2D", "Conv2D", "Mul", "conv/conv2d_params"),
        **f32,
        strides=[1, 1, 1, 1],
        padding=b"VALID",
    )
    for name, value in (
        ("moving_mean", np.zeros(FEATURES, np.float32)),
        ("moving_variance", np.full(FEATURES, 0.999, np.float32)),
        ("beta", offset),
        ("gamma", np.ones(FEATURES, np.float32)),
    ):
        constant(f"conv/batchnorm/{name}", value)
    node(
        *("conv/batchnorm", "BatchNormWithGlobalNormalization", "conv/Conv2D"),
        *(f"conv/batchnorm/{name}" for name in ("moving_mean", "moving_variance")),
        *(f"conv/batchnorm/{name}" for name in ("beta", "gamma")),
        **f32,
        variance_epsilon=0.001,
        scale_after_normalization=False,
    )
    node("conv", "Relu", "conv/batchnorm", **f32)
    window = {"ksize": [1, SIDE, SIDE, 1], "strides": [1, 1, 1, 1]}
    node("pool_3", "AvgPool", "conv", **f32, **window, padding=b"VALID")
    # From here on the graph takes one picture only.
    constant("pool_3/_reshape/shape", np.int32([1, FEATURES]))
    node(*("pool_3/_reshape", "Reshape", "pool_3", "pool_3/_reshape/shape"), **f32, Tshape=i32)
    constant("softmax/weights", class_weights)
    node("softmax/logits/MatMul", "MatMul", "pool_3/_reshape", "softmax/weights", **f32)
    constant("softmax/biases", np.arange(CLASSES, dtype=np.float32))
    node("softmax/logits", "BiasAdd", "softmax/logits/MatMul", "softmax/biases", **f32)
    node("softmax", "Softmax", "softmax/logits", **f32)
    return graph.SerializeToString()
