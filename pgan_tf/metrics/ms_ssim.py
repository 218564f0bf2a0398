"""Multi-scale structural similarity (Wang et al., 2003) between pictures of one set.

The paper (§5, table 1) follows Odena et al. (2017): the mean over many random pairs says how little
a generator varies, not how good it is. A score far above that of the reals means that pictures look
alike. As published, there are five scales, each a 2x2 average of the one before, and an 11x11
Gaussian window with standard deviation 1.5, which shrinks if pictures are smaller. An odd side, as
other shapes than squares may have, is averaged with its last row or column repeated.
"""

import functools

import numpy as np

from pgan_tf.metrics.metric import Metric

_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WINDOW_SIDE, _WINDOW_DEVIATION = 11, 1.5
_LUMINANCE_CONSTANT = (0.01 * 255) ** 2
_CONTRAST_CONSTANT = (0.03 * 255) ** 2
LOWEST_RESOLUTION = 2 ** (len(_SCALE_WEIGHTS) - 1)


def ms_ssim(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns the similarity of each pair, at most 1, for `(n, height, width, channels)` uint8."""
    a, b = (pictures.transpose(0, 3, 1, 2).astype(np.float64) for pictures in (a, b))
    score = np.ones(len(a))
    *upper, last = _SCALE_WEIGHTS
    # Negative values mean opposite structure and count as no similarity.
    for weight in upper:
        score *= np.maximum(_ssim(a, b)[1], 0) ** weight
        a, b = _halve(a), _halve(b)
    return score * np.maximum(_ssim(a, b)[0], 0) ** last


def _ssim(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the mean structural similarity of each pair, and the same without luminance."""
    height, width = a.shape[2:]
    size = min(_WINDOW_SIDE, height, width)
    down, across = _window_matrix(height, size), _window_matrix(width, size)

    def average(pictures: np.ndarray) -> np.ndarray:
        return np.matmul(np.matmul(down, pictures), across.T)

    mean_a, mean_b = average(a), average(b)
    variances = average(a * a) + average(b * b) - mean_a**2 - mean_b**2
    covariance = average(a * b) - mean_a * mean_b
    contrast = (2 * covariance + _CONTRAST_CONSTANT) / (variances + _CONTRAST_CONSTANT)
    squares = mean_a**2 + mean_b**2
    luminance = (2 * mean_a * mean_b + _LUMINANCE_CONSTANT) / (squares + _LUMINANCE_CONSTANT)
    return (luminance * contrast).mean(axis=(1, 2, 3)), contrast.mean(axis=(1, 2, 3))


@functools.cache
def _window_matrix(side: int, size: int) -> np.ndarray:
    """Returns the Gaussian window of a size at every place where it fits, `(places, side)`."""
    deviation = size * _WINDOW_DEVIATION / _WINDOW_SIDE
    weights = np.exp(-(((np.arange(size) - (size - 1) / 2) / deviation) ** 2) / 2)
    matrix = np.zeros((side - size + 1, side))
    for place in range(len(matrix)):
        matrix[place, place : place + size] = weights / weights.sum()
    return matrix


def _halve(pictures: np.ndarray) -> np.ndarray:
    if any(side % 2 for side in pictures.shape[2:]):
        odd = [(0, side % 2) for side in pictures.shape[2:]]
        pictures = np.pad(pictures, ((0, 0), (0, 0), *odd), mode="edge")
    n, channels, height, width = pictures.shape
    return pictures.reshape(n, channels, height // 2, 2, width // 2, 2).mean(axis=(3, 5))


class SimilarityCollector:
    """Compares pictures in pairs: the first with the second, the third with the fourth."""

    def __init__(self) -> None:
        self.sum, self.pairs = 0.0, 0

    def add(self, batch: np.ndarray) -> None:
        """Adds `(n, height, width, channels)` uint8 pictures. Ignores the last one if n is odd."""
        pairs = len(batch) // 2
        if pairs:
            self.sum += ms_ssim(batch[0 : 2 * pairs : 2], batch[1 : 2 * pairs : 2]).sum()
            self.pairs += pairs


def make_ms_ssim() -> Metric:
    """Returns the metric `ms_ssim`."""

    def compare(reals: object, fakes: SimilarityCollector) -> dict[str, float]:
        return {"ms_ssim": float(fakes.sum / fakes.pairs)}

    words = "2x2 average"
    return Metric(
        "ms_ssim", lambda which: SimilarityCollector(), compare, "ms_ssim", "neither", words, False
    )
