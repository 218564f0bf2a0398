"""Laplacian pyramids (Burt and Adelson, 1983), whose levels each hold one band of detail.

As the paper's §5 uses them. Filtering along an axis is one matrix product, with the mirrored
borders in the matrix: that is what makes it fast.
"""

import functools

import numpy as np

_BINOMIAL = np.array([1, 4, 6, 4, 1], np.float64) / 16


def laplacian_pyramid(pictures: np.ndarray, lowest: int) -> dict[int, np.ndarray]:
    """Splits `(n, channels, side, side)` float32 pictures into bands; side is a power of two.

    Returns side to `(n, channels, side, side)` float32, largest first, down to the side `lowest`,
    the picture itself made small. Enlarging each level and adding it to the one before gives the
    pictures back.
    """
    levels = {}
    while pictures.shape[-1] > lowest:
        smaller = shrink(pictures)
        levels[pictures.shape[-1]] = pictures - enlarge(smaller)
        pictures = smaller
    levels[pictures.shape[-1]] = pictures
    return levels


def shrink(pictures: np.ndarray) -> np.ndarray:
    """Blurs with the binomial 5x5 filter and keeps every second pixel."""
    return _filter(pictures, _blur_matrix(pictures.shape[-1])[::2].astype(np.float32))


def enlarge(pictures: np.ndarray) -> np.ndarray:
    """Puts zeros between the pixels and blurs, four times as bright."""
    matrix = 2 * _blur_matrix(2 * pictures.shape[-1])[:, ::2]
    return _filter(pictures, matrix.astype(np.float32))


def _filter(pictures: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Multiplies both axes of `(n, channels, side, side)` by a `(new side, side)` matrix."""
    n, channels, side, _ = pictures.shape
    rows = pictures.reshape(-1, side) @ matrix.T
    return np.matmul(matrix, rows.reshape(n, channels, side, len(matrix)))


@functools.cache
def _blur_matrix(side: int) -> np.ndarray:
    """`(side, side)`: the binomial filter; beyond a border pixels repeat in mirror order."""
    pixels = np.pad(np.eye(side), ((2, 2), (0, 0)), mode="reflect")
    return sum(weight * pixels[tap : tap + side] for tap, weight in enumerate(_BINOMIAL))
