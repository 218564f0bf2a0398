"""The generator as it is used: no more arithmetic than pictures need.

What training needs and pictures do not is worked into the weights once:

- the equalized learning rate's constants (paper, §4.1) are multiplied into the kernels;
- upsampling and the convolution after it are one kernel of 4x4 taps, spread beforehand,
  whether the network was trained so or not;
- batch normalization, where there is any, is worked into kernels and biases;
- a fade (§2) is worked into the two RGB layers; what has faded in fully leaves no trace.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from pgan_tf.config.networks import resolutions_above_lowest
from pgan_tf.config.training import NetworkConfig
from pgan_tf.networks.layers import FADE
from pgan_tf.networks.layers.convolution import spread_kernel

_SLOPE = 0.2
_EPSILON = 1e-8


@dataclasses.dataclass(frozen=True)
class Form:
    """How the arithmetic is laid out; the pictures are the same.

    Attributes:
        upsampling: `fused` with the convolution that follows, the least arithmetic; or
            `resize` by nearest neighbour first, then convolve, where transposed
            convolutions are slow, as in browsers.
    """

    upsampling: Literal["fused", "resize"] = "fused"


@dataclasses.dataclass(frozen=True, eq=False)
class _Layer:
    """One matrix product or convolution with its bias; `upscales` only with a convolution."""

    kernel: tf.Variable
    bias: tf.Variable
    upscales: bool = False


@dataclasses.dataclass(frozen=True, eq=False)
class InferenceGenerator:
    """A generator of which nothing can be trained any more; see `fold`.

    Call: `[latents, labels]`, `(batch, latent_size)` and `(batch, label_size)` float32 →
    pictures `(batch, resolution, resolution, num_channels)` float32, about in [-1, 1]
    (nothing clips them). Without classes labels have width 0.

    Attributes:
        config: the network it was made from.
        resolution: of the pictures, in pixels.
        form: how the arithmetic is laid out.
        dense: from latents to 4x4 feature maps.
        convolutions: one at 4x4, then two at each resolution.
        to_rgb: of the last resolution.
        to_rgb_below: of the one below it, where a fade is on.
    """

    config: NetworkConfig
    resolution: int
    form: Form
    dense: _Layer
    convolutions: tuple[_Layer, ...]
    to_rgb: _Layer
    to_rgb_below: _Layer | None

    @property
    def variables(self) -> list[tf.Variable]:
        """All weights, each once."""
        layers = [self.dense, *self.convolutions, self.to_rgb]
        if self.to_rgb_below:
            layers.append(self.to_rgb_below)
        return [variable for layer in layers for variable in (layer.kernel, layer.bias)]

    def __call__(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """Draws pictures."""
        x = tf.concat(inputs, axis=-1) if self.config.label_size else inputs[0]
        if self.config.normalize_latents:
            x = self._normalize(x)
        x = tf.linalg.matmul(x, self.dense.kernel)
        x = tf.nn.bias_add(tf.reshape(x, (-1, 4, 4, self.dense.bias.shape[0])), self.dense.bias)
        x = below = self._finish(x)
        for i, layer in enumerate(self.convolutions):
            if layer.upscales and i == len(self.convolutions) - 2:
                below = x
            x = self._finish(self._convolve(layer, x))
        images = _to_rgb(self.to_rgb, x)
        if self.to_rgb_below:
            images += _enlarge(_to_rgb(self.to_rgb_below, below))
        return tf.tanh(images) if self.config.tanh else images

    def _convolve(self, layer: _Layer, x: tf.Tensor) -> tf.Tensor:
        if layer.upscales and self.form.upsampling == "fused":
            _, height, width, _ = x.shape
            shape = (tf.shape(x)[0], 2 * height, 2 * width, layer.bias.shape[0])
            x = tf.nn.conv2d_transpose(x, layer.kernel, shape, strides=2)
        else:
            x = tf.nn.conv2d(_enlarge(x) if layer.upscales else x, layer.kernel, 1, "SAME")
        return tf.nn.bias_add(x, layer.bias)

    def _finish(self, x: tf.Tensor) -> tf.Tensor:
        leaky = self.config.generator_leaky_relu
        x = tf.nn.leaky_relu(x, _SLOPE) if leaky else tf.nn.relu(x)
        return self._normalize(x) if self.config.pixel_norm else x

    def _normalize(self, x: tf.Tensor) -> tf.Tensor:
        mean_square = tf.reduce_mean(tf.square(x), axis=-1, keepdims=True)
        return x * tf.math.rsqrt(mean_square + _EPSILON)


def fold(
    generator: keras.Model, config: NetworkConfig, form: Form | None = None
) -> InferenceGenerator:
    """Works everything that does not change any more into a generator's weights.

    Args:
        generator: see `networks.build_generator`; its alpha is kept as it stands.
        config: its networks.
        form: how to lay the arithmetic out.
    """
    form = form or Form()
    resolution = generator.output_shape[1]
    alpha = alpha_of(generator)

    def layer(name: str, factor: float = 1.0, upscales: bool = False) -> _Layer:
        trained = generator.get_layer(name)
        kernel = tf.convert_to_tensor(trained.kernel) * trained.constant * factor
        bias = tf.convert_to_tensor(trained.bias) * factor
        if config.generator_batch_norm and not name.endswith("to_rgb"):
            transposed = upscales and config.fused_scale
            kernel, bias = _normalized(
                kernel, bias, generator.get_layer(f"{name}_batch_norm"), transposed
            )
        if upscales:
            # A kernel of upsampling first is the fused one, turned and mirrored.
            if config.fused_scale != (form.upsampling == "fused"):
                kernel = tf.transpose(kernel[::-1, ::-1], (0, 1, 3, 2))
            kernel = spread_kernel(kernel) if form.upsampling == "fused" else kernel
        return _Layer(_variable(kernel, name), _variable(bias, name), upscales)

    convolutions = [layer("4x4_conv")]
    for level in resolutions_above_lowest(resolution):
        name = f"{level}x{level}"
        convolutions += [layer(f"{name}_conv0", upscales=True), layer(f"{name}_conv1")]
    half, full = (f"{size}x{size}_to_rgb" for size in (resolution // 2, resolution))
    return InferenceGenerator(
        config,
        resolution,
        form,
        layer("4x4_dense"),
        tuple(convolutions),
        layer(full, factor=alpha),
        layer(half, factor=1 - alpha) if alpha < 1 else None,
    )


def alpha_of(generator: keras.Model) -> float:
    """Returns how far a generator's newest layers have faded in; 1 where nothing fades."""
    names = [layer.name for layer in generator.layers]
    return float(generator.get_layer(FADE).alpha) if FADE in names else 1.0


def _normalized(
    kernel: tf.Tensor,
    bias: tf.Tensor,
    norm: keras.layers.BatchNormalization,
    transposed: bool,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Works a batch normalization by moving statistics into the layer before it."""
    scale = norm.gamma * tf.math.rsqrt(norm.moving_variance + norm.epsilon)
    bias = (bias - norm.moving_mean) * scale + norm.beta
    if transposed:  # (height, width, out, in)
        return kernel * scale[:, None], bias
    # Of the dense layer one channel is 16 columns.
    return kernel * tf.tile(scale, [kernel.shape[-1] // scale.shape[0]]), bias


def _variable(value: tf.Tensor, name: str) -> tf.Variable:
    value = np.asarray(value, np.float32)
    return tf.Variable(value, trainable=False, name=name)


def _to_rgb(layer: _Layer, x: tf.Tensor) -> tf.Tensor:
    return tf.nn.bias_add(tf.nn.conv2d(x, layer.kernel, 1, "SAME"), layer.bias)


def _enlarge(x: tf.Tensor) -> tf.Tensor:
    return tf.image.resize(x, (2 * x.shape[1], 2 * x.shape[2]), "nearest")
