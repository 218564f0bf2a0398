"""The paper's five layers: what a progressive GAN has that Keras has not.

All is NHWC. Under a mixed precision policy statistics are still computed in float32.
Convolutions and dense layers are in `equalized`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from pgan_tf.networks.layers.equalized import HE_GAIN, EqualizedConv2D, EqualizedDense

__all__ = [
    "HE_GAIN",
    "EqualizedConv2D",
    "EqualizedDense",
    "MinibatchStdDev",
    "PixelNorm",
    "WeightedSum",
]


@keras.saving.register_keras_serializable(package="pgan_tf")
class PixelNorm(keras.layers.Layer):
    """Pixelwise feature vector normalization (paper, §4.2): b = a / sqrt(mean(a²) + ε).

    Call: `(batch, …, channels)` float → the same shape, mean square 1 over channels.

    Args:
        epsilon: keeps a vector of zeros finite.
    """

    def __init__(self, epsilon: float = 1e-8, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Normalizes each pixel's feature vector."""
        features = tf.cast(inputs, tf.float32)
        mean_square = tf.reduce_mean(tf.square(features), axis=-1, keepdims=True)
        return inputs * tf.cast(tf.math.rsqrt(mean_square + self.epsilon), inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this layer again."""
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package="pgan_tf")
class MinibatchStdDev(keras.layers.Layer):
    """Minibatch standard deviation (paper, §3): one more feature map, how much a group varies.

    A batch of N splits into N / group_size groups whose members lie N / group_size
    apart. Over each group: the standard deviation of every feature at every pixel, then
    the mean of all of them, as a constant feature map.

    Differs from the paper: groups instead of the whole minibatch, as in the published
    implementation. Under `tf.distribute` a group lies within one replica.

    Call: `(batch, height, width, channels)` float → `(batch, height, width, channels + 1)`.

    Args:
        group_size: examples in a group; a smaller batch is one group. The
            batch must be a multiple.
        epsilon: inside the square root, for its gradient at zero.
    """

    def __init__(self, group_size: int = 4, *, epsilon: float = 1e-8, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if group_size < 1:
            raise ValueError(f"group_size: expected at least 1, got {group_size}")
        self.group_size = group_size
        self.epsilon = epsilon

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Appends the feature map."""
        shape = tf.shape(inputs)
        group = tf.minimum(self.group_size, shape[0])
        members = tf.reshape(
            tf.cast(inputs, tf.float32), (group, shape[0] // group, *inputs.shape[1:])
        )
        variance = tf.math.reduce_variance(members, axis=0)
        statistic = tf.reduce_mean(tf.sqrt(variance + self.epsilon), axis=(1, 2, 3), keepdims=True)
        # Example i is in group i mod (N / group): the statistics repeat.
        feature = tf.tile(statistic, (group, *inputs.shape[1:3], 1))
        return tf.concat([inputs, tf.cast(feature, inputs.dtype)], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this layer again."""
        return {**super().get_config(), "group_size": self.group_size, "epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package="pgan_tf")
class WeightedSum(keras.layers.Layer):
    """The fade (paper, §2, figure 2): (1 - alpha) * old + alpha * new.

    Alpha is a variable, not a Python number, so that a changed alpha recompiles nothing.
    It does not train; the training step assigns it from the images shown.

    Call: `[old, new]`, two tensors of one shape → that shape.

    Args:
        alpha: its initial value: 0 shows only the old, 1 only the new.
    """

    def __init__(self, alpha: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.initial_alpha = alpha

    def build(self, input_shape: Any) -> None:
        """Creates alpha, in float32 also where the policy computes in less."""
        self.alpha = self.add_weight(
            name="alpha",
            shape=(),
            dtype="float32",
            initializer=keras.initializers.Constant(self.initial_alpha),
            trainable=False,
            autocast=False,
        )

    def call(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """Blends."""
        old, new = inputs
        alpha = tf.cast(tf.convert_to_tensor(self.alpha), old.dtype)
        return old + (new - old) * alpha

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this layer again."""
        return {**super().get_config(), "alpha": self.initial_alpha}
