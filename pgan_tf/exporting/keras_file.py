"""Exports a generator as a Keras file, which opens without this project; see `networks.stock`."""

import json
import os
import posixpath
import shlex
import zipfile
from typing import Any

import keras
import numpy as np

from pgan_tf.exporting.runtimes import check_pictures
from pgan_tf.exporting.writer import Exported, ExportOptions, next_version
from pgan_tf.networks.folded import fold
from pgan_tf.networks.stock import to_stock
from pgan_tf.runs.trained import Trained
from tfrecords.common.files import copy_file, temporary_folder

KERAS_FILE = "generator.keras"
_CONFIG, _NEWER_SETTING = "config.json", "quantization_config"


def write_keras(trained: Trained, options: ExportOptions) -> Exported:
    """Writes a generator as `<export_dir>/<version>/generator.keras`; see `Writer`."""
    with temporary_folder() as temporary:
        written = os.path.join(temporary, KERAS_FILE)
        save(to_stock(fold(trained.generator, trained.network)), written)
        opened = keras.saving.load_model(written, compile=False)

        def draw(inputs: dict[str, np.ndarray]) -> np.ndarray:
            return opened(list(inputs.values()) if len(inputs) > 1 else inputs["latents"]).numpy()

        check_pictures(trained, "keras", draw)
        with next_version(options, trained, "keras") as (path, folder):
            copy_file(written, posixpath.join(folder, KERAS_FILE))
    card = shlex.quote(posixpath.join(path, "model_card.md"))
    return Exported(posixpath.join(path, KERAS_FILE), (f"less {card}",))


def save(model: keras.Model, path: str) -> None:
    """Writes a local Keras file that Keras opens from version 3.9 on.

    Keras 3.15 writes a setting, always null here, that 3.10 refuses.
    """
    newest = f"{path}.newest.keras"
    model.save(newest)
    with zipfile.ZipFile(newest) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            contents = source.read(name)
            if name == _CONFIG:
                contents = json.dumps(_without(_NEWER_SETTING, json.loads(contents))).encode()
            target.writestr(name, contents)
    os.remove(newest)


def _without(setting: str, config: Any) -> Any:
    """Leaves a setting out of a configuration wherever it is null."""
    if isinstance(config, list):
        return [_without(setting, one) for one in config]
    if not isinstance(config, dict):
        return config
    kept = {name: one for name, one in config.items() if name != setting or one is not None}
    return {name: _without(setting, one) for name, one in kept.items()}
