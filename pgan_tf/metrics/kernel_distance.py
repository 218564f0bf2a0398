"""Kernel Inception distance (Bińkowski et al., 2018, §4).

This is the unbiased estimate of the squared maximum mean discrepancy of Inception's features, with
the kernel `(x·y / size + 1)³`. For two samples of the same distribution its mean is 0, so values
can be negative. The paper averages over random subsets. Here all pairs are used, block by block,
which has the same expectation and less noise.
"""

import numpy as np

from pgan_tf.metrics.inception import FILTER, FeatureCollector, Features, blocks_of, count
from pgan_tf.metrics.metric import Metric, with_bar


def kernel_distance(a: Features, b: Features) -> float:
    """Returns the unbiased estimate for two sets of at least two pictures each."""
    across = sum(
        float(_kernel(x, y).sum()) for x in with_bar(blocks_of(a), "kid") for y in blocks_of(b)
    )
    return _mean_within(a) + _mean_within(b) - 2 * (across / (count(a) * count(b)))


def _mean_within(features: Features) -> float:
    """Returns the mean of the kernel over all pairs of different pictures in a set."""
    total = 0.0
    for first, block in enumerate(with_bar(blocks_of(features), "kid")):
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
