"""Exports a generator as an ONNX model, with the few operations that it needs.

It computes in ONNX's order, (batch, channels, height, width), and gives its pictures in ours.
"""

import itertools
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pgan_tf.exporting.model_card import describe
from pgan_tf.exporting.runtimes import check_pictures, import_packages, write_model
from pgan_tf.exporting.writer import Exported, ExportOptions
from pgan_tf.networks.folded import InferenceGenerator, fold
from pgan_tf.runs.trained import Trained

if TYPE_CHECKING:
    import onnx

OPSET = 17  # old enough for runtimes of 2022, new enough for all operations used here
_IR_VERSION = 8  # the file format that came with it
_EPSILON = 1e-8  # of pixel norm
# Fields of `model_card.describe` in the file's metadata, for who has nothing but that.
_IN_THE_FILE = (
    *(
        "resolution",
        "width",
        "height",
        "num_channels",
        "latent_size",
        "label_size",
        "label_names",
        "training_data",
    ),
    *("kimg", "trained_by", "terms"),
)


def write_onnx(trained: Trained, options: ExportOptions) -> Exported:
    """Writes a generator as `<export_dir>/<version>/model.onnx`; see `Writer`."""
    contents = checked_onnx(trained, "onnx")
    return write_model(trained, options, "onnx", "model.onnx", contents, {"opset": OPSET})


def checked_onnx(trained: Trained, export_format: str) -> bytes:
    """Returns the file. UserError if a package is missing, or ONNX Runtime draws otherwise."""
    _, onnxruntime = import_packages(export_format, "onnx onnxruntime", "onnx", "onnxruntime")
    known = describe(trained, "onnx")
    metadata = {name: known[name] for name in _IN_THE_FILE}
    contents = onnx_model(fold(trained.generator, trained.network), metadata).SerializeToString()
    session = onnxruntime.InferenceSession(contents, providers=["CPUExecutionProvider"])
    check_pictures(trained, export_format, lambda inputs: session.run(["images"], inputs)[0])
    return contents


def onnx_model(
    generator: InferenceGenerator, metadata: Mapping[str, Any] | None = None
) -> "onnx.ModelProto":
    """Returns a model from `latents` float32 (batch, latent_size) to `images`.

    With classes it also takes `labels` float32 (batch, label_size). `images` float32 (batch,
    height, width, channels) are clipped to [-1, 1]; the batch is free. `metadata` is written into
    the file, as JSON. ImportError without the package `onnx`.
    """
    return _Graph(generator).build(metadata or {})


class _Graph:
    """The nodes and weights of a model while it is built."""

    def __init__(self, generator: InferenceGenerator) -> None:
        import onnx

        self._onnx = onnx
        self._generator = generator
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, onnx.TensorProto] = {}
        self._numbers = itertools.count()

    def build(self, metadata: Mapping[str, Any]) -> "onnx.ModelProto":
        helper, generator = self._onnx.helper, self._generator
        config, shape = generator.config, generator.config.base.shape(generator.resolution)
        sizes = {"latents": config.latent_size}
        sizes |= {"labels": config.label_size} if config.label_size else {}

        def value(name: str, *shape: int) -> "onnx.ValueInfoProto":
            kind = self._onnx.TensorProto.FLOAT
            return helper.make_tensor_value_info(name, kind, ("batch", *shape))

        self._draw([*sizes])
        graph = helper.make_graph(
            self._nodes,
            "generator",
            [value(name, count) for name, count in sizes.items()],
            [value("images", *shape, config.num_channels)],
            [*self._weights.values()],
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=_IR_VERSION,
            producer_name="pgan-tf",
            doc_string="A generator of a progressive GAN. latents: N(0, 1). images: (batch, "
            "height, width, channels), clipped to [-1, 1].",
        )
        texts = {name: json.dumps(one, ensure_ascii=False) for name, one in metadata.items()}
        helper.set_model_props(model, texts)
        return model

    def _draw(self, inputs: list[str]) -> None:
        """Adds the nodes of `InferenceGenerator.__call__`."""
        generator, config = self._generator, self._generator.config
        x = self._add("Concat", *inputs, axis=1) if config.label_size else inputs[0]
        if config.normalize_latents:
            x = self._pixel_norm(x)
        x = below = self._finish(self._dense(x))
        for i, layer in enumerate(generator.convolutions):
            if layer.upscales and i == len(generator.convolutions) - 2:
                below = x
            x = self._finish(self._convolve(layer, x))
        images = self._convolve(generator.to_rgb, x)
        if generator.to_rgb_below:
            half = self._convolve(generator.to_rgb_below, below)
            images = self._add("Add", images, self._enlarge(half))
        if config.tanh:
            images = self._add("Tanh", images)
        limits = self._constant("lowest", -1.0), self._constant("highest", 1.0)
        images = self._add("Clip", images, *limits)
        self._add("Transpose", images, perm=[0, 2, 3, 1], output="images")

    def _dense(self, x: str) -> str:
        """Adds the layer from latents to the first maps, with its columns in ONNX's order."""
        layer, base = self._generator.dense, self._generator.config.base
        kernel, bias = layer.kernel.numpy(), layer.bias.numpy()
        columns = kernel.reshape(len(kernel), *base.shape(4), len(bias)).transpose(0, 3, 1, 2)
        name = _name_of(layer)
        weights = self._constant(f"{name}/kernel", columns.reshape(kernel.shape))
        x = self._add(
            "Gemm", x, weights, self._constant(f"{name}/bias", np.repeat(bias, base.cells))
        )
        shape = self._constant("4x4_shape", np.array([-1, len(bias), *base.shape(4)], np.int64))
        return self._add("Reshape", x, shape)

    def _convolve(self, layer: Any, x: str) -> str:
        kernel, fused = layer.kernel.numpy(), layer.upscales and self._generator.form == "fused"
        if layer.upscales and not fused:
            x = self._enlarge(x)
        # (height, width, in, out), fused (…, out, in): ONNX has (out, in, …), fused (in, out, …).
        name = _name_of(layer)
        weights = self._constant(f"{name}/kernel", kernel.transpose(3, 2, 0, 1))
        bias = self._constant(f"{name}/bias", layer.bias.numpy())
        pads = [(kernel.shape[0] - 1) // 2] * 4
        kind, strides = ("ConvTranspose", [2, 2]) if fused else ("Conv", [1, 1])
        return self._add(kind, x, weights, bias, strides=strides, pads=pads)

    def _finish(self, x: str) -> str:
        config = self._generator.config
        leaky = config.generator_leaky_relu
        x = self._add("LeakyRelu", x, alpha=0.2) if leaky else self._add("Relu", x)
        return self._pixel_norm(x) if config.pixel_norm else x

    def _pixel_norm(self, x: str) -> str:
        mean = self._add("ReduceMean", self._add("Mul", x, x), axes=[1], keepdims=1)
        square = self._add("Add", mean, self._constant("pixel_norm_epsilon", _EPSILON))
        return self._add("Div", x, self._add("Sqrt", square))

    def _enlarge(self, x: str) -> str:
        """Repeats pixels: nearest neighbor, in the way that all runtimes know."""
        scales = self._constant("twice", np.array([1, 1, 2, 2], np.float32))
        how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return self._add("Resize", x, "", scales, mode="nearest", **how)

    def _add(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Adds a node, and returns the name of its output."""
        name = output or f"{kind}_{next(self._numbers)}"
        helper = self._onnx.helper
        self._nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def _constant(self, name: str, value: float | np.ndarray) -> str:
        """Adds a constant once, and returns its name."""
        array = np.asarray(value, np.float32 if isinstance(value, float) else None)
        contiguous = np.ascontiguousarray(array).reshape(array.shape)
        self._weights.setdefault(name, self._onnx.numpy_helper.from_array(contiguous, name))
        return name


def _name_of(layer: Any) -> str:
    """Returns the name of a layer of a generator, such as `16x16_conv0`."""
    return str(layer.kernel.name).partition(":")[0]
