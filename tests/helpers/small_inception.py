"""A frozen graph like the Inception graph of 2015: its names, ops and version, few weights."""

import numpy as np
import tensorflow as tf

SIDE, FEATURES, CLASSES = 8, 6, 5


def weights(seed=0):
    """Returns the kernel, the normalization's offset and the classes' weights."""
    random = np.random.default_rng(seed)
    shapes = ((1, 1, 3, FEATURES), FEATURES, (FEATURES, CLASSES))
    return tuple(random.normal(size=shape).astype(np.float32) for shape in shapes)


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
    graph.versions.producer = 8  # Inception's normalization was withdrawn in version 9
    constants = {
        "DecodeJpeg/contents": b"",
        "ExpandDims/dim": np.int32(0),
        "ResizeBilinear/size": np.int32([SIDE, SIDE]),
        "Sub/y": np.float32(128),
        "Mul/y": np.float32(1 / 128),
        "conv/conv2d_params": kernel,
        "conv/batchnorm/moving_mean": np.zeros(FEATURES, np.float32),
        "conv/batchnorm/moving_variance": np.full(FEATURES, 0.999, np.float32),
        "conv/batchnorm/beta": offset,
        "conv/batchnorm/gamma": np.ones(FEATURES, np.float32),
        # From here on the graph takes one picture only.
        "pool_3/_reshape/shape": np.int32([1, FEATURES]),
        "softmax/weights": class_weights,
        "softmax/biases": np.arange(CLASSES, dtype=np.float32),
    }
    for name, value in constants.items():
        tensor = tf.make_tensor_proto(value)
        added = graph.node.add(name=name, op="Const")
        added.attr["dtype"].type = tensor.dtype
        added.attr["value"].tensor.CopyFrom(tensor)

    def node(name, op, inputs, **attributes):
        if name in without:
            return
        added = graph.node.add(name=name, op=op, input=inputs.split())
        for key, value in attributes.items():
            if isinstance(value, tf.DType):
                added.attr[key].type = value.as_datatype_enum
            elif isinstance(value, list):
                added.attr[key].list.i.extend(value)
            else:
                field = {bool: "b", float: "f", bytes: "s"}[type(value)]
                setattr(added.attr[key], field, value)

    floats, ones, valid = {"T": tf.float32}, [1, 1, 1, 1], {"padding": b"VALID"}
    statistics = "conv/batchnorm/moving_mean conv/batchnorm/moving_variance"
    normalize = {"variance_epsilon": 0.001, "scale_after_normalization": False}
    learned = "conv/batchnorm/beta conv/batchnorm/gamma"
    node("DecodeJpeg", "DecodeJpeg", "DecodeJpeg/contents")
    node("Cast", "Cast", "DecodeJpeg", SrcT=tf.uint8, DstT=tf.float32)
    node("ExpandDims", "ExpandDims", "Cast ExpandDims/dim", **floats)
    node("ResizeBilinear", "ResizeBilinear", "ExpandDims ResizeBilinear/size", **floats)
    node("Sub", "Sub", "ResizeBilinear Sub/y", **floats)
    node("Mul", "Mul", "Sub Mul/y", **floats)
    node("conv/Conv2D", "Conv2D", "Mul conv/conv2d_params", **floats, strides=ones, **valid)
    inputs = f"conv/Conv2D {statistics} {learned}"
    node("conv/batchnorm", "BatchNormWithGlobalNormalization", inputs, **floats, **normalize)
    node("conv", "Relu", "conv/batchnorm", **floats)
    node("pool_3", "AvgPool", "conv", **floats, ksize=[1, SIDE, SIDE, 1], strides=ones, **valid)
    node("pool_3/_reshape", "Reshape", "pool_3 pool_3/_reshape/shape", **floats, Tshape=tf.int32)
    node("softmax/logits/MatMul", "MatMul", "pool_3/_reshape softmax/weights", **floats)
    node("softmax/logits", "BiasAdd", "softmax/logits/MatMul softmax/biases", **floats)
    node("softmax", "Softmax", "softmax/logits", **floats)
    return graph.SerializeToString()
