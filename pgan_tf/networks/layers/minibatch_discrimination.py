"""Minibatch discrimination (Salimans et al., 2016, §3.2): row (e*) of the paper's table 1."""

import math
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="pgan_tf")
class MinibatchDiscrimination(keras.layers.Layer):
    """Appends feature maps that say how close each example is to the others in its minibatch.

    The features f of example i times a tensor T give a matrix M_i of `num_kernels` rows with
    `kernel_size` components each. For each row b, with the L1 norm, the layer computes
    o_b(i) = sum over j != i of exp(-|M_i,b - M_j,b|).

    Differs from Salimans et al.: an example's own term, always 1, is skipped, and o is appended
    as constant feature maps. Under `tf.distribute`, the minibatch is that of one replica.

    Call: `(batch, height, width, channels)` float → `(…, channels + num_kernels)`.
    """

    def __init__(
        self, num_kernels: int = 100, kernel_size: int = 5, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.num_kernels, self.kernel_size, self.seed = num_kernels, kernel_size, seed

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Creates T, scaled so that M starts with the same mean square as the features."""
        fan_in = math.prod(input_shape[1:])
        normal = keras.initializers.RandomNormal(stddev=1.0 / math.sqrt(fan_in), seed=self.seed)
        shape = (fan_in, self.num_kernels * self.kernel_size)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=normal)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Appends the feature maps."""
        kernel = tf.cast(tf.convert_to_tensor(self.kernel), tf.float32)
        flat = tf.reshape(tf.cast(inputs, tf.float32), (-1, kernel.shape[0]))
        shape = (-1, self.num_kernels, self.kernel_size)
        matrices = tf.reshape(tf.linalg.matmul(flat, kernel), shape)
        distances = tf.reduce_sum(tf.abs(matrices[:, None] - matrices[None, :]), axis=-1)
        nearness = tf.reduce_sum(tf.exp(-distances), axis=1) - 1.0
        maps = tf.tile(nearness[:, None, None, :], (1, *inputs.shape[1:3], 1))
        return tf.concat([inputs, tf.cast(maps, inputs.dtype)], axis=-1)
