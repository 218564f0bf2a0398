"""The discrete mode test (paper, appendix E; Metz et al., 2016): which of 1,000 digits are drawn?

A picture of MNIST-RGB shows a digit in red, another in green and a third in blue: 1,000 modes.
A classifier reads the three channels of generated pictures one by one.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable

import numpy as np

NUM_MODES = 1000
NUM_SAMPLES = 25_600  # as Metz et al. and the paper

# Digits of `(pictures, 32, 32)` uint8: `(pictures,)` int64, 0 to 9.
ReadDigits = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class ModeCoverage:
    """How many modes a generator draws, and how evenly.

    Attributes:
        num_samples: pictures classified.
        modes: modes that were drawn at least once, 0 to all.
        reverse_kl: Kullback-Leibler divergence of what was drawn from the uniform
            distribution, in nats; 0 is best, one mode alone of 1,000 is log 1000 = 6.91.
    """

    num_samples: int
    modes: int
    reverse_kl: float


def count_modes(batches: Iterable[np.ndarray], read_digits: ReadDigits) -> np.ndarray:
    """Counts how often each mode is drawn.

    Args:
        batches: each `(pictures, 32, 32, 3)` uint8.
        read_digits: the classifier.

    Returns:
        `(1000,)` int64: element 100 r + 10 g + b counts pictures of the digits r, g, b.
    """
    counts = np.zeros(NUM_MODES, np.int64)
    for pictures in batches:
        red, green, blue = (read_digits(pictures[..., channel]) for channel in range(3))
        counts += np.bincount(100 * red + 10 * green + blue, minlength=NUM_MODES)
    return counts


def mode_coverage(counts: np.ndarray) -> ModeCoverage:
    """Returns the two figures of the paper's table 4, of however many modes are counted."""
    num_samples = int(counts.sum())
    shares = counts[counts > 0] / num_samples
    reverse_kl = float(np.sum(shares * np.log(shares * len(counts))))
    return ModeCoverage(num_samples, int(np.count_nonzero(counts)), max(0.0, reverse_kl))


def expected_coverage(num_samples: int = NUM_SAMPLES) -> ModeCoverage:
    """Returns what a perfect generator comes to, on average (to second order for the divergence).

    A sample of a uniform distribution is not uniform itself: its divergence is about
    (modes - 1) / (2 samples).
    """
    missed = NUM_MODES * math.exp(num_samples * math.log1p(-1 / NUM_MODES))
    return ModeCoverage(num_samples, round(NUM_MODES - missed), (NUM_MODES - 1) / (2 * num_samples))
