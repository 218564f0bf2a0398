"""Kernel Inception distance (Bińkowski et al., 2018, §4).

The squared maximum mean discrepancy of Inception's features under the kernel
`(x·y / size + 1)³`, by its unbiased estimate: over draws of the same distribution its mean is
0 whatever the number of pictures, and single values are below 0, too.

Differs from the paper: its estimate is the mean over random subsets; here all pairs count,
block by block. The expectation is the same, with less noise.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pgan_tf.metrics.features import FeatureCollector, Features, blocks_of, count
from pgan_tf.metrics.inception_graph import FILTER
from pgan_tf.metrics.metric import Metric


def kernel_distance(a: Features, b: Features) -> float:
    """Returns the unbiased estimate, from at least two pictures of each set."""
    return mean_within(a) + mean_within(b) - 2 * _mean_across(a, b)


def mean_within(features: Features) -> float:
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


def _mean_across(a: Features, b: Features) -> float:
    def sums() -> Iterator[float]:
        for block in blocks_of(a):
            for other in blocks_of(b):
                yield float(_kernel(block, other).sum())

    return sum(sums()) / (count(a) * count(b))


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    products = a @ b.T
    products /= a.shape[1]
    products += 1
    return products * products * products


def make_kid(inception_sha256: str) -> Metric:
    """Returns the metric: `kid`, times 10³."""
    return Metric(
        name="kid",
        version=1,
        sees="inception",
        against_reals=True,
        collect=lambda which: FeatureCollector(),
        compare=lambda reals, fakes: {"kid": 1e3 * kernel_distance(reals, fakes)},
        headline="kid",
        better="lower",
        filter=FILTER,
        weights_sha256=inception_sha256,
    )
