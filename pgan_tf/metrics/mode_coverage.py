"""Mode coverage (paper, appendix E; Metz et al., 2016): which modes are drawn, how evenly?

In the paper, of MNIST-RGB: a digit in red, another in green and a third in blue make 1,000 modes,
and a classifier reads the three channels one by one. As the metric `modes`, of the built-in
shapes with their 144 modes. All pictures of these are known, so a picture's mode is that of the
nearest one: on real pictures this classifier is exact.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterable

import numpy as np

from pgan_tf.metrics.metric import Metric
from tfrecords.common.errors import UserError
from tfrecords.sources import shapes

NUM_MODES = 1000
NUM_SAMPLES = 25_600  # as Metz et al. and the paper

# Larger shapes are reduced to this side: their outlines are as far apart then.
_LARGEST_SIDE = 32


@dataclasses.dataclass(frozen=True)
class ModeCoverage:
    """How many modes a generator draws, and how evenly."""

    num_samples: int
    modes: int  # drawn at least once
    # Kullback-Leibler divergence from the uniform distribution, in nats: 0 is best, one mode
    # alone of 1,000 is log 1000 = 6.91.
    reverse_kl: float


def mode_coverage(counts: np.ndarray) -> ModeCoverage:
    """Returns the two figures of the paper's table 4, from how often each mode was drawn."""
    num_samples = int(counts.sum())
    shares = counts[counts > 0] / num_samples
    reverse_kl = float(np.sum(shares * np.log(shares * len(counts))))
    return ModeCoverage(num_samples, int(np.count_nonzero(counts)), max(0.0, reverse_kl))


def count_modes(
    batches: Iterable[np.ndarray], read_digits: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Counts the modes of `(n, 32, 32, 3)` uint8 batches of MNIST-RGB.

    `read_digits` makes `(n,)` int64 of `(n, 32, 32)` uint8. Returns `(1000,)` int64: element
    100 r + 10 g + b counts pictures of the digits r, g and b.
    """
    counts = np.zeros(NUM_MODES, np.int64)
    for pictures in batches:
        red, green, blue = (read_digits(pictures[..., channel]) for channel in range(3))
        counts += np.bincount(100 * red + 10 * green + blue, minlength=NUM_MODES)
    return counts


class ModeCollector:
    """Counts the modes of pictures of shapes."""

    def __init__(self) -> None:
        self.counts = np.zeros(shapes.NUM_MODES, np.int64)

    def add(self, batch: np.ndarray) -> None:
        """Takes `(n, side, side, 3)` uint8."""
        self.counts += np.bincount(nearest_modes(batch), minlength=shapes.NUM_MODES)


def nearest_modes(pictures: np.ndarray) -> np.ndarray:
    """Returns the mode of the nearest shape, `(n,)` int64 of 0 to 143.

    Takes `(n, side, side, 3)` uint8 pictures, whose side is a power of two from 4.
    """
    side = min(_LARGEST_SIDE, pictures.shape[1])
    known, squares, modes = _known_pictures(side)
    factor = pictures.shape[1] // side
    blocks = pictures.reshape(-1, side, factor, side, factor, 3)
    flat = _centered(blocks.mean(axis=(2, 4), dtype=np.float32).reshape(len(pictures), -1))
    # |a - b|² up to what is the same for all known pictures.
    return modes[np.argmin(squares - 2 * (flat @ known.T), axis=1)]


@functools.cache
def _known_pictures(side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns all shapes `(3888, side * side * 3)`, their squared lengths and their modes."""
    indices = range(shapes.NUM_PICTURES)
    known = _centered(np.stack([shapes.draw(index, side).reshape(-1) for index in indices]))
    modes = np.array([shapes.describe(index).mode for index in indices])
    return known, np.einsum("ij,ij->i", known, known), modes


def _centered(pictures: np.ndarray) -> np.ndarray:
    return pictures.astype(np.float32) - np.float32(127.5)


def make_modes(dataset: str, num_channels: int) -> Metric:
    """Returns the metric `modes`: how many of 144 are found, and their divergence from uniform.

    Raises UserError for other pictures than the built-in shapes in RGB.
    """
    if dataset != "shapes" or num_channels != 3:
        raise UserError(
            f"modes: expected the built-in shapes in RGB, whose modes are known, got {dataset}: "
            f"choose other metrics"
        )

    def compare(reals: object, fakes: ModeCollector) -> dict[str, float]:
        found = mode_coverage(fakes.counts)
        return {"modes": float(found.modes), "modes_kl": found.reverse_kl}

    return Metric(
        name="modes",
        collect=lambda which: ModeCollector(),
        compare=compare,
        headline="modes_kl",
        better="lower",
        filter=f"box average to {_LARGEST_SIDE} px",
        against_reals=False,
    )
