"""Inception's features of a set of pictures, kept for metrics that compare each with each."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from pgan_tf.metrics.inception_graph import Seen

# Rows at a time: a block of distances between two takes 32 MiB.
BLOCK_ROWS = 2048

Features = Sequence[np.ndarray]  # (n, size) float32 batches


class FeatureCollector:
    """Keeps features, 8 kB a picture; metrics that keep the same ones share the memory."""

    def __init__(self, features: Iterable[np.ndarray] = ()) -> None:
        self.features = [*features]

    def add(self, batch: Seen) -> None:
        """Takes what Inception makes of a batch."""
        self.features.append(batch.features)


def blocks_of(features: Features, rows: int = BLOCK_ROWS) -> Iterator[np.ndarray]:
    """Joins batches into float64 blocks of at least `rows` rows; the last one may have fewer."""
    waiting: list[np.ndarray] = []
    for batch in features:
        waiting.append(batch)
        if count(waiting) >= rows:
            yield np.concatenate(waiting).astype(np.float64)
            waiting = []
    if waiting:
        yield np.concatenate(waiting).astype(np.float64)


def count(features: Features) -> int:
    """Returns the number of pictures."""
    return sum(map(len, features))
