"""Fréchet Inception distance (Heusel et al., 2017, equation 6).

Real and generated pictures, as Inception sees them, are taken for two Gaussians. Their
distance is `|m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^½)`; 0 where means and covariances are equal.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from pgan_tf.metrics.inception_graph import FILTER, Seen
from pgan_tf.metrics.metric import Metric


@dataclasses.dataclass(frozen=True)
class Moments:
    """Mean and scatter of vectors, in float64; those of parts combine to those of the whole.

    Attributes:
        count: of the vectors.
        mean: `(size,)`.
        scatter: `(size, size)`, the sum of `(x - mean)(x - mean)ᵀ`.
    """

    count: int
    mean: np.ndarray
    scatter: np.ndarray

    @classmethod
    def of(cls, vectors: np.ndarray) -> Moments:
        """Returns those of `(count, size)` vectors."""
        vectors = vectors.astype(np.float64)
        mean = vectors.mean(axis=0)
        centred = vectors - mean
        return cls(len(vectors), mean, centred.T @ centred)

    def combined(self, other: Moments) -> Moments:
        """Returns those of both (Chan et al., 1979), without large sums that cancel."""
        total = self.count + other.count
        shift = other.mean - self.mean
        scatter = np.outer(shift, shift * (self.count * other.count / total))
        scatter += self.scatter
        scatter += other.scatter
        return Moments(total, self.mean + shift * (other.count / total), scatter)

    @property
    def covariance(self) -> np.ndarray:
        """`(size, size)`, divided by `count - 1` as published."""
        return self.scatter / (self.count - 1)

    @functools.cached_property
    def root(self) -> np.ndarray:
        """`(size, rank)`: a matrix whose product with its transpose is the covariance."""
        values, vectors = np.linalg.eigh(self.covariance)
        # What is less than the rounding of the largest is 0: fewer pictures than features.
        kept = values > values[-1] * len(values) * np.finfo(np.float64).eps
        return vectors[:, kept] * np.sqrt(values[kept])


def frechet_distance(a: Moments, b: Moments) -> float:
    """Returns the squared distance of two Gaussians.

    `C1 C2` has the same eigenvalues as the symmetric `rᵀ C2 r`, where `C1 = r rᵀ`: they are
    real and not negative, and so are their roots, whatever the rank.
    """
    values = np.linalg.eigvalsh(a.root.T @ b.covariance @ a.root)
    common = np.sqrt(np.maximum(values, 0)).sum()
    between = float(((a.mean - b.mean) ** 2).sum())
    return between + float(np.trace(a.covariance) + np.trace(b.covariance) - 2 * common)


class MomentCollector:
    """Sums Inception's features up; keeps none of them."""

    def __init__(self) -> None:
        self._moments: Moments | None = None

    def add(self, batch: Seen) -> None:
        """Takes what Inception makes of a batch."""
        moments = Moments.of(batch.features)
        self._moments = moments if self._moments is None else self._moments.combined(moments)

    def summary(self) -> Moments:
        """Returns the mean and the scatter of all."""
        if self._moments is None:
            raise ValueError("no pictures came")
        return self._moments


def make_fid(inception_sha256: str) -> Metric:
    """Returns the metric: `fid`."""
    return Metric(
        name="fid",
        version=1,
        sees="inception",
        against_reals=True,
        collect=lambda which: MomentCollector(),
        compare=lambda reals, fakes: {"fid": frechet_distance(reals, fakes)},
        headline="fid",
        better="lower",
        filter=FILTER,
        weights_sha256=inception_sha256,
    )
