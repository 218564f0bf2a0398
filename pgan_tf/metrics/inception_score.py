"""Inception score (Salimans et al., 2016, §4).

`exp(mean KL(p(y|x) || p(y)))`: high where each picture is surely of one class and all
classes occur. From 1, all pictures alike, to the number of classes. It knows no real
pictures: their own score is what to compare with.

As published: the mean and the deviation over ten parts of the set.
"""

from __future__ import annotations

import numpy as np

from pgan_tf.metrics.inception_graph import FILTER, Seen
from pgan_tf.metrics.metric import Metric

PARTS = 10


class ScoreCollector:
    """Sums the classes' probabilities up, for each part."""

    def __init__(self, num_images: int, parts: int = PARTS) -> None:
        """Collects nothing yet.

        Args:
            num_images: that will come.
            parts: that they are divided into, in order; fewer where there are fewer pictures.
        """
        self._parts = min(parts, num_images)
        self._ends = np.arange(1, self._parts + 1) * num_images // self._parts
        self._count = 0
        self._counts = np.zeros(self._parts, np.int64)
        # Of p log p, and of p itself.
        self._negentropies = np.zeros(self._parts)
        self._sums = np.zeros((self._parts, 0))

    def add(self, batch: Seen) -> None:
        """Takes what Inception makes of a batch."""
        probabilities = batch.probabilities.astype(np.float64)
        if not self._sums.size:
            self._sums = np.zeros((self._parts, probabilities.shape[1]))
        places = np.arange(self._count, self._count + len(probabilities))
        parts = np.searchsorted(self._ends, places, side="right")
        np.add.at(self._counts, parts, 1)
        np.add.at(self._negentropies, parts, _p_log_p(probabilities).sum(axis=1))
        np.add.at(self._sums, parts, probabilities)
        self._count += len(probabilities)

    def summary(self) -> np.ndarray:
        """Returns each part's score, float64."""
        means = self._sums / self._counts[:, None]
        return np.exp(self._negentropies / self._counts - _p_log_p(means).sum(axis=1))


def _p_log_p(p: np.ndarray) -> np.ndarray:
    return p * np.log(np.where(p > 0, p, 1.0))


def make_is(num_images: int, inception_sha256: str) -> Metric:
    """Returns the metric: `is`, the mean over the parts, and `is_std`, their deviation."""
    return Metric(
        name="is",
        version=1,
        sees="inception",
        against_reals=False,
        collect=lambda which: ScoreCollector(num_images),
        compare=lambda reals, parts: {"is": float(parts.mean()), "is_std": float(parts.std())},
        headline="is",
        better="higher",
        filter=FILTER,
        weights_sha256=inception_sha256,
    )
