"""Mode coverage of the built-in shapes: which of their 144 modes are drawn, and how evenly.

All pictures of the data set are known, so a picture's mode is that of the nearest one among
them: of real pictures the classifier is exact, since each of them is the nearest to itself.
"""

from __future__ import annotations

import functools

import numpy as np

from pgan_tf.metrics.metric import Metric
from pgan_tf.metrics.mode_coverage import ModeCoverage, mode_coverage
from tfrecords.common.errors import UserError
from tfrecords.sources import shapes

# Larger pictures are reduced: their outlines are as far apart then.
_LARGEST_SIDE = 32


class ModeCollector:
    """Counts the modes of pictures."""

    def __init__(self) -> None:
        self._counts = np.zeros(shapes.NUM_MODES, np.int64)

    def add(self, batch: np.ndarray) -> None:
        """Takes `(n, side, side, 3)` uint8."""
        self._counts += np.bincount(nearest_modes(batch), minlength=shapes.NUM_MODES)

    def summary(self) -> ModeCoverage:
        """Returns what was found."""
        return mode_coverage(self._counts)


def nearest_modes(pictures: np.ndarray) -> np.ndarray:
    """Returns the mode of the nearest picture of the data set.

    Args:
        pictures: `(n, side, side, 3)` uint8, side a power of two from 4.

    Returns:
        `(n,)` int64, 0 to 143; see `tfrecords.sources.shapes`.
    """
    side = min(_LARGEST_SIDE, pictures.shape[1])
    known, squares, modes = _known_pictures(side)
    factor = pictures.shape[1] // side
    blocks = pictures.reshape(-1, side, factor, side, factor, 3)
    flat = _centred(blocks.mean(axis=(2, 4), dtype=np.float32).reshape(len(pictures), -1))
    # |a - b|² up to what is the same for all known pictures.
    return modes[np.argmin(squares - 2 * (flat @ known.T), axis=1)]


@functools.cache
def _known_pictures(side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns all pictures `(3888, side * side * 3)`, their squared lengths and their modes."""
    indices = range(shapes.NUM_PICTURES)
    known = _centred(np.stack([shapes.draw(index, side).reshape(-1) for index in indices]))
    modes = np.array([shapes.describe(index).mode for index in indices])
    return known, np.einsum("ij,ij->i", known, known), modes


def _centred(pictures: np.ndarray) -> np.ndarray:
    return pictures.astype(np.float32) - np.float32(127.5)


def make_modes(dataset: str, num_channels: int) -> Metric:
    """Returns the metric: `modes` found, of 144, and `modes_kl`, their divergence from uniform.

    Args:
        dataset: name of the data set.
        num_channels: of its pictures.

    Raises:
        UserError: the modes of other pictures are not known.
    """
    if dataset != "shapes" or num_channels != 3:
        raise UserError(
            f"modes: expected the built-in shapes in RGB, whose modes are known, got {dataset}: "
            f"choose other metrics"
        )
    return Metric(
        name="modes",
        version=1,
        sees="pictures",
        against_reals=False,
        collect=lambda which: ModeCollector(),
        compare=lambda reals, found: {
            "modes": float(found.modes),
            "modes_kl": found.reverse_kl,
        },
        headline="modes_kl",
        better="lower",
        filter=f"box average to {_LARGEST_SIDE} px",
    )
