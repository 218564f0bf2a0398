"""Exports a generator for LiteRT, which was TensorFlow Lite, with signatures of fixed batches.

The converter is TensorFlow's `tf.lite`, which is leaving TensorFlow; a test tells when it has.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from pgan_tf.exporting.runtimes import Draw, check_pictures, import_packages, write_model
from pgan_tf.exporting.saved_model import make_signatures
from pgan_tf.exporting.writer import Exported, ExportOptions
from pgan_tf.networks.folded import fold
from pgan_tf.runs.trained import Trained
from tfrecords.common.errors import UserError
from tfrecords.common.files import temporary_folder

# Runtimes that resize no inputs, as in browsers, take the fixed ones. From name to batch.
SIGNATURES = {"serving_default": None, "batch_1": 1, "batch_16": 16}


def write_litert(trained: Trained, options: ExportOptions) -> Exported:
    """Writes a generator as `<export_dir>/<version>/model.tflite`; see `Writer`."""
    contents = checked_litert(trained, "litert")
    facts = {"signatures": {name: batch or "free" for name, batch in SIGNATURES.items()}}
    return write_model(trained, options, "litert", "model.tflite", contents, facts)


def checked_litert(trained: Trained, export_format: str) -> bytes:
    """Returns the file. UserError if a package is missing, or LiteRT draws otherwise."""
    contents = litert_model(trained)
    (litert,) = import_packages(export_format, "ai-edge-litert", "ai_edge_litert.interpreter")
    interpreter = litert.Interpreter(model_content=contents)
    for name, batch in SIGNATURES.items():
        runner = interpreter.get_signature_runner(name)
        check_pictures(trained, export_format, _drawing(runner), (batch,) if batch else (1, 2))
    return contents


def _drawing(runner: Any) -> Draw:
    # Copied, because the next call overwrites the result's memory.
    return lambda inputs: np.array(runner(**inputs)["images"])


def litert_model(trained: Trained) -> bytes:
    """Returns a model with `SIGNATURES`, each as `saved_model.make_signatures` says."""
    if not hasattr(tf, "lite"):
        raise UserError(
            f"--format=litert: expected a TensorFlow with tf.lite, got {tf.__version__}: install "
            "TensorFlow 2.21, or give --format=onnx"
        )
    generator = fold(trained.generator, trained.network)
    free = make_signatures(generator)["serving_default"]
    module = tf.Module()
    module.exported = generator.variables
    signatures = {}
    for name, batch in SIGNATURES.items():
        specs = [
            tf.TensorSpec((batch, *s.shape[1:]), s.dtype, s.name) for s in free.input_signature
        ]
        signatures[name] = tf.function(free.python_function, input_signature=specs)
    with temporary_folder() as folder:
        tf.saved_model.save(module, folder, signatures=signatures)
        keys = [*signatures]
        return bytes(
            tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=keys).convert()
        )
