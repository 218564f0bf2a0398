"""What formats of other runtimes share: packages imported when asked for, and a last look."""

from __future__ import annotations

import importlib
import posixpath
import shlex
from collections.abc import Callable, Mapping
from types import ModuleType

import numpy as np
import tensorflow as tf

from pgan_tf.exporting.model_card import write_description
from pgan_tf.exporting.writer import Exported, ExportOptions, next_version, whole_version
from pgan_tf.networks.sampling import latents_from_seeds, one_hot_labels
from pgan_tf.runs.trained import Trained
from tfrecords.common.errors import UserError

# Of the runtime's pictures from TensorFlow's, in [-1, 1].
LARGEST_DIFFERENCE = 1e-4
_BATCHES = (1, 2)

# From `latents` and, with classes, `labels`, to pictures (batch, height, width, channels) float32.
Draw = Callable[[Mapping[str, np.ndarray]], np.ndarray]


def import_extras(export_format: str, packages: str, *modules: str) -> list[ModuleType]:
    """Imports modules of packages that only one format needs.

    Args:
        export_format: its name.
        packages: what to install, as pip takes it.
        modules: their names.

    Raises:
        UserError: they are not installed.
    """
    try:
        return [importlib.import_module(name) for name in modules]
    except ImportError as error:
        raise UserError(
            f"--format={export_format}: expected the packages {packages}, got {error}: "
            f"pip install {packages}"
        ) from None


def check_pictures(trained: Trained, export_format: str, draw: Draw) -> None:
    """Draws with the exported model, and compares with the generator it was made from.

    Args:
        trained: that generator.
        export_format: the format's name.
        draw: draws with the model.

    Raises:
        UserError: the pictures are others.
    """
    network = trained.network
    for n in _BATCHES:
        latents = latents_from_seeds(range(n), network.latent_size)
        labels = one_hot_labels(range(n), network.label_size)
        expected = np.clip(trained.generator([latents, labels]).numpy(), -1, 1)
        images = draw(
            {"latents": latents, "labels": labels} if labels.size else {"latents": latents}
        )
        difference = np.abs(images - expected).max() if images.shape == expected.shape else np.inf
        # Not finite is not equal either.
        if not difference <= LARGEST_DIFFERENCE:
            raise UserError(
                f"--format={export_format}: expected the generator's pictures within "
                f"{LARGEST_DIFFERENCE:g}, got a difference of {difference:.2g} with the versions "
                f"that are installed: nothing was written; --format=saved_model needs no other "
                f"package"
            )


def write_checked(
    trained: Trained,
    options: ExportOptions,
    export_format: str,
    file_name: str,
    contents: bytes,
    draw: Draw,
    usage: str,
) -> Exported:
    """Writes a model of one file as `<export_dir>/<version>/<file_name>`, once it draws alike.

    Args:
        trained: the generator that it was made from.
        options: where to.
        export_format: the format's name.
        file_name: of the model.
        contents: the file.
        draw: draws with it, see `check_pictures`.
        usage: how, for the model card; {latent_size} and {labels} are filled in.

    Raises:
        UserError: its pictures are others, or it can't be written.
    """
    check_pictures(trained, export_format, draw)
    labels = trained.network.label_size
    words = f" and `labels` float32 (batch, {labels})" if labels else ""
    usage = usage.replace("{latent_size}", str(trained.network.latent_size))
    with next_version(options.export_dir) as path, whole_version(path, trained) as folder:
        with tf.io.gfile.GFile(posixpath.join(folder, file_name), "wb") as file:
            file.write(contents)
        description = usage.replace("{labels}", words)
        write_description(folder, trained, export_format, description)
    card = shlex.quote(posixpath.join(path, "model_card.md"))
    return Exported(posixpath.join(path, file_name), (f"less {card}",))
