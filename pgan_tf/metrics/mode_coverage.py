"""Mode coverage (paper, appendix E; Metz et al., 2016): how many modes are drawn, and how evenly?

The metric `modes` is for the built-in shapes with their 144 modes. A picture counts for the mode of
the nearest shape, which is exact for real pictures. `paper.mode_score` has the paper's MNIST-RGB.
"""

import functools

import numpy as np

from pgan_tf.metrics.metric import Metric
from pgan_tf.networks.sampling import average_down
from tfrecords.common.errors import UserError
from tfrecords.sources import shapes

_LARGEST_SIDE = 32  # to which larger shapes are reduced: their outlines are as far apart then


def mode_coverage(counts: np.ndarray) -> tuple[int, float]:
    """Returns how many modes were drawn, from their counts, and the KL from uniform (table 4)."""
    # In nats: 0 is best; a single mode of 1,000 gives log 1000 = 6.91.
    shares = counts[counts > 0] / counts.sum()
    return len(shares), max(0.0, float(np.sum(shares * np.log(shares * len(counts)))))


class ModeCollector:
    """Counts the modes of pictures that show shapes."""

    def __init__(self) -> None:
        self.counts = np.zeros(shapes.NUM_MODES, np.int64)

    def add(self, batch: np.ndarray) -> None:
        """Adds `(n, side, side, 3)` uint8 pictures."""
        self.counts += np.bincount(nearest_modes(batch), minlength=shapes.NUM_MODES)


def nearest_modes(pictures: np.ndarray) -> np.ndarray:
    """Returns the modes, 0 to 143, of the shapes nearest to `(n, side, side, 3)` uint8 pictures."""
    side = min(_LARGEST_SIDE, pictures.shape[1])
    known, squares, modes = _known_pictures(side)
    flat = average_down(pictures, side).reshape(len(pictures), -1) - np.float32(127.5)
    # |a - b|² without |a|², which is the same for all known pictures.
    return modes[np.argmin(squares - 2 * (flat @ known.T), axis=1)]


@functools.cache
def _known_pictures(side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns all shapes `(3888, side * side * 3)`, their squared lengths and their modes."""
    indices = range(shapes.NUM_PICTURES)
    known = np.stack([shapes.draw(index, side).reshape(-1) for index in indices])
    known = known.astype(np.float32) - np.float32(127.5)
    modes = np.array([shapes.describe(index).mode for index in indices])
    return known, np.einsum("ij,ij->i", known, known), modes


def make_modes(dataset: str, num_channels: int) -> Metric:
    """Returns the metric `modes`: the number of modes and the KL. UserError if not RGB shapes."""
    if dataset != "shapes" or num_channels != 3:
        raise UserError(
            f"modes: expected the built-in shapes in RGB, got {dataset}: choose other metrics"
        )

    def compare(reals: object, fakes: ModeCollector) -> dict[str, float]:
        modes, divergence = mode_coverage(fakes.counts)
        return {"modes": float(modes), "modes_kl": divergence}

    filtering = f"box average to {_LARGEST_SIDE} px"
    return Metric(
        "modes", lambda which: ModeCollector(), compare, "modes_kl", "lower", filtering, False
    )
