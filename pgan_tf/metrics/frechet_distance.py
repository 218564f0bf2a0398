"""Fréchet Inception distance (Heusel et al., 2017, equation 6).

Inception's features of real and of generated pictures are modeled as two Gaussians. Their distance
is `|m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^½)`, which is 0 if means and covariances are equal.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from pgan_tf.metrics.inception import FILTER, InceptionOutput
from pgan_tf.metrics.metric import Metric


@dataclasses.dataclass(frozen=True)
class Moments:
    """Mean and scatter matrix of vectors, in float64. Moments of parts can be combined."""

    count: int
    mean: np.ndarray  # (size,)
    scatter: np.ndarray  # (size, size), the sum of (x - mean)(x - mean)ᵀ

    @property
    def covariance(self) -> np.ndarray:
        """The covariance, `(size, size)`, divided by `count - 1` as published."""
        return self.scatter / (self.count - 1)

    @functools.cached_property
    def root(self) -> np.ndarray:
        """A matrix, `(size, rank)`, whose product with its transpose is the covariance."""
        values, vectors = np.linalg.eigh(self.covariance)
        # Eigenvalues below the largest one's rounding error are 0, as with too few pictures.
        kept = values > values[-1] * len(values) * np.finfo(np.float64).eps
        return vectors[:, kept] * np.sqrt(values[kept])


def moments_of(vectors: np.ndarray) -> Moments:
    """Returns the moments of `(count, size)` vectors."""
    vectors = vectors.astype(np.float64)
    mean = vectors.mean(axis=0)
    centered = vectors - mean
    return Moments(len(vectors), mean, centered.T @ centered)


def frechet_distance(a: Moments, b: Moments) -> float:
    """Returns the squared distance of two Gaussians."""
    # With `C1 = r rᵀ`, `C1 C2` has the same eigenvalues as the symmetric `rᵀ C2 r`. They are real
    # and not negative, and so are their roots, whatever the rank.
    values = np.linalg.eigvalsh(a.root.T @ b.covariance @ a.root)
    common = np.sqrt(np.maximum(values, 0)).sum()
    between = float(((a.mean - b.mean) ** 2).sum())
    return between + float(np.trace(a.covariance) + np.trace(b.covariance) - 2 * common)


class MomentCollector:
    """Accumulates the moments of features, `(n, size)`, of batches, without keeping features."""

    def __init__(self, features_of: Callable[[Any], np.ndarray]) -> None:
        self.moments = Moments(0, np.zeros(1), np.zeros(1))
        self._features_of = features_of

    def add(self, batch: Any) -> None:
        """Adds the features of a batch."""
        self.moments = _combine(self.moments, moments_of(self._features_of(batch)))


def _combine(a: Moments, b: Moments) -> Moments:
    """Combines the moments of two sets without large sums that cancel (Chan et al., 1979)."""
    total = a.count + b.count
    shift = b.mean - a.mean
    scatter = np.outer(shift, shift * (a.count * b.count / total))
    scatter += a.scatter
    scatter += b.scatter
    return Moments(total, a.mean + shift * (b.count / total), scatter)


def make_fid(sha256: str) -> Metric:
    """Returns the metric `fid`."""

    def compare(reals: MomentCollector, fakes: MomentCollector) -> dict[str, float]:
        return {"fid": frechet_distance(reals.moments, fakes.moments)}

    def features_of(seen: InceptionOutput) -> np.ndarray:
        return seen.features

    return Metric(
        *("fid", lambda which: MomentCollector(features_of), compare, "fid", "lower", FILTER),
        inception_sha256=sha256,
    )
