"""The generator for inference: what only training needs is folded into the weights.

- The equalized learning rate's constants (paper, §4.1) are multiplied into the kernels.
- Upsampling and the convolution after it become one kernel of 4x4 taps.
- Batch normalization is folded into kernels and biases.
- A fade (§2) is folded into the two RGB layers, or into one when it is complete.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from pgan_tf.config.networks import NetworkConfig, resolutions_above_lowest
from pgan_tf.networks.layer_maker import finish_features
from pgan_tf.networks.layers import FADE, pixel_norm
from pgan_tf.networks.layers.convolution import spread_kernel

# The same pictures: "fused" is the least arithmetic; "resize" by nearest neighbor, then convolve,
# is for where transposed convolutions are slow, as in browsers.
Form = Literal["fused", "resize"]


@dataclasses.dataclass(frozen=True, eq=False)
class _Layer:
    """One matrix product or convolution with its bias; `upscales` only with a convolution."""

    kernel: tf.Variable
    bias: tf.Variable
    upscales: bool = False


@dataclasses.dataclass(frozen=True, eq=False)
class InferenceGenerator:
    """A generator that does not train any more, see `fold`; called as `build_generator`'s."""

    config: NetworkConfig
    resolution: int  # in pixels
    form: Form
    dense: _Layer  # from latents to 4x4 feature maps
    convolutions: tuple[_Layer, ...]  # one at 4x4, then two at each resolution
    to_rgb: _Layer
    to_rgb_below: _Layer | None  # of the resolution below, while a fade is on

    @property
    def variables(self) -> list[tf.Variable]:
        """All weights, each once."""
        layers = [self.dense, *self.convolutions, self.to_rgb, self.to_rgb_below]
        return [variable for layer in layers if layer for variable in (layer.kernel, layer.bias)]

    def __call__(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """Draws pictures."""
        x = tf.concat(inputs, axis=-1) if self.config.label_size else inputs[0]
        if self.config.normalize_latents:
            x = pixel_norm(x)
        x = tf.linalg.matmul(x, self.dense.kernel)
        x = tf.nn.bias_add(tf.reshape(x, (-1, 4, 4, self.dense.bias.shape[0])), self.dense.bias)
        x = below = finish_features(x, self.config)
        for i, layer in enumerate(self.convolutions):
            if layer.upscales and i == len(self.convolutions) - 2:
                below = x
            x = finish_features(self._convolve(layer, x), self.config)
        images = self._convolve(self.to_rgb, x)
        if self.to_rgb_below:
            images += _enlarge(self._convolve(self.to_rgb_below, below))
        return tf.tanh(images) if self.config.tanh else images

    def _convolve(self, layer: _Layer, x: tf.Tensor) -> tf.Tensor:
        if layer.upscales and self.form == "fused":
            _, height, width, _ = x.shape
            shape = (tf.shape(x)[0], 2 * height, 2 * width, layer.bias.shape[0])
            x = tf.nn.conv2d_transpose(x, layer.kernel, shape, strides=2)
        else:
            x = tf.nn.conv2d(_enlarge(x) if layer.upscales else x, layer.kernel, 1, "SAME")
        return tf.nn.bias_add(x, layer.bias)


def fold(generator: keras.Model, config: NetworkConfig, form: Form = "fused") -> InferenceGenerator:
    """Folds all that does not change any more, alpha too, into a generator's weights."""
    resolution = generator.output_shape[1]
    fades = any(layer.name == FADE for layer in generator.layers)
    alpha = float(generator.get_layer(FADE).alpha) if fades else 1.0

    def layer(name: str, factor: float = 1.0, upscales: bool = False) -> _Layer:
        trained = generator.get_layer(name)
        kernel = tf.convert_to_tensor(trained.kernel) * trained.constant * factor
        bias = tf.convert_to_tensor(trained.bias) * factor
        if config.generator_batch_norm and not name.endswith("to_rgb"):
            norm = generator.get_layer(f"{name}_batch_norm")
            kernel, bias = _normalized(kernel, bias, norm, upscales and config.fused_scale)
        if upscales:
            # A kernel of upsampling first is the fused one, turned and mirrored.
            if config.fused_scale != (form == "fused"):
                kernel = tf.transpose(kernel[::-1, ::-1], (0, 1, 3, 2))
            if form == "fused":
                kernel = spread_kernel(kernel)
        values = (np.asarray(value, np.float32) for value in (kernel, bias))
        kernel, bias = (tf.Variable(value, trainable=False, name=name) for value in values)
        return _Layer(kernel, bias, upscales)

    convolutions = [layer("4x4_conv")]
    for level in resolutions_above_lowest(resolution):
        name = f"{level}x{level}"
        convolutions += [layer(f"{name}_conv0", upscales=True), layer(f"{name}_conv1")]
    dense, half = layer("4x4_dense"), resolution // 2
    to_rgb = layer(f"{resolution}x{resolution}_to_rgb", alpha)
    below = layer(f"{half}x{half}_to_rgb", 1 - alpha) if alpha < 1 else None
    layers = dense, tuple(convolutions), to_rgb, below
    return InferenceGenerator(config, resolution, form, *layers)


def _normalized(
    kernel: tf.Tensor, bias: tf.Tensor, norm: keras.layers.BatchNormalization, transposed: bool
) -> tuple[tf.Tensor, tf.Tensor]:
    """Folds a batch normalization by moving statistics into the layer before it."""
    scale = norm.gamma * tf.math.rsqrt(norm.moving_variance + norm.epsilon)
    bias = (bias - norm.moving_mean) * scale + norm.beta
    if transposed:  # (height, width, out, in)
        return kernel * scale[:, None], bias
    # In the dense layer one channel is 16 columns.
    return kernel * tf.tile(scale, [kernel.shape[-1] // scale.shape[0]]), bias


def _enlarge(x: tf.Tensor) -> tf.Tensor:
    return tf.image.resize(x, (2 * x.shape[1], 2 * x.shape[2]), "nearest")
