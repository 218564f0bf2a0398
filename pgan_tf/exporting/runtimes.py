"""Exports a generator to ONNX Runtime or LiteRT (TensorFlow Lite), and checks its pictures."""

import importlib
import posixpath
import shlex
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import tensorflow as tf

from pgan_tf.exporting.saved_model import make_signatures, save
from pgan_tf.exporting.writer import Exported, ExportOptions, next_version
from pgan_tf.networks.folded import fold
from pgan_tf.networks.sampling import latents_from_seeds, one_hot_labels
from pgan_tf.runs.trained import Trained
from tfrecords.common.errors import UserError
from tfrecords.common.files import temporary_folder, write_file

LARGEST_DIFFERENCE = 1e-4  # between pictures of the runtime and of TensorFlow, in [-1, 1]
# From `latents` and, with classes, `labels`, to pictures (batch, height, width, channels) float32.
Draw = Callable[[dict[str, np.ndarray]], np.ndarray]
_OPSET = 17  # old enough for runtimes of 2022, new enough for all operations used here
_SIGNATURE = "serving_default"


def write_onnx(trained: Trained, options: ExportOptions) -> Exported:
    """Writes a generator as `<export_dir>/<version>/model.onnx`; see `Writer`."""
    tf2onnx, onnxruntime = import_packages("onnx", "tf2onnx onnxruntime", "tf2onnx", "onnxruntime")
    signature = make_signatures(fold(trained.generator, trained.network))[_SIGNATURE]
    inputs = signature.input_signature
    model, _ = tf2onnx.convert.from_function(signature, input_signature=inputs, opset=_OPSET)
    _tidy(model.graph)
    contents = model.SerializeToString()
    session = onnxruntime.InferenceSession(contents, providers=["CPUExecutionProvider"])
    check_pictures(trained, "onnx", lambda inputs: session.run(["images"], inputs)[0])
    return _write(trained, options, "onnx", "model.onnx", contents)


def write_litert(trained: Trained, options: ExportOptions) -> Exported:
    """Writes a generator as `<export_dir>/<version>/model.tflite`; see `Writer`."""
    (litert,) = import_packages("litert", "ai-edge-litert", "ai_edge_litert.interpreter")
    with temporary_folder() as folder:
        save(fold(trained.generator, trained.network), folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[_SIGNATURE])
        contents = converter.convert()
    runner = litert.Interpreter(model_content=contents).get_signature_runner(_SIGNATURE)
    # Copied, because the next call overwrites the result's memory.
    check_pictures(trained, "litert", lambda inputs: np.array(runner(**inputs)["images"]))
    return _write(trained, options, "litert", "model.tflite", contents)


def check_pictures(trained: Trained, export_format: str, draw: Draw) -> None:
    """Raises UserError unless the exported model draws the same pictures as its generator."""
    network = trained.network
    for n in (1, 2):
        latents = latents_from_seeds(range(n), network.latent_size)
        labels = one_hot_labels(range(n), network.label_size)
        expected = np.clip(trained.generator([latents, labels]).numpy(), -1, 1)
        images = draw({"latents": latents} | ({"labels": labels} if labels.size else {}))
        difference = np.abs(images - expected).max() if images.shape == expected.shape else np.inf
        # Written so that NaN fails, too.
        if not difference <= LARGEST_DIFFERENCE:
            raise UserError(
                f"--format={export_format}: expected pictures within {LARGEST_DIFFERENCE:g}, got a "
                f"difference of {difference:.2g} with these versions: give --format=saved_model"
            )


def import_packages(export_format: str, packages: str, *modules: str) -> list[ModuleType]:
    """Imports what a format needs. UserError with the packages to install if one is missing."""
    try:
        return [importlib.import_module(name) for name in modules]
    except ImportError as error:
        raise UserError(
            f"--format={export_format}: {error}: expected its packages: pip install {packages}"
        ) from None


def _tidy(graph: Any) -> None:
    """Names the batch dimension, and expresses nearest neighbor in a way newer runtimes accept."""
    for tensor in (*graph.input, *graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = "batch"
    # For a factor of 2, this picks the same neighbors as TensorFlow's half-pixel centers.
    attributes = {"coordinate_transformation_mode": b"asymmetric", "nearest_mode": b"floor"}
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Resize" and attribute.name in attributes:
                attribute.s = attributes[attribute.name]


def _write(trained: Trained, options: ExportOptions, kind: str, name: str, data: bytes) -> Exported:
    with next_version(options, trained, kind) as (path, folder):
        write_file(posixpath.join(folder, name), data)
    card = shlex.quote(posixpath.join(path, "model_card.md"))
    return Exported(posixpath.join(path, name), (f"less {card}",))
