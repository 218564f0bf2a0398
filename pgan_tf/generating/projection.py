"""Finds the latents of pictures: descends on the sphere of latents from several starts.

The starts are the nearest of random latents. The loss is the mean square of the differences of all
levels of a Laplacian pyramid, so that large shapes count as much as details. The first descents, of
which the best goes on, also compare features of the discriminator where there is one. The descent
is L-BFGS (Nocedal and Wright, "Numerical Optimization", algorithm 7.4), of many rows at once.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import tensorflow as tf

from pgan_tf.generating.interpolation import cycled
from pgan_tf.generating.sampler import BATCH_SIZE, Sampler
from pgan_tf.networks.sampling import latents_from_seeds, one_hot_labels

Features: TypeAlias = Callable[[tf.Tensor], Sequence[tf.Tensor]]  # of pictures in [-1, 1]
# From (batch, latent_size) to a loss, (batch,), and its slope, (batch, latent_size), float64.
Evaluate: TypeAlias = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
# The same for rows, labels and the pictures to come near to.
_Compare: TypeAlias = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

_MEMORY = 20  # steps from which L-BFGS guesses the curvature
_LOWEST_SIDE = 4  # of the pyramid, in pixels
_FIRST_TURN = 0.1  # radians, of the first step
_FEATURES_WEIGHT = 0.1  # of the discriminator's features, next to the pyramid's 1


@dataclasses.dataclass(frozen=True)
class Effort:
    """How hard to look: evaluations of loss and slope are what takes the time."""

    samples: int = 1024  # random latents
    starts: int = 4  # the nearest of them, from which a picture's descents begin
    first_steps: int = 80  # evaluations of each
    steps: int = 480  # more, of the best one


class Projection(NamedTuple):
    """The latents of pictures."""

    latents: np.ndarray  # (n, latent_size) float32, of length √latent_size
    labels: np.ndarray  # (n, label_size) float32, one-hot
    losses: np.ndarray  # (n,)
    way: np.ndarray  # (evaluations, n, latent_size) float32: where each was


def project(
    sampler: Sampler,
    targets: np.ndarray,
    classes: Sequence[int],
    effort: Effort = Effort(),
    features: Features | None = None,
    each: Callable[[int], object] = lambda evaluations: None,
) -> Projection:
    """Finds the latents of `(n, height, width, num_channels)` float32 in [-1, 1].

    A generator with classes is tried with each of `classes`, and the nearest decides. `each` is
    called with the number of evaluations, of rows, that were done; see `count_evaluations`.
    """
    roughly = _make_comparison(sampler, features)
    compare = _make_comparison(sampler, None) if features else roughly
    latents = _to_sphere(latents_from_seeds(range(effort.samples), sampler.latent_size))
    labels = one_hot_labels(cycled(classes, len(latents)), sampler.label_size)
    pool = np.concatenate([*_drawn(sampler, latents, labels)])
    found = []
    for start in range(0, len(targets), BATCH_SIZE):
        wanted = targets[start : start + BATCH_SIZE]
        nearest = np.concatenate([_nearest(pool, one, effort.starts) for one in wanted])
        given = labels[nearest]
        evaluate = _against(roughly, given, wanted.repeat(effort.starts, axis=0), each)
        first = descend(evaluate, latents[nearest], effort.first_steps)
        best = first.losses.reshape(-1, effort.starts).argmin(axis=1)
        best += np.arange(len(wanted)) * effort.starts
        evaluate = _against(compare, given[best], wanted, each)
        last = descend(evaluate, first.latents[best], effort.steps)
        way = np.concatenate([first.way[:, best], last.way])
        found.append(Projection(_to_sphere(last.latents), given[best], last.losses, way))
    parts = zip(*found, strict=True)
    axes = (0, 0, 0, 1)
    return Projection(*(np.concatenate(part, axis) for part, axis in zip(parts, axes, strict=True)))


def _against(
    compare: _Compare, labels: np.ndarray, targets: np.ndarray, each: Callable[[int], object]
) -> Evaluate:
    def evaluate(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = []
        for start in range(0, len(rows), BATCH_SIZE):
            batch = slice(start, start + BATCH_SIZE)
            found.append(compare(rows[batch], labels[batch], targets[batch]))
            each(len(rows[batch]))
        losses, slopes = zip(*found, strict=True)
        return np.concatenate(losses), np.concatenate(slopes)

    return evaluate


def count_evaluations(num_pictures: int, effort: Effort) -> int:
    """Returns how many evaluations of rows a projection takes."""
    return num_pictures * (effort.starts * effort.first_steps + effort.steps)


class _Descent(NamedTuple):
    latents: np.ndarray
    losses: np.ndarray
    way: np.ndarray


def descend(evaluate: Evaluate, begin: np.ndarray, evaluations: int) -> _Descent:
    """Descends with each row of `(n, size)` on its own, by L-BFGS and a backtracking line search.

    Every evaluation is of all rows: one that has gone too far takes a shorter step while others go
    on. Only steps that lower a row's loss are taken.
    """
    here = begin.astype(np.float64)
    loss, slope = evaluate(here)
    count, size = here.shape
    steps, bends = np.zeros((2, _MEMORY, count, size))
    weights = np.zeros((_MEMORY, count))  # 1 / (step · bend); 0 for none yet
    heading, share = -_small(slope, here), np.ones(count)
    way = [here]
    for _ in range(evaluations - 1):
        there = here + share[:, None] * heading
        new_loss, new_slope = evaluate(there)
        enough = loss + 1e-4 * share * _dot(slope, heading)
        good = new_loss <= enough  # false where it is not a number
        step, bend = there - here, new_slope - slope
        curved = good & (_dot(step, bend) > 1e-12 * _dot(bend, bend))
        for memory, new in ((steps, step), (bends, bend)):
            memory[:, curved] = np.concatenate([memory[1:, curved], new[None, curved]])
        latest = 1 / np.where(curved, _dot(step, bend), 1)
        weights[:, curved] = np.concatenate([weights[1:, curved], latest[None, curved]])
        here, loss = np.where(good[:, None], there, here), np.where(good, new_loss, loss)
        slope = np.where(good[:, None], new_slope, slope)
        share = np.where(good, 1.0, share / 3)
        lost = share < 1e-4  # the guess of the curvature is of no use
        weights[:, lost] = 0
        share[lost] = 1.0
        turned = -_bent(slope, steps, bends, weights, _small(slope, here))
        heading = np.where((good | lost)[:, None], turned, heading)
        way.append(here)
    return _Descent(here, loss, np.stack(way).astype(np.float32))


def _bent(
    slope: np.ndarray,
    steps: np.ndarray,
    bends: np.ndarray,
    weights: np.ndarray,
    otherwise: np.ndarray,
) -> np.ndarray:
    """Multiplies a slope by the guess of the inverse Hessian: the loop of L-BFGS, both ways."""
    rest, factors = slope, []
    for step, bend, weight in zip(steps[::-1], bends[::-1], weights[::-1], strict=True):
        factors.append(weight * _dot(step, rest))
        rest = rest - factors[-1][:, None] * bend
    known = weights[-1] > 0
    scale = np.where(
        known, _dot(steps[-1], bends[-1]) / np.where(known, _dot(bends[-1], bends[-1]), 1), 0
    )
    rest = scale[:, None] * rest
    for step, bend, weight, factor in zip(steps, bends, weights, factors[::-1], strict=True):
        rest = rest + (factor - weight * _dot(bend, rest))[:, None] * step
    return np.where(known[:, None], rest, otherwise)


def _small(slope: np.ndarray, here: np.ndarray) -> np.ndarray:
    """Scales a slope to a first step of a few degrees."""
    lengths = [np.linalg.norm(one, axis=1, keepdims=True) for one in (here, slope)]
    return slope * (_FIRST_TURN * lengths[0] / np.maximum(lengths[1], 1e-30))


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.sum(a * b, axis=1)


def _to_sphere(latents: np.ndarray) -> np.ndarray:
    mean_square = np.mean(np.square(latents, dtype=np.float64), axis=-1, keepdims=True)
    return (latents / np.sqrt(np.maximum(mean_square, 1e-24))).astype(np.float32)


def _drawn(sampler: Sampler, latents: np.ndarray, labels: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(latents), BATCH_SIZE):
        batch = slice(start, start + BATCH_SIZE)
        yield np.clip(sampler.images(latents[batch], labels[batch]).numpy(), -1, 1)


def _nearest(pool: np.ndarray, wanted: np.ndarray, count: int) -> np.ndarray:
    """Returns the numbers of the pool's pictures nearest to one, by the pyramid."""
    batches = (pool[start : start + BATCH_SIZE] for start in range(0, len(pool), BATCH_SIZE))
    losses = [
        _pyramid_loss(tf.constant(batch), tf.constant(wanted[None])).numpy() for batch in batches
    ]
    return np.argsort(np.concatenate(losses), kind="stable")[:count]


def _make_comparison(sampler: Sampler, features: Features | None) -> _Compare:
    """Returns the loss of rows with labels against pictures, and its slope over the sphere."""
    pictures = (None, *sampler.size[::-1], sampler.num_channels)
    shapes = ((None, sampler.latent_size), (None, sampler.label_size), pictures)

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32) for shape in shapes])
    def compare(
        rows: tf.Tensor, labels: tf.Tensor, targets: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(rows)
            on_sphere = rows * tf.math.rsqrt(tf.reduce_mean(rows**2, axis=1, keepdims=True))
            images = sampler.images(on_sphere, labels)
            loss = _pyramid_loss(images, targets)
            if features:
                loss += _FEATURES_WEIGHT * _features_loss(features(images), features(targets))
        return loss, tape.gradient(loss, rows)

    def in_numpy(
        rows: np.ndarray, labels: np.ndarray, targets: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        loss, slope = compare(rows.astype(np.float32), labels, targets)
        return loss.numpy().astype(np.float64), slope.numpy().astype(np.float64)

    return in_numpy


def _pyramid_loss(images: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Returns the mean squares of the levels of a Laplacian pyramid of a difference, added up."""
    # Pictures are clipped to [-1, 1]: white that is whiter than white is right.
    beyond = (images > 1) & (targets >= 1) | (images < -1) & (targets <= -1)
    rest, loss = tf.where(beyond, 0.0, images - targets), 0.0
    while min(rest.shape[1:3]) > _LOWEST_SIDE and not any(side % 2 for side in rest.shape[1:3]):
        below = tf.nn.avg_pool2d(rest, 2, 2, "VALID")
        enlarged = tf.repeat(tf.repeat(below, 2, axis=1), 2, axis=2)
        loss += tf.reduce_mean(tf.square(rest - enlarged), axis=(1, 2, 3))
        rest = below
    return loss + tf.reduce_mean(tf.square(rest), axis=(1, 2, 3))


def _features_loss(images: Sequence[tf.Tensor], targets: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns the mean square of differences, as shares of the target's own, of each layer."""
    shares = []
    for one, wanted in zip(images, targets, strict=True):
        axes = list(range(1, len(wanted.shape)))
        off = tf.reduce_mean(tf.square(one - wanted), axis=axes)
        shares.append(off / (tf.reduce_mean(tf.square(wanted), axis=axes) + 1e-8))
    return tf.add_n(shares) / len(shares)
