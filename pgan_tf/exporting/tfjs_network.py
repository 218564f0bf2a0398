"""The generator as a browser computes it fastest: the same pictures, other operations.

- Scales (equalized learning rate) and dense biases are folded into the weights.
- Nearest upsampling and a 3x3 convolution become four 2x2 convolutions of the small features,
  one for each of the four pixels that a pixel becomes: 4/9 of the arithmetic.
- All is NHWC; no shape is computed at run time.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from pgan_tf.networks import FADE

# The smallest mean square that PixelNorm divides by. The paper's 1e-8 is zero on graphics
# cards that compute in half precision, whose smallest normal number this exceeds.
LEAST_MEAN_SQUARE = 1e-4

# Which rows (columns) of a 3x3 kernel fall on the upper and on the lower of two small pixels,
# for each of the two large pixels at the border between them.
_TAPS = np.array([[[1, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 1]]], np.float32)


def browser_function(generator: keras.Model, phases=True) -> Callable:
    """Returns a generator as a `tf.function` without variables, for `tfjs_graph.graph_model`.

    Args:
        generator: see `networks.build_generator`; its weights and alpha as they stand.

    Returns:
        `latents` float32 (batch, latent_size) and, with classes, `labels` float32
        (batch, label_size) → `{"images": …}`, float32 (batch, height, width, channels),
        clipped to [-1, 1].
    """
    latent_size, label_size = (tensor.shape[1] for tensor in generator.inputs)
    latents = tf.TensorSpec((None, latent_size), tf.float32, name="latents")
    labels = tf.TensorSpec((None, label_size), tf.float32, name="labels")
    network = _BrowserNetwork(generator)
    network.phases = phases
    if label_size:
        return tf.function(
            lambda latents, labels: {"images": network(tf.concat([latents, labels], axis=1))},
            input_signature=[latents, labels],
            autograph=False,
        )
    return tf.function(
        lambda latents: {"images": network(latents)}, input_signature=[latents], autograph=False
    )


class _BrowserNetwork:
    """Builds the graph, with a generator's layers at hand by name."""

    def __init__(self, generator: keras.Model) -> None:
        self._layers = {layer.name: layer for layer in generator.layers}
        # Read here: a function that is being traced cannot.
        self._kernels = {
            name: layer.kernel.numpy() * np.float32(layer.multiplier)
            for name, layer in self._layers.items()
            if hasattr(layer, "kernel")
        }
        self._biases = {name: self._layers[name].bias.numpy() for name in self._kernels}
        self._alpha = float(self._layers[FADE].alpha) if FADE in self._layers else None
        self._resolution = generator.outputs[0].shape[1]

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """Returns clipped pictures of `(batch, latent_size + label_size)` numbers."""
        if "normalized_latents" in self._layers:
            x = _pixel_norm(x)
        x = below = self._conv("4x4_conv", self._dense("4x4_dense", x))
        for level in range(3, int(math.log2(self._resolution)) + 1):
            name, below = f"{2**level}x{2**level}", x
            x = self._conv(f"{name}_conv1", self._upscaling_conv(f"{name}_conv0", x))
        x = self._conv(_to_rgb(self._resolution), x)
        if self._alpha is not None:
            old = _upsample(self._conv(_to_rgb(self._resolution // 2), below))
            x = old + (x - old) * self._alpha
        return tf.clip_by_value(x, -1.0, 1.0)

    def _dense(self, name: str, x: tf.Tensor) -> tf.Tensor:
        units = self._layers[name].units
        x = tf.linalg.matmul(x, self._kernels[name])
        x = tf.nn.bias_add(x, np.tile(self._biases[name], math.prod(units[:-1])))
        return self._norm(name, tf.reshape(self._activation(name, x), (-1, *units)))

    def _conv(self, name: str, x: tf.Tensor) -> tf.Tensor:
        x = tf.nn.conv2d(x, self._kernel(name), strides=1, padding="SAME")
        x = tf.nn.bias_add(x, self._biases[name])
        return self._norm(name, self._activation(name, x))

    def _upscaling_conv(self, name: str, x: tf.Tensor) -> tf.Tensor:
        """Computes, for each corner where four small pixels meet, the large pixels around it."""
        if not self.phases:
            return self._conv(name, _upsample(x))
        size = 2 * x.shape[1]
        kernel = self._kernel(name)
        around = np.einsum("pih,qjw,hwcf->ijcpqf", _TAPS, _TAPS, kernel)
        x = tf.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        x = tf.nn.conv2d(x, around.reshape(2, 2, kernel.shape[2], -1), strides=1, padding="VALID")
        x = tf.nn.bias_add(x, np.tile(self._biases[name], 4))
        x = tf.nn.depth_to_space(self._activation(name, x), 2)
        # The outermost corners have pixels outside of the picture.
        x = tf.slice(x, (0, 1, 1, 0), (-1, size, size, kernel.shape[3]))
        return self._norm(name, x)

    def _kernel(self, name: str) -> np.ndarray:
        """Returns the (height, width, in, out) kernel of a plain convolution, scale included."""
        kernel = self._kernels[name]
        if self._layers[name].resample == "up":  # stored as a transposed convolution's
            kernel = kernel[::-1, ::-1].transpose(0, 1, 3, 2)
        return kernel

    def _activation(self, name: str, x: tf.Tensor) -> tf.Tensor:
        layer = self._layers.get(f"{name}_activation")
        if layer is None:
            return x
        if isinstance(layer, keras.layers.LeakyReLU):
            return tf.nn.leaky_relu(x, layer.negative_slope)
        return tf.nn.relu(x)

    def _norm(self, name: str, x: tf.Tensor) -> tf.Tensor:
        return _pixel_norm(x) if f"{name}_norm" in self._layers else x


def _to_rgb(resolution: int) -> str:
    return f"{resolution}x{resolution}_to_rgb"


def _pixel_norm(x: tf.Tensor) -> tf.Tensor:
    mean_square = tf.reduce_mean(tf.square(x), axis=-1, keepdims=True)
    return x * tf.math.rsqrt(tf.maximum(mean_square, LEAST_MEAN_SQUARE))


def _upsample(x: tf.Tensor) -> tf.Tensor:
    _, height, width, _ = x.shape
    return tf.raw_ops.ResizeNearestNeighbor(images=x, size=(2 * height, 2 * width))
