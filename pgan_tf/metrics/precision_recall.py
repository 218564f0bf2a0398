"""Precision and recall of generated pictures (Kynkäänniemi et al., 2019, §3).

Around each feature of a set is a sphere that reaches to its third nearest neighbor. Precision is
the share of generated pictures within the spheres of real ones. Recall is the share of real
pictures within those of generated ones. Features are Inception's, not VGG-16's as in the paper.
"""

import functools

import numpy as np

from pgan_tf.metrics.inception import FILTER, FeatureCollector, Features, blocks_of, count
from pgan_tf.metrics.metric import Metric, with_bar
from tfrecords.common.errors import UserError

NEIGHBOR = 3


class Manifold(FeatureCollector):
    """The spheres of a set, once all of its features (more than `NEIGHBOR`) are collected."""

    @functools.cached_property
    def squared_radii(self) -> list[np.ndarray]:
        """Squared distances to the third nearest neighbor, an array `(n,)` per block."""
        found = []
        for first, block in enumerate(with_bar(blocks_of(self.features), "pr")):
            nearest = np.full((len(block), NEIGHBOR), np.inf)
            for second, other in enumerate(blocks_of(self.features)):
                distances = _squared_distances(block, other)
                if first == second:
                    np.fill_diagonal(distances, np.inf)
                candidates = np.concatenate([nearest, distances], axis=1)
                nearest = np.partition(candidates, NEIGHBOR - 1, axis=1)[:, :NEIGHBOR]
            found.append(nearest.max(axis=1))
        return found

    def share_within(self, features: Features) -> float:
        """Returns the share of `features` that lie within any sphere, 0 to 1."""
        inside = 0
        for block in with_bar(blocks_of(features), "pr"):
            is_within = np.zeros(len(block), bool)
            for other, radii in zip(blocks_of(self.features), self.squared_radii, strict=True):
                is_within |= (_squared_distances(block, other) <= radii).any(axis=1)
            inside += int(is_within.sum())
        return inside / count(features)


def _squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    distances = a @ b.T
    distances *= -2
    distances += np.einsum("ij,ij->i", a, a)[:, None]
    distances += np.einsum("ij,ij->i", b, b)
    return np.maximum(distances, 0, out=distances)


def compare_manifolds(reals: Manifold, fakes: Manifold) -> dict[str, float]:
    """Returns `precision`, `recall` and `pr`, their harmonic mean."""
    precision, recall = reals.share_within(fakes.features), fakes.share_within(reals.features)
    both = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {"pr": both, "precision": precision, "recall": recall}


def make_pr(num_images: int, sha256: str) -> Metric:
    """Returns the metric `pr`. Raises UserError if there are too few pictures."""
    if num_images <= NEIGHBOR:
        raise UserError(
            f"pr: expected --num_images of at least {NEIGHBOR + 1}, its neighbors, got {num_images}"
        )
    return Metric(
        "pr", lambda which: Manifold(), compare_manifolds, "pr", "higher", FILTER, True, sha256
    )
