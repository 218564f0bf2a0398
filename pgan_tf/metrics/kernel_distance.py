"""Kernel Inception distance (Bińkowski et al., 2018, §4).

The squared maximum mean discrepancy of Inception's features under the kernel `(x·y / size + 1)³`,
by its unbiased estimate: between draws of the same distribution its mean is 0, so single values
can be negative. The paper takes the mean over random subsets; here all pairs count, block by
block: the same expectation, with less noise.
"""

import numpy as np

from pgan_tf.metrics.inception import FILTER, FeatureCollector, Features, blocks_of, count
from pgan_tf.metrics.metric import Metric


def kernel_distance(a: Features, b: Features) -> float:
    """Returns the unbiased estimate, from at least two pictures of each set."""
    across = sum(float(_kernel(x, y).sum()) for x in blocks_of(a) for y in blocks_of(b))
    return _mean_within(a) + _mean_within(b) - 2 * (across / (count(a) * count(b)))


def _mean_within(features: Features) -> float:
    """Returns the kernel's mean over the pairs of different pictures of a set."""
    total = 0.0
    for first, block in enumerate(blocks_of(features)):
        for second, other in enumerate(blocks_of(features)):
            if first == second:
                kernel = _kernel(block, block)
                total += kernel.sum() - np.trace(kernel)
            elif first < second:
                total += 2 * _kernel(block, other).sum()
    return float(total / (count(features) * (count(features) - 1)))


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    products = a @ b.T
    products /= a.shape[1]
    products += 1
    return products * products * products


def make_kid(sha256: str) -> Metric:
    """Returns the metric `kid`, times 10³."""

    def compare(reals: FeatureCollector, fakes: FeatureCollector) -> dict[str, float]:
        return {"kid": 1e3 * kernel_distance(reals.features, fakes.features)}

    return Metric(
        "kid", lambda which: FeatureCollector(), compare, "kid", "lower", FILTER, True, sha256
    )
