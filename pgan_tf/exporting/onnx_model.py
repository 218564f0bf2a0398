"""A generator as an ONNX model, checked in ONNX Runtime before it is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pgan_tf.exporting.runtime_check import import_extras, write_checked
from pgan_tf.exporting.signatures import make_signatures
from pgan_tf.exporting.writer import Exported, ExportOptions
from pgan_tf.networks.folded import fold
from pgan_tf.runs.trained import Trained

MODEL_FILE = "model.onnx"
_PACKAGES = "tf2onnx onnxruntime"
# Old enough for runtimes of 2022, new enough for everything here.
_OPSET = 17
_USAGE = """An ONNX model, `model.onnx`: `latents` float32 (batch, {latent_size}){labels} → \
`images` float32 (batch, height, width, channels) in [-1, 1].

    session = onnxruntime.InferenceSession("model.onnx")
    (images,) = session.run(["images"], {"latents": latents{fed}})"""


def write_onnx(trained: Trained, options: ExportOptions) -> Exported:
    """Writes a generator as `<export_dir>/<version>/model.onnx`.

    Raises:
        UserError: packages are missing, its pictures are others, or it can't be written.
    """
    tf2onnx, onnxruntime = import_extras("onnx", _PACKAGES, "tf2onnx", "onnxruntime")
    signature = make_signatures(fold(trained.generator, trained.network))["serving_default"]
    model, _ = tf2onnx.convert.from_function(
        signature, input_signature=signature.input_signature, opset=_OPSET
    )
    _tidy(model.graph)
    contents = model.SerializeToString()

    session = onnxruntime.InferenceSession(contents, providers=["CPUExecutionProvider"])

    def draw(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        return session.run(["images"], dict(inputs))[0]

    usage = _USAGE.replace("{fed}", ', "labels": labels' if trained.network.label_size else "")
    return write_checked(trained, options, "onnx", MODEL_FILE, contents, draw, usage)


def _tidy(graph: Any) -> None:
    """Names the batch dimension, and words nearest neighbour as newer runtimes know it."""
    for tensor in (*graph.input, *graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = "batch"
    for node in graph.node:
        if node.op_type == "Resize":
            # Doubling: TensorFlow's half pixel centers choose the same neighbour as this does.
            words = {"coordinate_transformation_mode": b"asymmetric", "nearest_mode": b"floor"}
            for attribute in node.attribute:
                if attribute.name in words:
                    attribute.s = words[attribute.name]
