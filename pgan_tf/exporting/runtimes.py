"""What the exports for other runtimes, ONNX and LiteRT, share: a file, checked in its runtime."""

import importlib
import posixpath
import shlex
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from pgan_tf.exporting.writer import Exported, ExportOptions, next_version
from pgan_tf.networks.sampling import latents_from_seeds, one_hot_labels
from pgan_tf.runs.trained import Trained
from tfrecords.common.errors import UserError
from tfrecords.common.files import write_file

LARGEST_DIFFERENCE = 1e-4  # between pictures of the runtime and of TensorFlow, in [-1, 1]
# From `latents` and, with classes, `labels`, to pictures (batch, height, width, channels) float32.
Draw = Callable[[dict[str, np.ndarray]], np.ndarray]


def check_pictures(
    trained: Trained, export_format: str, draw: Draw, batches: Sequence[int] = (1, 2)
) -> None:
    """Raises UserError unless the exported model draws the same pictures as its generator."""
    network = trained.network
    for n in batches:
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


def write_model(
    trained: Trained,
    options: ExportOptions,
    kind: str,
    name: str,
    contents: bytes,
    facts: Mapping[str, Any],
) -> Exported:
    """Writes a model's file as `<export_dir>/<version>/<name>`, with `facts` in its pgan.json."""
    with next_version(options, trained, kind, facts) as (path, folder):
        write_file(posixpath.join(folder, name), contents)
    card = shlex.quote(posixpath.join(path, "model_card.md"))
    return Exported(posixpath.join(path, name), (f"less {card}",))
