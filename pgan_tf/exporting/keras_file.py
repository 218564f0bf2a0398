"""Exports a generator as a Keras file, which opens without this project; see `networks.stock`."""

import os
import posixpath
import shlex

import keras
import numpy as np

from pgan_tf.exporting.runtimes import check_pictures
from pgan_tf.exporting.writer import Exported, ExportOptions, next_version
from pgan_tf.networks.folded import fold
from pgan_tf.networks.stock import to_stock
from pgan_tf.runs.trained import Trained
from tfrecords.common.files import copy_file, temporary_folder

KERAS_FILE = "generator.keras"


def write_keras(trained: Trained, options: ExportOptions) -> Exported:
    """Writes a generator as `<export_dir>/<version>/generator.keras`; see `Writer`."""
    with temporary_folder() as temporary:
        written = os.path.join(temporary, KERAS_FILE)
        to_stock(fold(trained.generator, trained.network)).save(written)
        opened = keras.saving.load_model(written, compile=False)

        def draw(inputs: dict[str, np.ndarray]) -> np.ndarray:
            return opened(list(inputs.values()) if len(inputs) > 1 else inputs["latents"]).numpy()

        check_pictures(trained, "keras", draw)
        with next_version(options, trained, "keras") as (path, folder):
            copy_file(written, posixpath.join(folder, KERAS_FILE))
    card = shlex.quote(posixpath.join(path, "model_card.md"))
    return Exported(posixpath.join(path, KERAS_FILE), (f"less {card}",))
