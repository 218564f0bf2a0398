"""Sliced Wasserstein distance between patches of Laplacian pyramids (paper, §5).

Each level of a Laplacian pyramid (Burt and Adelson, 1983) holds one band of detail. Small patches
of real and of generated pictures at this level are two point clouds. Their sliced distance (Rabin
et al., 2011) is the mean distance between their sorted projections, over random directions.
Levels have the names of resolutions; of other shapes than squares see `tfrecords.common.shape`.
As published: 7x7 patches, 128 per picture and level, 4 x 128 directions, levels down to 16 px. Each
channel of a cloud is normalized by its own mean and deviation, and the result is times 10³.
"""

import dataclasses
import functools
import math
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from pgan_tf.metrics.metric import Metric, with_bar
from tfrecords.common.shape import PAPER, Base
from tfrecords.pictures.alpha import on_white

LOWEST_LEVEL = 16  # a resolution, as published
PATCH_SIDE = 7
PATCHES_PER_PICTURE = 128
DIRECTIONS = 4 * 128
_BINOMIAL = np.array([1, 4, 6, 4, 1], np.float64) / 16
_DIRECTIONS_AT_A_TIME = 64
_PICTURES_AT_A_TIME = 32


def lowest_level(base: Base) -> int:
    """Returns the lowest level's resolution: 16, or the first whose pictures hold a patch."""
    level = LOWEST_LEVEL
    while min(base.size(level)) < PATCH_SIDE:
        level *= 2
    return level


def laplacian_pyramid(pictures: np.ndarray, lowest: int) -> dict[int, np.ndarray]:
    """Splits `(n, channels, height, width)` float32 into bands by width, largest first.

    Both sides are halved between levels. The last level, `lowest` wide, is the reduced picture:
    enlarged, all levels add up to the original.
    """
    levels = {}
    while pictures.shape[-1] > lowest:
        # Blurs with the binomial 5x5 filter and takes every second pixel.
        smaller = _filter(pictures, *(_blur_matrix(side)[::2] for side in pictures.shape[2:]))
        levels[pictures.shape[-1]] = pictures - enlarge(smaller)
        pictures = smaller
    levels[pictures.shape[-1]] = pictures
    return levels


def enlarge(pictures: np.ndarray) -> np.ndarray:
    """Puts zeros between pixels, then blurs and multiplies by four."""
    return _filter(pictures, *(2 * _blur_matrix(2 * side)[:, ::2] for side in pictures.shape[2:]))


def _filter(pictures: np.ndarray, down: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Multiplies both axes of `(n, channels, height, width)` by `(new side, side)` matrices."""
    n, channels, height, width = pictures.shape
    down, across = (matrix.astype(np.float32) for matrix in (down, across))
    rows = pictures.reshape(-1, width) @ across.T
    return np.matmul(down, rows.reshape(n, channels, height, len(across)))


@functools.cache
def _blur_matrix(side: int) -> np.ndarray:
    """Returns the binomial filter, `(side, side)`, with mirrored pixels beyond borders."""
    pixels = np.pad(np.eye(side), ((2, 2), (0, 0)), mode="reflect")
    return sum(weight * pixels[tap : tap + side] for tap, weight in enumerate(_BINOMIAL))


@dataclasses.dataclass(frozen=True)
class Descriptors:
    """A point cloud of patches, not yet normalized."""

    patches: np.ndarray  # (n, channels * 49) float32, channel by channel
    mean: np.ndarray  # (channels,) float64
    deviation: np.ndarray  # (channels,) float64

    def project(self, directions: np.ndarray, out: np.ndarray) -> np.ndarray:
        """Fills `out`, `(k, n)` float32, with projections plus constants `(k,)` that it returns."""
        # Scaling directions, `(channels * 49, k)`, saves passes over the patches.
        scaled = directions / self.deviation.repeat(PATCH_SIDE**2)[:, None]
        np.matmul(scaled.T.astype(np.float32), self.patches.T, out=out)
        return scaled.T @ self.mean.repeat(PATCH_SIDE**2)


class LevelOfSet:
    """One pyramid level of a set of pictures, and where patches are cut out of it."""

    def __init__(self, num_images: int, num_channels: int, shape: tuple[int, int]) -> None:
        size = num_channels * PATCH_SIDE**2
        # Small levels take less memory than their overlapping patches, so cut those later.
        self._is_cut_later = PATCHES_PER_PICTURE * size > num_channels * math.prod(shape)
        kept = (num_channels, *shape) if self._is_cut_later else (PATCHES_PER_PICTURE, size)
        self._kept = np.empty((num_images, *kept), np.float32)
        self._corners = np.empty((2, num_images, PATCHES_PER_PICTURE), np.int32)
        self.num_channels, self._count = num_channels, 0

    def add(self, level: np.ndarray, corners: np.ndarray) -> None:
        """Adds `(n, channels, *shape)` float32; `corners`, `(2, n, 128)`: rows and columns."""
        new = slice(self._count, self._count + len(level))
        if self._is_cut_later:
            self._kept[new] = level
            self._corners[:, new] = corners
        else:
            _cut_patches(level, corners, self._kept[new])
        self._count += len(level)

    def descriptors(self) -> Descriptors:
        """Returns the cloud of all patches."""
        shape = (self._count, PATCHES_PER_PICTURE, self.num_channels * PATCH_SIDE**2)
        patches = np.empty(shape, np.float32) if self._is_cut_later else self._kept[: self._count]

        def finish(first: int) -> np.ndarray:
            part = slice(first, first + _PICTURES_AT_A_TIME)
            if self._is_cut_later:
                _cut_patches(self._kept[part], self._corners[:, part], patches[part])
            # Sums each part in float32, and the parts in float64.
            flat = patches[part].reshape(-1, shape[-1])
            once = np.ones(len(flat), np.float32) @ flat
            sums = np.stack([once, np.einsum("mk,mk->k", flat, flat)]).astype(np.float64)
            return sums.reshape(2, self.num_channels, -1).sum(axis=2)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            parts = pool.map(finish, range(0, self._count, _PICTURES_AT_A_TIME))
            sums = sum(parts, np.zeros((2, self.num_channels)))
        mean, square = sums / (self._count * PATCHES_PER_PICTURE * PATCH_SIDE**2)
        variance = np.maximum(square - mean**2, 0)
        # The deviation is 0 if all patches have the same color; they become zeros.
        deviation = np.where(variance > 1e-12 * square, np.sqrt(variance), 1.0)
        return Descriptors(patches.reshape(-1, shape[-1]), mean, deviation)


def _cut_patches(level: np.ndarray, corners: np.ndarray, out: np.ndarray) -> None:
    """Cuts patches out of a level into `out`, `(n, 128, channels * 49)` float32."""
    windows = np.lib.stride_tricks.sliding_window_view(level, (PATCH_SIDE, PATCH_SIDE), axis=(2, 3))
    pictures = np.arange(len(level))[:, None]
    out[:] = windows[pictures, :, corners[0], corners[1]].reshape(out.shape)


class PyramidCollector:
    """Collects the pyramid levels of a set of pictures."""

    def __init__(
        self,
        num_images: int,
        resolution: int,
        num_channels: int,
        random: np.random.Generator,
        base: Base = PAPER,
    ) -> None:
        self._random = random
        lowest = lowest_level(base)
        self._lowest_width, _ = base.size(lowest)
        levels = [resolution >> i for i in range((resolution // lowest).bit_length())]
        sizes = num_images, num_channels
        self.levels = {level: LevelOfSet(*sizes, base.shape(level)) for level in levels}

    def add(self, batch: np.ndarray) -> None:
        """Adds `(n, height, width, channels)` uint8 pictures."""
        pictures = np.ascontiguousarray(batch.transpose(0, 3, 1, 2), np.float32)
        bands = laplacian_pyramid(pictures, self._lowest_width).values()
        for level, band in zip(self.levels.values(), bands, strict=True):
            places = len(batch), PATCHES_PER_PICTURE
            ends = (side - PATCH_SIDE + 1 for side in band.shape[2:])
            corners = [self._random.integers(0, end, places) for end in ends]
            level.add(band, np.stack(corners))


class TransparentCollector:
    """Collects the levels of premultiplied RGBA pictures on white, and those of alpha."""

    def __init__(self, color: PyramidCollector, alpha: PyramidCollector) -> None:
        self.color, self.alpha = color, alpha

    def add(self, batch: np.ndarray) -> None:
        """Adds `(n, height, width, 4)` uint8 pictures."""
        self.color.add(on_white(batch))
        self.alpha.add(batch[..., 3:])


def sliced_wasserstein(
    a: Descriptors, b: Descriptors, directions: np.ndarray, name: str = "swd"
) -> float:
    """Returns the mean distance of sorted projections on unit columns `(channels * 49, k)`."""
    count = directions.shape[1]
    # Reused, because allocating memory takes longer than filling it.
    buffers = np.empty((2, _DIRECTIONS_AT_A_TIME, len(a.patches)), np.float32)

    def distance(ours: np.ndarray, theirs: np.ndarray, shift: float) -> float:
        ours.sort()
        theirs.sort()
        ours -= theirs
        ours -= np.float32(shift)
        return float(np.abs(ours, out=ours).mean(dtype=np.float64))

    total = 0.0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for first in with_bar(range(0, count, _DIRECTIONS_AT_A_TIME), name):
            chunk = directions[:, first : first + _DIRECTIONS_AT_A_TIME]
            ours, theirs = buffers[:, : chunk.shape[1]]
            shifts = a.project(chunk, ours) - b.project(chunk, theirs)
            total += sum(pool.map(distance, ours, theirs, shifts))
    return total / count


def make_swd(
    num_images: int, resolution: int, num_channels: int, seed: int, base: Base = PAPER
) -> Metric:
    """Returns the metric `swd`, the mean of `swd_<level>` over the levels, times 10³.

    Transparent pictures are compared on white, and `swd_alpha` is that of their alpha.
    """
    sizes, colors = (num_images, resolution), 3 if num_channels == 4 else num_channels

    def collect(which: int) -> PyramidCollector | TransparentCollector:
        random = np.random.default_rng([seed, which])
        color = PyramidCollector(*sizes, colors, random, base)
        if num_channels != 4:
            return color
        return TransparentCollector(color, PyramidCollector(*sizes, 1, random, base))

    def compare_levels(reals: PyramidCollector, fakes: PyramidCollector) -> dict[int, float]:
        random = np.random.default_rng([seed, -1 % 2**32])
        values = {}
        for side, level in fakes.levels.items():
            directions = random.standard_normal((level.num_channels * PATCH_SIDE**2, DIRECTIONS))
            directions /= np.linalg.norm(directions, axis=0)
            clouds = reals.levels[side].descriptors(), level.descriptors()
            values[side] = 1e3 * sliced_wasserstein(*clouds, directions, f"swd_{side}")
        return values

    def compare(reals: Any, fakes: Any) -> dict[str, float]:
        has_alpha = isinstance(fakes, TransparentCollector)
        color = compare_levels(*((one.color if has_alpha else one) for one in (reals, fakes)))
        values = {"swd": float(np.mean(list(color.values())))}
        values |= {f"swd_{side}": value for side, value in color.items()}
        if has_alpha:
            alpha = compare_levels(reals.alpha, fakes.alpha)
            values["swd_alpha"] = float(np.mean(list(alpha.values())))
        return values

    filter_words = "binomial 5x5 pyramid"
    return Metric("swd", collect, compare, "swd", "lower", filter=filter_words, takes_alpha=True)
