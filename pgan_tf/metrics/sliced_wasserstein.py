"""Sliced Wasserstein distance between patches of Laplacian pyramids (paper, §5).

Small patches of real and generated pictures, band by band, are two clouds of points. Along a
random direction the distance between two clouds is that between their sorted projections;
the mean over many directions is the sliced distance (Rabin et al., 2011).

As published: 7x7 patches, 128 of each picture and level, 4 x 128 directions, levels down to
16 px, each cloud normalized by its own mean and deviation of each channel, times 10³.
"""

from __future__ import annotations

import dataclasses
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from pgan_tf.metrics.laplacian import laplacian_pyramid
from pgan_tf.metrics.metric import Metric
from tfrecords.errors import UserError

LOWEST_LEVEL = 16
PATCH_SIDE = 7
PATCHES_PER_PICTURE = 128
DIRECTIONS = 4 * 128

# Directions at a time.
_CHUNK = 64


@dataclasses.dataclass(frozen=True)
class Descriptors:
    """A cloud of patches, not yet normalized.

    Attributes:
        patches: `(n, channels * 49)` float32, channel by channel.
        mean: `(channels,)` float64.
        deviation: `(channels,)` float64.
    """

    patches: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray

    def project(self, directions: np.ndarray, out: np.ndarray) -> np.ndarray:
        """Projects the normalized patches, up to a constant for each direction.

        Normalizing the directions in place of the patches saves passes over them.

        Args:
            directions: `(channels * 49, k)`.
            out: `(k, n)` float32, gets the projections plus the constants.

        Returns:
            `(k,)` float64, the constants.
        """
        scaled = directions / self.deviation.repeat(PATCH_SIDE**2)[:, None]
        np.matmul(scaled.T.astype(np.float32), self.patches.T, out=out)
        return scaled.T @ self.mean.repeat(PATCH_SIDE**2)


class DescriptorCollector:
    """Cuts patches out of pictures; see the module."""

    def __init__(
        self, num_images: int, resolution: int, num_channels: int, random: np.random.Generator
    ) -> None:
        self._random = random
        size = num_channels * PATCH_SIDE**2
        self._patches = {
            side: np.empty((num_images * PATCHES_PER_PICTURE, size), np.float32)
            for side in _levels(resolution)
        }
        self._sums = {side: np.zeros((2, num_channels)) for side in self._patches}
        self._count = 0

    def add(self, batch: np.ndarray) -> None:
        """Takes `(n, resolution, resolution, channels)` uint8."""
        pictures = np.ascontiguousarray(batch.transpose(0, 3, 1, 2), np.float32)
        begin = self._count * PATCHES_PER_PICTURE
        self._count += len(pictures)
        end = self._count * PATCHES_PER_PICTURE
        for side, level in laplacian_pyramid(pictures, LOWEST_LEVEL).items():
            patches = self._patches[side][begin:end]
            _cut_patches(level, self._random, patches)
            # Sums of a batch in float32, of all batches in float64.
            first = np.ones(len(patches), np.float32) @ patches
            second = np.einsum("mk,mk->k", patches, patches)
            sums = np.stack([first, second]).astype(np.float64)
            self._sums[side] += sums.reshape(2, batch.shape[-1], -1).sum(axis=2)

    def summary(self) -> dict[int, Descriptors]:
        """Returns the clouds by level, in pixels."""
        clouds = {}
        for side, patches in self._patches.items():
            patches = patches[: self._count * PATCHES_PER_PICTURE]
            mean, square = self._sums[side] / (len(patches) * PATCH_SIDE**2)
            variance = np.maximum(square - mean**2, 0)
            # A cloud of one colour has none: its patches are all equal, and become zeros.
            deviation = np.where(variance > 1e-12 * square, np.sqrt(variance), 1.0)
            clouds[side] = Descriptors(patches, mean, deviation)
        return clouds


def sliced_wasserstein(a: Descriptors, b: Descriptors, directions: np.ndarray) -> float:
    """Returns the mean distance of sorted projections.

    Args:
        a: `n` patches.
        b: as many.
        directions: `(channels * 49, k)`, columns of length 1.
    """
    count = directions.shape[1]
    # Made once: the system takes longer to hand out memory than the processor to fill it.
    buffers = np.empty((2, _CHUNK, len(a.patches)), np.float32)

    def distance(ours: np.ndarray, theirs: np.ndarray, shift: float) -> float:
        ours.sort()
        theirs.sort()
        ours -= theirs
        ours -= np.float32(shift)
        return float(np.abs(ours, out=ours).mean(dtype=np.float64))

    total = 0.0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for first in range(0, count, _CHUNK):
            chunk = directions[:, first : first + _CHUNK]
            ours, theirs = buffers[:, : chunk.shape[1]]
            shifts = a.project(chunk, ours) - b.project(chunk, theirs)
            total += sum(pool.map(distance, ours, theirs, shifts))
    return total / count


def random_directions(size: int, count: int, random: np.random.Generator) -> np.ndarray:
    """Returns `(size, count)` float64, columns of length 1, uniform on the sphere."""
    directions = random.standard_normal((size, count))
    return directions / np.linalg.norm(directions, axis=0)


def make_swd(num_images: int, resolution: int, num_channels: int, seed: int) -> Metric:
    """Returns the metric: `swd_<level>` for each level, and `swd`, their mean, times 10³.

    Raises:
        UserError: the pictures are smaller than the lowest level.
    """
    if resolution < LOWEST_LEVEL:
        raise UserError(
            f"swd: expected pictures of at least {LOWEST_LEVEL} px, the lowest level, got "
            f"{resolution}: choose other metrics"
        )

    def collect(which: int) -> DescriptorCollector:
        random = np.random.default_rng([seed, which])
        return DescriptorCollector(num_images, resolution, num_channels, random)

    def compare(reals: dict[int, Descriptors], fakes: dict[int, Descriptors]) -> dict[str, float]:
        random = np.random.default_rng([seed, -1 % 2**32])
        values = {}
        for side in fakes:
            directions = random_directions(num_channels * PATCH_SIDE**2, DIRECTIONS, random)
            values[f"swd_{side}"] = 1e3 * sliced_wasserstein(reals[side], fakes[side], directions)
        return {"swd": float(np.mean(list(values.values()))), **values}

    return Metric(
        name="swd",
        version=1,
        sees="pictures",
        against_reals=True,
        collect=collect,
        compare=compare,
        headline="swd",
        better="lower",
        filter="binomial 5x5 pyramid",
    )


def _levels(resolution: int) -> list[int]:
    return [2**log2 for log2 in range(resolution.bit_length() - 1, 3, -1)]


def _cut_patches(level: np.ndarray, random: np.random.Generator, out: np.ndarray) -> None:
    """Fills `out`, `(n * 128, channels * 49)`, with patches at random places of `level`."""
    n, channels, side, _ = level.shape
    within = np.arange(PATCH_SIDE)
    corners = random.integers(0, side - PATCH_SIDE + 1, (2, n, PATCHES_PER_PICTURE))
    first = np.arange(n)[:, None] * level[0].size + corners[0] * side + corners[1]
    patch = (np.arange(channels)[:, None, None] * side + within[:, None]) * side + within
    np.take(level.reshape(-1), first.reshape(-1, 1) + patch.reshape(1, -1), out=out, mode="clip")
