"""Directions in the space of latents that change pictures the most, found without labels.

- `closed_form` (Shen and Zhou, "Closed-form factorization of latent semantics in GANs", CVPR 2021):
  the first layer is x A, so a step d changes its output by d A, wherever it starts. The unit steps
  that change it the most are the eigenvectors of A Aᵀ, which are orthonormal.
- `components` (Härkönen et al., "GANSpace", NeurIPS 2020): the principal components of the first
  layer's features, after their activation, of random latents; each is carried back to latents by
  linear regression.

Differs from StyleGAN, for which both were shown: there is no style space, and latents are
normalized, so a step turns a latent on the sphere. Differences of class means are left out: a
conditional generator's latents do not depend on the class, so those means are all the origin.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from pgan_tf.networks.folded import InferenceGenerator
from pgan_tf.networks.sampling import latents_from_seeds, one_hot_labels

_SAMPLES, _BATCH = 2048, 64


class Directions(NamedTuple):
    """Unit directions of one kind, those of the largest effect first."""

    vectors: np.ndarray  # (count, latent_size) float32
    shares: np.ndarray  # (count,) float32: of the first layer's variance, summing to at most 1


# What finds a generator's directions, by kind, `closed_form` and `components`.
Finders: TypeAlias = Mapping[str, Callable[[], Directions]]


def directions_of(generator: InferenceGenerator) -> Finders:
    """Returns what finds the directions of a folded generator, `latent_size` at most of a kind."""
    config = generator.config
    sizes = config.latent_size, config.label_size
    kernel = generator.dense.kernel.numpy()[: config.latent_size]

    def features(latents: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return generator.first_features([latents, labels]).numpy()

    return {
        "closed_form": functools.cache(lambda: closed_form(kernel)),
        "components": functools.cache(lambda: components(features, *sizes)),
    }


def closed_form(kernel: np.ndarray) -> Directions:
    """Returns the directions of a first layer's kernel, `(latent_size, outputs)`."""
    values, vectors = np.linalg.eigh(np.asarray(kernel, np.float64) @ kernel.T)
    return _sorted(vectors.T, values)


def components(
    features: Callable[[np.ndarray, np.ndarray], Any], latent_size: int, label_size: int
) -> Directions:
    """Returns the components of features, a function of `(n, latent_size)` and `(n, label_size)`.

    What the class changes is not sought.
    """
    latents = latents_from_seeds(range(_SAMPLES), latent_size)
    labels = one_hot_labels(range(_SAMPLES), label_size)
    starts = range(0, _SAMPLES, _BATCH)
    drawn = [features(latents[start:][:_BATCH], labels[start:][:_BATCH]) for start in starts]
    found = np.concatenate(drawn).reshape(_SAMPLES, -1)
    for first in range(min(label_size, _SAMPLES)):
        found[first::label_size] -= found[first::label_size].mean(axis=0)
    return principal(latents, found)


def principal(latents: np.ndarray, features: np.ndarray) -> Directions:
    """Returns the components of `(n, size)` features, as directions of their `(n, k)` latents."""
    centered = features - features.mean(axis=0)
    # The products of all samples, or of all features: whatever is smaller.
    by_sample = len(centered) < centered.shape[1]
    products = centered @ centered.T if by_sample else centered.T @ centered
    values, vectors = np.linalg.eigh(products.astype(np.float64))
    count = min(latents.shape[1], len(values))
    coordinates = vectors if by_sample else centered @ vectors
    # Regression of latents on one coordinate, of which only the direction is kept.
    carried = coordinates.T[-count:] @ latents
    return _sorted(carried, values[-count:], np.maximum(values, 0).sum())


def _sorted(vectors: np.ndarray, values: np.ndarray, total: float | None = None) -> Directions:
    """Sorts rows by their values and makes them of length 1, their largest number positive."""
    order = np.argsort(-values)
    vectors, values = vectors[order], np.maximum(values[order], 0)
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=1)[:, None], axis=1)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = vectors * np.where(largest < 0, -1, 1) / np.maximum(lengths, 1e-12)
    shares = values / max(values.sum() if total is None else total, 1e-300)
    return Directions(vectors.astype(np.float32), shares.astype(np.float32))
