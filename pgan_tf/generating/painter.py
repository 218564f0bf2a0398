"""A trained generator to draw with, wherever it comes from."""

import dataclasses
import posixpath
import re
import sys
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from pgan_tf.exporting.manifest import read_description
from pgan_tf.generating.interpolation import truncate
from pgan_tf.networks.folded import fold
from pgan_tf.networks.sampling import latents_from_seeds, to_uint8
from pgan_tf.runs.trained import Trained
from tfrecords.common.errors import UserError
from tfrecords.common.paths import list_names

BATCH_SIZE = 16


@dataclasses.dataclass(frozen=True)
class Painter:
    """Draws pictures, `(resolution, resolution, num_channels)` uint8."""

    source: str  # where the generator comes from, for people
    resolution: int
    num_channels: int
    latent_size: int
    label_size: int  # 0 without classes
    # From (batch, latent_size) and (batch, label_size) float32 to a batch of pictures, float32,
    # about in [-1, 1].
    images: Callable[[np.ndarray, np.ndarray], tf.Tensor]
    label_names: tuple[str, ...] = ()  # in order; empty where they are not known

    def draw(self, latents: np.ndarray, labels: np.ndarray) -> Iterator[np.ndarray]:
        """Yields a picture for each of `(n, latent_size)` and `(n, label_size)` float32."""
        for begin in range(0, len(latents), BATCH_SIZE):
            part = slice(begin, begin + BATCH_SIZE)
            yield from to_uint8(self.images(latents[part], labels[part]).numpy())


def painter_of(trained: Trained) -> Painter:
    """Returns a painter with a trained generator, folded; see `networks.folded`."""
    network = trained.network
    folded = fold(trained.generator, network)
    compiled = tf.function(
        lambda latents, labels: folded([latents, labels]),
        input_signature=[
            tf.TensorSpec((None, network.latent_size), tf.float32),
            tf.TensorSpec((None, network.label_size), tf.float32),
        ],
    )
    return Painter(
        trained.source,
        folded.resolution,
        network.num_channels,
        network.latent_size,
        network.label_size,
        compiled,
        trained.label_names,
    )


def truncated(painter: Painter, truncation: float, seed: int) -> Painter:
    """Returns a painter whose latents are drawn towards those of a seed; see `truncate`."""
    (center,) = latents_from_seeds([seed], painter.latent_size)
    return dataclasses.replace(
        painter,
        images=lambda latents, labels: painter.images(
            truncate(latents, center, truncation), labels
        ),
    )


def open_saved_model(path: str) -> Painter:
    """Opens what `export.py` wrote: the folder of a version, or the one of all versions.

    A SavedModel is a program. One that says of itself that it is another's is opened all the
    same, after a line on stderr: `pgan.json` beside it can be forged, and proves nothing. Raises
    UserError if there is no such SavedModel.
    """
    folder = _newest_version(path)
    known = read_description(folder)
    files = ("saved_model.pb", "saved_model.pbtxt")
    if not known and any(tf.io.gfile.exists(posixpath.join(folder, name)) for name in files):
        print(
            f"--saved_model: {folder} does not look like an export of pgan-tf: a SavedModel is a "
            "program, open those alone whose makers you trust (docs/security.md)",
            file=sys.stderr,
            flush=True,
        )
    try:
        loaded = tf.saved_model.load(folder)
        signature = loaded.signatures["serving_default"]
        inputs = signature.structured_input_signature[1]
        _, height, width, channels = signature.structured_outputs["images"].shape
        latent_size = inputs["latents"].shape[1]
        label_size = inputs["labels"].shape[1] if "labels" in inputs else 0
        if None in (height, width, channels, latent_size, label_size):
            raise ValueError("sizes that are not fixed")
    except Exception as error:  # what is no SavedModel, or a damaged one, raises all sorts
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"--saved_model: expected the folder of a SavedModel of export.py, got {path!r} "
            f"({reason})"
        ) from None

    def images(latents: np.ndarray, labels: np.ndarray) -> tf.Tensor:
        given = {"latents": tf.constant(latents)}
        if label_size:
            given["labels"] = tf.constant(labels)
        # The signature alone would not keep the variables alive.
        return loaded.signatures["serving_default"](**given)["images"]

    names = known.get("label_names", [])
    are_names = isinstance(names, list) and all(isinstance(name, str) for name in names)
    label_names = tuple(names) if are_names and len(names) == label_size else ()
    return Painter(folder, height, channels, latent_size, label_size, images, label_names)


def _newest_version(path: str) -> str:
    if not tf.io.gfile.isdir(path):
        return path
    names = list_names(path)
    versions = [name for name in names if re.fullmatch("[0-9]+", name)]
    if "saved_model.pb" in names or not versions:
        return path
    return posixpath.join(path, max(versions, key=int))
