"""A generator as a LiteRT (TensorFlow Lite) model, checked in LiteRT before it is written."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from pgan_tf.exporting.model_card import write_description
from pgan_tf.exporting.runtime_check import check_pictures, import_extras
from pgan_tf.exporting.saved_model import save
from pgan_tf.exporting.writer import Exported, ExportOptions, next_version, whole_version
from pgan_tf.networks.folded import InferenceGenerator, fold
from pgan_tf.runs.trained import Trained
from tfrecords.common.temporary import temporary_folder

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

    check_pictures(trained, "litert", draw)
    labels = trained.network.label_size
    usage = _USAGE.format(
        latent_size=trained.network.latent_size,
        labels=f" and `labels` float32 (batch, {labels})" if labels else "",
        fed=", labels=labels" if labels else "",
    )
    with (
        next_version(options.export_dir) as path,
        whole_version(path, trained) as folder,
    ):
        with tf.io.gfile.GFile(posixpath.join(folder, MODEL_FILE), "wb") as file:
            file.write(contents)
        write_description(folder, trained, "litert", usage)
    file = posixpath.join(path, MODEL_FILE)
    return Exported(file, (f"less {shlex.quote(posixpath.join(path, 'model_card.md'))}",))


def _convert(generator: InferenceGenerator) -> bytes:
    """Returns the contents of a .tflite file."""
    with temporary_folder() as folder:
        save(generator, folder)
        return tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=[_SIGNATURE]
        ).convert()
