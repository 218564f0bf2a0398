"""A generator as a LiteRT (TensorFlow Lite) model, checked in LiteRT before it is written."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from pgan_tf.exporting.runtime_check import import_extras, write_checked
from pgan_tf.exporting.saved_model import save
from pgan_tf.exporting.writer import Exported, ExportOptions
from pgan_tf.networks.folded import InferenceGenerator, fold
from pgan_tf.runs.trained import Trained
from tfrecords.common.files import temporary_folder

MODEL_FILE = "model.tflite"
_SIGNATURE = "serving_default"
_USAGE = """A LiteRT model, `model.tflite`, with the signature `serving_default`: `latents` \
float32 (batch, {latent_size}){labels} → `images` float32 (batch, height, width, channels) in \
[-1, 1]. The batch is 1 until the inputs are resized; in Python the signature's runner does that.

    interpreter = ai_edge_litert.interpreter.Interpreter("model.tflite")
    images = interpreter.get_signature_runner()(latents=latents{fed})["images"]"""


def write_litert(trained: Trained, options: ExportOptions) -> Exported:
    """Writes a generator as `<export_dir>/<version>/model.tflite`.

    Raises:
        UserError: a package is missing, its pictures are others, or it can't be written.
    """
    (litert,) = import_extras("litert", "ai-edge-litert", "ai_edge_litert.interpreter")
    contents = _convert(fold(trained.generator, trained.network))
    # The result is a view of memory that the next call writes to.
    runner = litert.Interpreter(model_content=contents).get_signature_runner(_SIGNATURE)

    def draw(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        return np.array(runner(**inputs)["images"])

    usage = _USAGE.replace("{fed}", ", labels=labels" if trained.network.label_size else "")
    return write_checked(trained, options, "litert", MODEL_FILE, contents, draw, usage)


def _convert(generator: InferenceGenerator) -> bytes:
    """Returns the contents of a .tflite file."""
    with temporary_folder() as folder:
        save(generator, folder)
        return tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=[_SIGNATURE]
        ).convert()
