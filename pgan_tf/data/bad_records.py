"""Which records of the data are damaged: each counts once, however often it is met."""

import numpy as np
import tensorflow as tf

_NEVER = np.iinfo(np.int64).max


class BadRecords:
    """Collects the damaged records that a run leaves out, of all resolutions.

    A picture's record at another resolution is another record. Records are read ahead of
    training. Only those count that training has reached, so that a run that was cut off counts the
    same ones when it goes on.
    """

    def __init__(self, most: int, before: np.ndarray | None = None) -> None:
        """Allows `most` records, with those of an earlier part of the run, as `met` gave them."""
        self.most = most
        self._before = np.zeros((0, 2), np.int64) if before is None else before
        self._first_positions: dict[int, tf.Variable] = {}

    def first_positions(self, resolution: int, num_images: int) -> tf.Variable:
        """Returns `(num_images,)` int64, in which `note` keeps where each record is first met."""
        if resolution not in self._first_positions:
            with tf.device("CPU:0"):  # where records are read, whatever trains
                self._first_positions[resolution] = tf.Variable(
                    tf.fill((num_images,), tf.constant(_NEVER, tf.int64)), trainable=False
                )
        return self._first_positions[resolution]

    def met(self, images_shown: int) -> np.ndarray:
        """Returns those met until then, `(n, 2)` int64: resolution and number of the picture."""
        pairs = [self._before]
        for resolution, positions in self._first_positions.items():
            pictures = np.flatnonzero(positions.numpy() < images_shown)
            pairs.append(np.stack([np.full_like(pictures, resolution), pictures], axis=1))
        return np.unique(np.concatenate(pairs), axis=0)


def note(first_positions: tf.Variable, pictures: tf.Tensor, position: tf.Tensor) -> None:
    """Notes that `(n,)` int64 pictures are damaged, met at `position`, an int64 scalar."""
    positions = tf.fill(tf.shape(pictures), position)
    first_positions.scatter_min(tf.IndexedSlices(positions, pictures))
