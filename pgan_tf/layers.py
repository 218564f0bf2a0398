"""The paper's five layers: what a progressive GAN has that Keras has not.

All is NHWC. Under a mixed precision policy statistics are still computed in float32.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import keras
import tensorflow as tf

from pgan_tf.fused_scale import spread_kernel

HE_GAIN = math.sqrt(2.0)


def _equalized_kernel(
    layer: keras.layers.Layer, shape: Sequence[int], fan_in: int, gain: float, seed: int | None
) -> float:
    """Adds `layer.kernel` and returns the constant it is multiplied by at run time.

    He's initializer (He et al., 2015) draws N(0, gain / sqrt(fan_in)). The equalized
    learning rate (§4.1) draws N(0, 1) and multiplies by that constant at run time, so
    that Adam's steps, which know no scale, change every layer at the same speed.
    """
    he_constant = gain / math.sqrt(fan_in)
    stddev, multiplier = (1.0, he_constant) if layer.equalized else (he_constant, 1.0)
    layer.kernel = layer.add_weight(
        name="kernel",
        shape=tuple(shape),
        initializer=keras.initializers.RandomNormal(stddev=stddev, seed=seed),
    )
    return multiplier


@keras.saving.register_keras_serializable(package="pgan_tf")
class EqualizedConv2D(keras.layers.Layer):
    """A convolution with equalized learning rate (paper, §4.1), stride 1, same padding.

    `resample="up"` is nearest-neighbour upsampling and then the convolution, `"down"` the
    convolution and then a 2x2 average: by one stride-2 kernel of 4x4 taps, at 4/9 of the
    arithmetic. The stored kernel stays 3x3.

    Kernels are laid out (height, width, in, out); `"up"` is a transposed convolution, laid out
    (height, width, out, in) and rotated by 180 degrees as in `keras.layers.Conv2DTranspose`.

    Call: `(batch, height, width, in)` float → `(batch, height', width', filters)`,
    where height' is height, twice or half of it.

    Args:
        filters: output feature maps.
        kernel_size: taps along one side; 3 when resampling.
        gain: of He's initializer; sqrt(2) before a ReLU, 1 for a linear output.
        equalized: equalized learning rate, or a plain He initialization.
        resample: `None`, `"up"` or `"down"`.
        seed: of the initial kernel.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        *,
        gain: float = HE_GAIN,
        equalized: bool = True,
        resample: Literal["up", "down"] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if resample not in (None, "up", "down"):
            raise ValueError(f"resample: expected None, 'up' or 'down', got {resample!r}")
        if resample and kernel_size != 3:
            raise ValueError(f"kernel_size: expected 3 with resample, got {kernel_size}")
        self.filters = filters
        self.kernel_size = kernel_size
        self.gain = gain
        self.equalized = equalized
        self.resample = resample
        self.seed = seed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the kernel and the bias."""
        channels, size = input_shape[-1], self.kernel_size
        in_out = (self.filters, channels) if self.resample == "up" else (channels, self.filters)
        fan_in = size * size * channels
        self.multiplier = _equalized_kernel(
            self, (size, size, *in_out), fan_in, self.gain, self.seed
        )
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Convolves."""
        kernel = tf.convert_to_tensor(self.kernel) * self.multiplier
        if self.resample == "up":
            shape = tf.shape(inputs)
            height, width = inputs.shape[1:3]
            outputs = tf.nn.conv2d_transpose(
                inputs,
                spread_kernel(kernel),
                (shape[0], 2 * height, 2 * width, self.filters),
                strides=2,
            )
        elif self.resample == "down":
            outputs = tf.nn.conv2d(inputs, spread_kernel(kernel) * 0.25, strides=2, padding="SAME")
        else:
            outputs = tf.nn.conv2d(inputs, kernel, strides=1, padding="SAME")
        return tf.nn.bias_add(outputs, tf.convert_to_tensor(self.bias))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the shape of what `call` gives."""
        batch, height, width, _ = input_shape
        if self.resample == "up":
            height, width = 2 * height, 2 * width
        elif self.resample == "down":
            height, width = height // 2, width // 2
        return (batch, height, width, self.filters)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this layer again."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "gain": self.gain,
            "equalized": self.equalized,
            "resample": self.resample,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable(package="pgan_tf")
class EqualizedDense(keras.layers.Layer):
    """A dense layer with equalized learning rate (paper, §4.1).

    Call: `(batch, …)` float, flattened → `(batch, *units)`.

    Args:
        units: outputs: a number, or a shape whose last axis is channels. There is one
            bias per channel, which makes `units=(4, 4, channels)` the "Conv 4x4" that
            turns a latent vector into feature maps (table 2).
        gain: of He's initializer.
        equalized: equalized learning rate, or a plain He initialization.
        seed: of the initial kernel.
    """

    def __init__(
        self,
        units: int | Sequence[int],
        *,
        gain: float = HE_GAIN,
        equalized: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = (units,) if isinstance(units, int) else tuple(units)
        self.gain = gain
        self.equalized = equalized
        self.seed = seed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the kernel and the bias."""
        fan_in = math.prod(input_shape[1:])
        self.multiplier = _equalized_kernel(
            self, (fan_in, math.prod(self.units)), fan_in, self.gain, self.seed
        )
        self.bias = self.add_weight(name="bias", shape=(self.units[-1],), initializer="zeros")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Multiplies and adds the bias."""
        kernel = tf.convert_to_tensor(self.kernel) * self.multiplier
        flat = tf.reshape(inputs, (-1, kernel.shape[0]))
        outputs = tf.reshape(tf.linalg.matmul(flat, kernel), (-1, *self.units))
        return outputs + tf.convert_to_tensor(self.bias)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the shape of what `call` gives."""
        return (input_shape[0], *self.units)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this layer again."""
        return {
            **super().get_config(),
            "units": list(self.units),
            "gain": self.gain,
            "equalized": self.equalized,
            "seed": self.seed,
        }


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
