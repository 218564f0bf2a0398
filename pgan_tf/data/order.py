"""The order of the pictures, a pure function of the seed and the number of images shown.

So training can resume anywhere at once, and each worker reads only its share.
"""

import tensorflow as tf

_ROUNDS = 16  # of the permutation; with TensorFlow's default of 4, epochs look alike
_ODD = 0xD1B54A32D192ED03  # separates the random streams of neighboring seeds


def pictures_at(positions: tf.Tensor, num_images: int, seed: int) -> tf.Tensor:
    """Returns the picture, from 0 to `num_images` - 1, at each position of an endless order.

    Each picture comes once per epoch; epoch e is a permutation seeded with (seed, e). A position,
    `(n,)` int64, is the number of images shown before. The result has the same shape.
    """
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
