"""Which records of the data are damaged: each counts once, however often it is met."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

_NEVER = np.iinfo(np.int64).max


class BadRecords:
    """Collects the damaged records that a run leaves out, of all resolutions.

    A picture's record at another resolution is another record. Records are read ahead of
    training; those count that training has come to, so that a run that was cut off and goes on
    counts the same ones.

    Attributes:
        most: how many may be left out.
    """

    def __init__(self, most: int, before: np.ndarray | None = None) -> None:
        """Begins with those that an earlier part of the run has met, as `met` returned them."""
        self.most = most
        self._before = np.zeros((0, 2), np.int64) if before is None else before
        self._first_positions: dict[int, tf.Variable] = {}

    def first_positions(self, resolution: int, num_images: int) -> tf.Variable:
        """Returns where to note when each record is met first, for `note`.

        Of a resolution: `(num_images,)` int64, positions in the order of `order`.
        """
        if resolution not in self._first_positions:
            # Where records are read, whatever trains.
            with tf.device("CPU:0"):
                self._first_positions[resolution] = tf.Variable(
                    tf.fill((num_images,), tf.constant(_NEVER, tf.int64)), trainable=False
                )
        return self._first_positions[resolution]

    def met(self, images_shown: int) -> np.ndarray:
        """Returns those met until then: `(n, 2)` int64, resolution and number of the picture."""
        pairs = [self._before]
        for resolution, positions in self._first_positions.items():
            pictures = np.flatnonzero(positions.numpy() < images_shown)
            pairs.append(np.stack([np.full_like(pictures, resolution), pictures], axis=1))
        return np.unique(np.concatenate(pairs), axis=0)


def note(first_positions: tf.Variable, pictures: tf.Tensor, position: tf.Tensor) -> None:
    """Notes that `(n,)` int64 picture numbers are damaged, met at an int64 scalar position."""
    positions = tf.fill(tf.shape(pictures), position)
    first_positions.scatter_min(tf.IndexedSlices(positions, pictures))
