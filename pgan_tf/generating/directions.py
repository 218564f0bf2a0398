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

import dataclasses
import functools
from typing import NamedTuple

import numpy as np

from pgan_tf.generating.interpolation import Change, truncation_to
from pgan_tf.generating.sampler import Sampler
from pgan_tf.networks.sampling import latents_from_seeds, one_hot_labels
from tfrecords.common.errors import UserError

_SAMPLES, _BATCH = 2048, 64


class Directions(NamedTuple):
    """Unit directions of one kind, those of the largest effect first."""

    vectors: np.ndarray  # (count, latent_size) float32
    shares: np.ndarray  # (count,) float32: of the first layer's variance, summing to at most 1


@dataclasses.dataclass(frozen=True)
class Changes:
    """What is done to latents before they are drawn, in this order."""

    truncation: float = 1.0  # see `interpolation.truncate`
    truncation_seed: int = 0
    direction: tuple[str, int] | None = None  # a kind, and a number of it
    strength: float = 0.0  # see `move`


def make_change(sampler: Sampler, changes: Changes) -> Change:
    """Returns the changes as a function. Raises UserError for a direction that is not there."""
    steps: list[Change] = []
    if changes.truncation != 1:
        center, amount = changes.truncation_seed, changes.truncation
        steps.append(truncation_to(center, amount, sampler.latent_size))
    if changes.direction:
        kind, number = changes.direction
        vectors = find_directions(sampler, kind).vectors
        if number >= len(vectors):
            most = f"a direction from 0 to {len(vectors) - 1}"
            raise UserError(f"--direction: expected {most}, got {number}")
        steps.append(lambda latents: move(latents, vectors[number], changes.strength))
    return lambda latents: functools.reduce(lambda so_far, step: step(so_far), steps, latents)


def move(latents: np.ndarray, direction: np.ndarray, strength: float) -> np.ndarray:
    """Goes `strength` along a unit direction, and back to the length that each latent had.

    Latents are `(..., latent_size)` from N(0, 1), whose part along a direction is mostly between
    -2 and 2. A strength of 0 changes nothing.
    """
    if not strength:
        return latents
    moved = latents + np.float32(strength) * direction
    lengths = [np.linalg.norm(one, axis=-1, keepdims=True) for one in (latents, moved)]
    return (moved * (lengths[0] / np.maximum(lengths[1], 1e-12))).astype(np.float32)


def find_directions(sampler: Sampler, kind: str) -> Directions:
    """Returns a generator's directions of a kind, one of `parsing.KINDS`.

    There are `latent_size` of them. Raises UserError for a SavedModel that does not hold what they
    are found from.
    """
    if sampler.first_layer is None:
        got = f"{sampler.source}, a SavedModel without what they are found from"
        raise UserError(
            f"--direction: expected a run, a checkpoint, a pickle or an export, got {got}"
        )
    if kind == "closed_form":
        return closed_form(sampler.first_layer.kernel[: sampler.latent_size])
    if sampler.first_layer.features is None:
        raise UserError(
            f"--direction: expected a run, a checkpoint or a pickle for {kind}, got an export: "
            "it has those in closed form only"
        )
    latents = latents_from_seeds(range(_SAMPLES), sampler.latent_size)
    labels = one_hot_labels(range(_SAMPLES), sampler.label_size)
    features = np.concatenate(
        [
            sampler.first_layer.features(latents[start : start + _BATCH], labels[start:][:_BATCH])
            for start in range(0, _SAMPLES, _BATCH)
        ]
    ).reshape(_SAMPLES, -1)
    for first in range(min(sampler.label_size, _SAMPLES)):  # what the class changes is not sought
        features[first :: sampler.label_size] -= features[first :: sampler.label_size].mean(axis=0)
    return principal(latents, features)


def closed_form(kernel: np.ndarray) -> Directions:
    """Returns the directions of a first layer's kernel, `(latent_size, outputs)`."""
    values, vectors = np.linalg.eigh(np.asarray(kernel, np.float64) @ kernel.T)
    return _sorted(vectors.T, values)


def principal(latents: np.ndarray, features: np.ndarray) -> Directions:
    """Returns the components of `(n, size)` features, as directions of their `(n, k)` latents."""
    centered = features - features.mean(axis=0)
    # All products of two samples: smaller than all products of two features.
    values, vectors = np.linalg.eigh((centered @ centered.T).astype(np.float64))
    count = min(latents.shape[1], len(values))
    # Regression of latents on one coordinate, of which only the direction is kept.
    carried = vectors.T[-count:] @ latents
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
