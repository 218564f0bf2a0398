"""The order of the pictures, a pure function of the seed and the number of images shown.

So training can resume anywhere at once, and each worker reads only its share.
"""

import numpy as np
import tensorflow as tf

from tfrecords.common.errors import UserError

_ROUNDS = 16  # of the permutation; with TensorFlow's default of 4, epochs look alike
_ODD = 0xD1B54A32D192ED03  # separates the random streams of neighboring seeds

TRAINING, HELD_OUT = "training", "held out"  # the parts of a dataset
# Which pictures are held out is the same for all runs and seeds: they can be compared.
_HELD_OUT_KEY = (0x68656C64, 0x6F7574, 0)
_FEWEST_HELD_OUT = 8  # mean scores of fewer say nothing, and a batch would show most of them twice


def pictures_at(
    positions: tf.Tensor, num_images: int, seed: int, held_out: float = 0.0, part: str = TRAINING
) -> tf.Tensor:
    """Returns the picture, from 0 to `num_images` - 1, at each position of an endless order.

    Each picture comes once per epoch; epoch e is a permutation seeded with (seed, e). A position,
    `(n,)` int64, is the number of images shown before. The result has the same shape.

    With a share `held_out` of the pictures held out, only those of one part come. UserError if the
    share is too small.
    """
    if not held_out:
        return _shuffled(positions, num_images, seed)
    first, size = _span(num_images, held_out, part)
    return _dealt(first + _shuffled(positions, size, seed), num_images)


def pictures_of(num_images: int, held_out: float, part: str) -> np.ndarray:
    """Returns the pictures of one part, sorted, `(n,)` int64. UserError as `pictures_at`."""
    first, size = _span(num_images, held_out, part)
    return np.sort(_dealt(first + tf.range(size, dtype=tf.int64), num_images).numpy())


def part_size(num_images: int, held_out: float, part: str) -> int:
    """Returns the number of pictures of one part. UserError as `pictures_at`."""
    return _span(num_images, held_out, part)[1]


def check_held_out(num_images: int, held_out: float) -> None:
    """Raises UserError if so small a share of a dataset is held out that it says nothing."""
    number = round(num_images * held_out)
    if held_out and number < _FEWEST_HELD_OUT:
        got = f"{number} ({held_out:g} of {num_images:,}): give a larger share, or more pictures"
        raise UserError(f"--held_out: expected {_FEWEST_HELD_OUT} pictures or more, got {got}")


def _span(num_images: int, held_out: float, part: str) -> tuple[int, int]:
    """Returns where a part begins in the order of `_dealt`, and how many pictures it has."""
    check_held_out(num_images, held_out)
    trained = num_images - round(num_images * held_out)
    return (0, trained) if part == TRAINING else (trained, num_images - trained)


def _dealt(places: tf.Tensor, num_images: int) -> tf.Tensor:
    """Returns the picture at each place, from 0 to `num_images` - 1, of a fixed permutation."""
    return tf.raw_ops.RandomIndexShuffle(
        index=places,
        seed=tf.constant(_HELD_OUT_KEY, tf.int64),
        max_index=tf.constant(num_images - 1, tf.int64),
        rounds=_ROUNDS,
    )


def _shuffled(positions: tf.Tensor, num_images: int, seed: int) -> tf.Tensor:
    """Returns a number from 0 to `num_images` - 1 for each position, each once per epoch."""
    epochs = positions // num_images
    run = tf.fill(tf.shape(epochs), tf.constant(seed, tf.int64))
    # A keyed permutation, evaluated index by index, so that nothing is stored. (The public
    # tf.random.experimental.index_shuffle is the same, but takes only one seed per call.)
    return tf.raw_ops.RandomIndexShuffle(
        index=positions % num_images,
        seed=tf.stack([run, epochs, tf.zeros_like(epochs)], axis=1),
        max_index=tf.constant(num_images - 1, tf.int64),
        rounds=_ROUNDS,
    )


def flips_at(positions: tf.Tensor, seed: int) -> tf.Tensor:
    """Returns `(n,)` bool: whether each position's picture is mirrored, with probability 1/2."""
    # SplitMix64 (Steele, Lea and Flood, 2014), a fixed hash of seed and position.
    mixed = tf.cast(positions, tf.uint64) + tf.constant(seed * _ODD % 2**64, tf.uint64)
    mixed = (mixed + tf.constant(1, tf.uint64)) * tf.constant(0x9E3779B97F4A7C15, tf.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        mixed = tf.bitwise.bitwise_xor(mixed, tf.bitwise.right_shift(mixed, shift))
        mixed *= tf.constant(factor, tf.uint64)
    return mixed % 2 == 0
