"""Pixelwise feature vector normalization (paper, §4.2)."""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="pgan_tf")
class PixelNorm(keras.layers.Layer):
    """Pixelwise feature vector normalization (paper, §4.2): b = a / sqrt(mean(a²) + ε).

    Call: `(batch, …, channels)` float → the same shape, with mean square 1 over channels.
    """

    def __init__(self, epsilon: float = 1e-8, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Normalizes each pixel's feature vector."""
        return pixel_norm(inputs, self.epsilon)


def pixel_norm(x: tf.Tensor, epsilon: float = 1e-8) -> tf.Tensor:
    """Does the same as the layer `PixelNorm`."""
    mean_square = tf.reduce_mean(tf.square(tf.cast(x, tf.float32)), axis=-1, keepdims=True)
    return x * tf.cast(tf.math.rsqrt(mean_square + epsilon), x.dtype)
