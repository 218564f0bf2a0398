"""Convolutions and dense layers with equalized learning rate (paper, §4.1)."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from pgan_tf.networks.layers.convolution import Resample, convolve, multiply

HE_GAIN = math.sqrt(2.0)


class _Equalized(keras.layers.Layer):
    """A kernel and a bias, with or without equalized learning rate.

    He's initializer (He et al., 2015) draws N(0, gain / sqrt(fan_in)); the gain is sqrt(2) before
    a ReLU, 1 for a linear output. Equalized learning rate (§4.1) draws N(0, 1) and multiplies by
    gain / sqrt(fan_in) at run time, so that Adam changes all layers at the same speed.
    """

    def __init__(
        self, gain: float = HE_GAIN, equalized: bool = True, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.gain, self.equalized, self.seed = gain, equalized, seed

    def _add_weights(self, shape: tuple[int, ...], fan_in: int, channels: int) -> None:
        he_constant = self.gain / math.sqrt(fan_in)
        stddev, self.constant = (1.0, he_constant) if self.equalized else (he_constant, 1.0)
        normal = keras.initializers.RandomNormal(stddev=stddev, seed=self.seed)
        self.kernel = self.add_weight(shape, normal, name="kernel", autocast=False)
        self.bias = self.add_weight((channels,), "zeros", name="bias")

    def _tensors(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the kernel in float32 and the bias in the layer's compute dtype."""
        return tf.convert_to_tensor(self.kernel), tf.convert_to_tensor(self.bias)


@keras.saving.register_keras_serializable(package="pgan_tf")
class EqualizedConv2D(_Equalized):
    """A convolution with equalized learning rate (paper, §4.1), stride 1, same padding.

    `resample="up"` is nearest-neighbor upsampling and then the convolution, `"down"` the
    convolution and then a 2x2 average. Kernels are (height, width, in, out). With `"up"` they are
    (height, width, out, in), rotated by 180 degrees as in `keras.layers.Conv2DTranspose`.

    Call: `(batch, height, width, in)` float → `(batch, …, filters)`, the same size, twice or half.
    """

    def __init__(
        self, filters: int, kernel_size: int = 3, *, resample: Resample = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.resample = filters, kernel_size, resample
        # `fast.speed_up` replaces it.
        self.convolve = functools.partial(convolve, resample=resample)

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Creates the kernel and the bias."""
        channels, size = input_shape[-1], self.kernel_size
        in_out = (self.filters, channels) if self.resample == "up" else (channels, self.filters)
        self._add_weights((size, size, *in_out), size * size * channels, self.filters)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Convolves."""
        kernel, bias = self._tensors()
        return self.convolve(x, kernel * self.constant) + bias


@keras.saving.register_keras_serializable(package="pgan_tf")
class EqualizedDense(_Equalized):
    """A dense layer with equalized learning rate (paper, §4.1).

    Call: `(batch, …)` float, flattened → `(batch, *units)`. The bias is added along the last axis.
    `units=(4, 4, channels)` is the "Conv 4x4" that turns a latent into feature maps (table 2).
    """

    def __init__(self, units: int | Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = (units,) if isinstance(units, int) else tuple(units)
        self.multiply = multiply  # `fast.speed_up` replaces it

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Creates the kernel and the bias."""
        fan_in = math.prod(input_shape[1:])
        self._add_weights((fan_in, math.prod(self.units)), fan_in, self.units[-1])

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Multiplies and adds the bias."""
        kernel, bias = self._tensors()
        x = tf.reshape(x, (-1, kernel.shape[0]))
        return tf.reshape(self.multiply(x, kernel * self.constant), (-1, *self.units)) + bias
