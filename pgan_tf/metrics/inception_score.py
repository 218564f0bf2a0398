"""Inception score (Salimans et al., 2016, §4).

`exp(mean KL(p(y|x) || p(y)))` ranges from 1, if all pictures look alike, to the number of classes,
if each picture clearly has one and all are equally frequent. As published, mean over ten parts.
"""

import numpy as np

from pgan_tf.metrics.inception import FILTER, InceptionOutput
from pgan_tf.metrics.metric import Metric

PARTS = 10


class ScoreCollector:
    """Sums class probabilities within each part of `num_images` pictures, in order."""

    def __init__(self, num_images: int, parts: int = PARTS) -> None:
        self._parts = min(parts, num_images)
        self._ends = np.arange(1, self._parts + 1) * num_images // self._parts
        self._counts = np.zeros(self._parts, np.int64)
        self._negentropies = np.zeros(self._parts)  # sums of p log p
        self._sums = np.zeros((self._parts, 0))  # of p

    def add(self, batch: InceptionOutput) -> None:
        """Adds Inception's output for a batch."""
        probabilities = batch.probabilities.astype(np.float64)
        if not self._sums.size:
            self._sums = np.zeros((self._parts, probabilities.shape[1]))
        places = self._counts.sum() + np.arange(len(probabilities))
        parts = np.searchsorted(self._ends, places, side="right")
        np.add.at(self._counts, parts, 1)
        np.add.at(self._negentropies, parts, _p_log_p(probabilities).sum(axis=1))
        np.add.at(self._sums, parts, probabilities)

    def scores(self) -> np.ndarray:
        """Returns each part's score, float64."""
        means = self._sums / self._counts[:, None]
        return np.exp(self._negentropies / self._counts - _p_log_p(means).sum(axis=1))


def _p_log_p(p: np.ndarray) -> np.ndarray:
    return p * np.log(np.where(p > 0, p, 1.0))


def make_is(num_images: int, sha256: str) -> Metric:
    """Returns the metric `is`, the mean over the parts, with `is_std`, their deviation."""

    def compare(reals: object, fakes: ScoreCollector) -> dict[str, float]:
        scores = fakes.scores()
        return {"is": float(scores.mean()), "is_std": float(scores.std())}

    def collect(which: int) -> ScoreCollector:
        return ScoreCollector(num_images)

    return Metric("is", collect, compare, "is", "higher", FILTER, False, sha256)
