"""Inception's features of a set of pictures, kept for metrics that compare each with each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pgan_tf.metrics.inception_graph import Seen

# Rows at a time: a block of distances between two takes 32 MiB.
BLOCK_ROWS = 2048

Features = Sequence[np.ndarray]


class FeatureCollector:
    """Keeps features, 8 kB a picture; metrics that keep the same ones share the memory."""

    def __init__(self) -> None:
        self._batches: list[np.ndarray] = []

    def add(self, batch: Seen) -> None:
        """Takes what Inception makes of a batch."""
        self._batches.append(batch.features)

    def summary(self) -> Features:
        """Returns `(n, size)` float32 batches."""
        return tuple(self._batches)


def blocks_of(features: Features, rows: int = BLOCK_ROWS) -> Iterator[np.ndarray]:
    """Joins batches to `(n, size)` float64 blocks of `rows` rows or more, but for the last."""
    waiting: list[np.ndarray] = []
    for batch in features:
        waiting.append(batch)
        if sum(map(len, waiting)) >= rows:
            yield np.concatenate(waiting).astype(np.float64)
            waiting = []
    if waiting:
        yield np.concatenate(waiting).astype(np.float64)


def count(features: Features) -> int:
    """Returns the number of pictures."""
    return sum(map(len, features))
