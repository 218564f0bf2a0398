"""Pixelwise feature vector normalization (paper, §4.2)."""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="pgan_tf")
class PixelNorm(keras.layers.Layer):
    """Pixelwise feature vector normalization (paper, §4.2): b = a / sqrt(mean(a²) + ε).

    Call: `(batch, …, channels)` float → the same shape, mean square 1 over channels.
    """

    def __init__(self, epsilon: float = 1e-8, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Normalizes each pixel's feature vector."""
        features = tf.cast(inputs, tf.float32)
        mean_square = tf.reduce_mean(tf.square(features), axis=-1, keepdims=True)
        return inputs * tf.cast(tf.math.rsqrt(mean_square + self.epsilon), inputs.dtype)
