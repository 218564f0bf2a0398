"""What formats of other runtimes share: packages imported when asked for, and a last look."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from types import ModuleType

import numpy as np

from pgan_tf.networks.sampling import latents_from_seeds, one_hot_labels
from pgan_tf.runs.trained import Trained
from tfrecords.common.errors import UserError

# Of the runtime's pictures from TensorFlow's, in [-1, 1].
LARGEST_DIFFERENCE = 1e-4
_BATCHES = (1, 2)


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


def check_pictures(
    trained: Trained, export_format: str, draw: Callable[[Mapping[str, np.ndarray]], np.ndarray]
) -> None:
    """Draws with the exported model, and compares with the generator it was made from.

    Args:
        trained: that generator.
        export_format: the format's name.
        draw: from `latents` and, with classes, `labels`, to pictures (batch, height, width,
            channels) float32.

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
