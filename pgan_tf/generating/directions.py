"""Goes along directions in the space of latents; `networks.directions` finds them."""

import dataclasses
import functools

import numpy as np

from pgan_tf.generating.interpolation import Change, truncation_to
from pgan_tf.generating.sampler import Sampler
from pgan_tf.networks.directions import Directions
from tfrecords.common.errors import UserError


@dataclasses.dataclass(frozen=True)
class Changes:
    """What is done to latents before they are drawn, in this order."""

    truncation: float = 1.0  # see `interpolation.truncate`
    truncation_seed: int = 0
    # Directions, each a kind, a number of it and a strength; see `move`.
    along: tuple[tuple[str, int, float], ...] = ()


def make_change(sampler: Sampler, changes: Changes) -> Change:
    """Returns the changes as a function. Raises UserError for a direction that is not there."""
    steps: list[Change] = []
    if changes.truncation != 1:
        center, amount = changes.truncation_seed, changes.truncation
        steps.append(truncation_to(center, amount, sampler.latent_size))
    way = np.zeros(sampler.latent_size, np.float32)
    for kind, number, strength in changes.along:
        vectors = find_directions(sampler, kind).vectors
        if number >= len(vectors):
            most = f"a direction from 0 to {len(vectors) - 1}"
            raise UserError(f"--direction: expected {most}, got {number}")
        way += np.float32(strength) * vectors[number]
    if way.any():
        steps.append(lambda latents: move(latents, way, 1.0))
    return lambda latents: functools.reduce(lambda so_far, step: step(so_far), steps, latents)


def move(latents: np.ndarray, direction: np.ndarray, strength: float) -> np.ndarray:
    """Goes `strength` along a unit direction, and back to the length that each latent had.

    A direction may be the sum of several, each times its strength. Latents are
    `(..., latent_size)` from N(0, 1), whose part along a direction is mostly between -2 and 2. A
    strength of 0 changes nothing.
    """
    if not strength:
        return latents
    moved = latents + np.float32(strength) * direction
    lengths = [np.linalg.norm(one, axis=-1, keepdims=True) for one in (latents, moved)]
    return (moved * (lengths[0] / np.maximum(lengths[1], 1e-12))).astype(np.float32)


def find_directions(sampler: Sampler, kind: str) -> Directions:
    """Returns a generator's directions of a kind, one of `parsing.KINDS`.

    Raises UserError for an export that does not hold them, as older ones do not.
    """
    if kind not in sampler.directions:
        expected = "a run, a checkpoint, a pickle or a new export"
        got = f"{sampler.source}, an older export without {kind}"
        raise UserError(f"--direction: expected {expected}, got {got}: export it again")
    return sampler.directions[kind]()
