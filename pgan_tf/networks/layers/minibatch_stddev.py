"""Minibatch standard deviation, which shows the discriminator variation (paper, §3)."""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="pgan_tf")
class MinibatchStdDev(keras.layers.Layer):
    """Appends a feature map that says how much the examples of a group vary (paper, §3).

    A batch of N splits into N / group_size groups whose members lie N / group_size apart. A
    group's statistic is the standard deviation of each feature at each pixel, averaged over all.
    Differs from the paper: taken over groups within a replica, as published, not the minibatch.

    Call: `(batch, height, width, channels)` float → `(batch, height, width, channels + 1)`.
    The batch is a multiple of `group_size`, or one smaller group. `epsilon` is under the root.
    """

    def __init__(self, group_size: int = 4, *, epsilon: float = 1e-8, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.group_size, self.epsilon = group_size, epsilon

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Appends the feature map."""
        batch = tf.shape(inputs)[0]
        group = tf.minimum(self.group_size, batch)
        shape = (group, batch // group, *inputs.shape[1:])
        members = tf.reshape(tf.cast(inputs, tf.float32), shape)
        variance = tf.math.reduce_variance(members, axis=0)
        statistic = tf.reduce_mean(tf.sqrt(variance + self.epsilon), axis=(1, 2, 3), keepdims=True)
        # Example i is in group i mod (N / group): the statistics repeat.
        feature = tf.tile(statistic, (group, *inputs.shape[1:3], 1))
        return tf.concat([inputs, tf.cast(feature, inputs.dtype)], axis=-1)
