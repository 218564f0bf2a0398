"""The generator for inference, with everything that only training needs folded into its weights.

- Kernels are multiplied by the constants of the equalized learning rate (paper, §4.1).
- Upsampling and the convolution after it become one 4x4 kernel.
- Batch normalization is merged into kernels and biases.
- A fade (§2) is merged into the two RGB layers; only one is left when it is complete.
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

# Both draw the same pictures. "fused" needs the least arithmetic. "resize" upsamples by nearest
# neighbor and then convolves, for where transposed convolutions are slow, as in browsers.
Form = Literal["fused", "resize"]


@dataclasses.dataclass(frozen=True, eq=False)
class FoldedLayer:
    """A dense layer or a convolution; only a convolution `upscales`."""

    kernel: tf.Variable
    bias: tf.Variable
    upscales: bool = False


@dataclasses.dataclass(frozen=True, eq=False)
class InferenceGenerator:
    """A generator for inference, made by `fold`; called like the model of `build_generator`."""

    config: NetworkConfig
    resolution: int  # of its pictures; their shape is that of `config.base`
    form: Form
    dense: FoldedLayer  # from latents to feature maps of the base
    convolutions: tuple[FoldedLayer, ...]  # one at 4x4, then two at each resolution
    to_rgb: FoldedLayer
    to_rgb_below: FoldedLayer | None  # at half the resolution, during a fade

    @property
    def layers(self) -> dict[str, FoldedLayer]:
        """All layers by name."""
        names = names_of_convolutions(self.resolution)
        layers = {"4x4_dense": self.dense, **dict(zip(names, self.convolutions, strict=True))}
        layers[f"{self.resolution}x{self.resolution}_to_rgb"] = self.to_rgb
        if self.to_rgb_below:
            layers[f"{self.resolution // 2}x{self.resolution // 2}_to_rgb"] = self.to_rgb_below
        return layers

    @property
    def variables(self) -> list[tf.Variable]:
        """All weights, each once."""
        return [one for layer in self.layers.values() for one in (layer.kernel, layer.bias)]

    def first_features(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """Returns what follows from the first layer: the base's feature maps, float32."""
        x = tf.concat(inputs, axis=-1) if self.config.label_size else inputs[0]
        if self.config.normalize_latents:
            x = pixel_norm(x)
        x = tf.linalg.matmul(x, self.dense.kernel)
        shape = (-1, *self.config.base.shape(4), self.dense.bias.shape[0])
        x = tf.nn.bias_add(tf.reshape(x, shape), self.dense.bias)
        return finish_features(x, self.config)

    def __call__(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """Draws pictures."""
        x = below = self.first_features(inputs)
        for i, layer in enumerate(self.convolutions):
            if layer.upscales and i == len(self.convolutions) - 2:
                below = x
            x = finish_features(self._convolve(layer, x), self.config)
        images = self._convolve(self.to_rgb, x)
        if self.to_rgb_below:
            images += _enlarge(self._convolve(self.to_rgb_below, below))
        return tf.tanh(images) if self.config.tanh else images

    def _convolve(self, layer: FoldedLayer, x: tf.Tensor) -> tf.Tensor:
        if layer.upscales and self.form == "fused":
            _, height, width, _ = x.shape
            shape = (tf.shape(x)[0], 2 * height, 2 * width, layer.bias.shape[0])
            x = tf.nn.conv2d_transpose(x, layer.kernel, shape, strides=2)
        else:
            x = tf.nn.conv2d(_enlarge(x) if layer.upscales else x, layer.kernel, 1, "SAME")
        return tf.nn.bias_add(x, layer.bias)


def fold(generator: keras.Model, config: NetworkConfig, form: Form = "fused") -> InferenceGenerator:
    """Folds a trained generator's constants, alpha included, into its weights."""
    resolution = 4 * generator.output_shape[1] // config.base_height
    fades = any(layer.name == FADE for layer in generator.layers)
    alpha = float(generator.get_layer(FADE).alpha) if fades else 1.0

    def layer(name: str, factor: float = 1.0, upscales: bool = False) -> FoldedLayer:
        trained = generator.get_layer(name)
        kernel = tf.convert_to_tensor(trained.kernel) * trained.constant * factor
        bias = tf.convert_to_tensor(trained.bias) * factor
        if config.generator_batch_norm and not name.endswith("to_rgb"):
            norm = generator.get_layer(f"{name}_batch_norm")
            kernel, bias = _normalized(kernel, bias, norm, upscales and config.fused_scale)
        if upscales:
            # The unfused kernel is the fused one rotated by 180 degrees, in and out swapped.
            if config.fused_scale != (form == "fused"):
                kernel = tf.transpose(kernel[::-1, ::-1], (0, 1, 3, 2))
            if form == "fused":
                kernel = spread_kernel(kernel)
        values = (np.asarray(value, np.float32) for value in (kernel, bias))
        kernel, bias = (tf.Variable(value, trainable=False, name=name) for value in values)
        return FoldedLayer(kernel, bias, upscales)

    names = names_of_convolutions(resolution)
    convolutions = [layer(name, upscales=name.endswith("conv0")) for name in names]
    dense, half = layer("4x4_dense"), resolution // 2
    to_rgb = layer(f"{resolution}x{resolution}_to_rgb", alpha)
    below = layer(f"{half}x{half}_to_rgb", 1 - alpha) if alpha < 1 else None
    layers = dense, tuple(convolutions), to_rgb, below
    return InferenceGenerator(config, resolution, form, *layers)


def names_of_convolutions(resolution: int) -> list[str]:
    """Returns the names of the convolutions before the one to RGB, in the order of their use."""
    pairs = [(f"{n}x{n}_conv0", f"{n}x{n}_conv1") for n in resolutions_above_lowest(resolution)]
    return ["4x4_conv", *(name for pair in pairs for name in pair)]


def _normalized(
    kernel: tf.Tensor, bias: tf.Tensor, norm: keras.layers.BatchNormalization, transposed: bool
) -> tuple[tf.Tensor, tf.Tensor]:
    """Folds batch normalization, with its moving statistics, into the layer before it."""
    scale = norm.gamma * tf.math.rsqrt(norm.moving_variance + norm.epsilon)
    bias = (bias - norm.moving_mean) * scale + norm.beta
    if transposed:  # (height, width, out, in)
        return kernel * scale[:, None], bias
    # In the dense layer each channel has a column per pixel, 16 in the paper.
    return kernel * tf.tile(scale, [kernel.shape[-1] // scale.shape[0]]), bias


def _enlarge(x: tf.Tensor) -> tf.Tensor:
    return tf.image.resize(x, (2 * x.shape[1], 2 * x.shape[2]), "nearest")
