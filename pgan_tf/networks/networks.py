"""The generator and the discriminator at one stage of growth (paper, figure 2 and table 2).

Both are Keras functional models, built anew for each stage with only the layers of that
stage. Layer names such as `16x16_conv0` and `16x16_to_rgb` never change: they are how
weights find their way into the next stage and into checkpoints.

At level r (a resolution) the generator has

    r/2 px features ─ r x r_conv0 (upscales) ─ r x r_conv1 ─ r px features ─ r x r_to_rgb

and the discriminator the mirror image of it:

    r px picture ─ r x r_from_rgb ─ r x r_conv0 ─ r x r_conv1 (downscales) ─ r/2 px features

While the newest level fades in, `fade` blends its picture with the nearest-upsampled one
of the level below (generator), or its features with those that the level
below makes of the averaged-down picture (discriminator).
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from typing import Any

import keras

from pgan_tf.config.per_resolution import LOWEST_RESOLUTION
from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig
from pgan_tf.networks.layers.minibatch_discrimination import MinibatchDiscrimination
from pgan_tf.networks.layers.plain import (
    HE_GAIN,
    EqualizedConv2D,
    EqualizedDense,
    MinibatchStdDev,
    PixelNorm,
    WeightedSum,
)
from pgan_tf.networks.layers.rectifier import Rectifier
from pgan_tf.networks.layers.score_noise import NOISE, ScoreNoise

FADE = "fade"


def build_generator(
    stage: Stage, config: NetworkConfig, *, seed: int = 0, precision: str = "float32"
) -> keras.Model:
    """Builds the generator of a stage, with initial weights.

    Args:
        stage: gives the resolution and whether it fades in.
        config: the networks.
        seed: a layer's initial weights depend on it and on the layer's name alone.
        precision: a Keras dtype policy, one of `config.PRECISIONS`.

    Returns:
        A model from `[latents, labels]`, `(batch, latent_size)` and `(batch, label_size)`
        float32, to pictures `(batch, resolution, resolution, num_channels)` float32, about
        in [-1, 1] (linear: nothing clips them, unless `config.tanh`). Without classes labels
        have width 0.
    """
    make = _LayerMaker("generator", config, config.generator_leaky_relu, seed, precision)
    latents = keras.Input((config.latent_size,), name="latents")
    labels = keras.Input((config.label_size,), name="labels")

    x = keras.layers.Concatenate(name="latents_and_labels")([latents, labels])
    if config.normalize_latents:
        x = PixelNorm(name="normalized_latents", dtype=precision)(x)
    # A quarter of the gain: fan-in counts the 16 pixels of the "Conv 4x4" of table 2.
    shape = (4, 4, config.num_feature_maps(4))
    x = make.dense("4x4_dense", shape, gain=HE_GAIN / 4)(x)
    x = make.pixel_norm(make.activation(x))
    x = make.pixel_norm(make.activation(make.conv("4x4_conv", shape[-1])(x)))

    below = x
    for resolution in _resolutions_above_lowest(stage):
        below = x
        filters, name = config.num_feature_maps(resolution), _level(resolution)
        if config.fused_scale:
            x = make.conv(f"{name}_conv0", filters, resample="up")(x)
        else:
            x = make.conv(f"{name}_conv0", filters)(_upsample(f"{name}_upsample")(x))
        x = make.pixel_norm(make.activation(x))
        x = make.pixel_norm(make.activation(make.conv(f"{name}_conv1", filters)(x)))

    images = make.to_rgb(stage.resolution)(x)
    if stage.fades_in:
        old = _upsample("old_upsample")(make.to_rgb(stage.resolution // 2)(below))
        images = WeightedSum(name=FADE, dtype="float32")([old, images])
    if config.tanh:
        images = keras.layers.Activation("tanh", name="tanh", dtype="float32")(images)
    return keras.Model([latents, labels], images, name="generator")


def build_discriminator(
    stage: Stage, config: NetworkConfig, *, seed: int = 0, precision: str = "float32"
) -> keras.Model:
    """Builds the discriminator of a stage, with initial weights.

    Args:
        stage: gives the resolution and whether it fades in.
        config: the networks.
        seed: a layer's initial weights depend on it and on the layer's name alone.
        precision: a Keras dtype policy, one of `config.PRECISIONS`.

    Returns:
        A model from pictures `(batch, resolution, resolution, num_channels)` float32 in
        [-1, 1] to `(scores, label_logits)`: `(batch,)` and `(batch, label_size)` float32,
        unbounded. The batch must be a multiple of `mbstd_group_size`, or smaller.
    """
    make = _LayerMaker("discriminator", config, config.discriminator_leaky_relu, seed, precision)
    images = keras.Input((stage.resolution, stage.resolution, config.num_channels), name="images")

    x = make.from_rgb(stage.resolution, images)
    for resolution in reversed(list(_resolutions_above_lowest(stage))):
        name = _level(resolution)
        conv = make.conv(f"{name}_conv0", config.num_discriminator_maps(resolution))
        x = make.activation(conv(make.noisy(x, conv.name)))
        x = make.noisy(x, f"{name}_conv1")
        filters = config.num_discriminator_maps(resolution // 2)
        if config.fused_scale:
            x = make.activation(make.conv(f"{name}_conv1", filters, resample="down")(x))
        else:
            x = make.activation(make.conv(f"{name}_conv1", filters)(x))
            x = _downsample(f"{name}_downsample", precision)(x)
        if stage.fades_in and resolution == stage.resolution:
            old = _downsample("old_downsample", "float32")(images)
            x = WeightedSum(name=FADE, dtype=precision)([make.from_rgb(resolution // 2, old), x])

    if config.mbstd_group_size:
        x = MinibatchStdDev(config.mbstd_group_size, name="4x4_mbstd", dtype=precision)(x)
    if config.minibatch_discrimination:
        x = make.minibatch_discrimination("4x4_minibatch_discrimination")(x)
    x = make.noisy(x, "4x4_conv")
    x = make.activation(make.conv("4x4_conv", config.num_discriminator_maps(4))(x))
    x = make.noisy(x, "4x4_dense0")
    x = make.activation(make.dense("4x4_dense0", config.num_discriminator_maps(2))(x))
    # In float32 whatever the precision: losses are computed from it.
    outputs = make.dense("4x4_dense1", 1 + config.label_size, gain=1.0, dtype="float32")(x)
    return keras.Model(images, (outputs[:, 0], outputs[:, 1:]), name="discriminator")


def set_alpha(model: keras.Model, alpha: Any) -> None:
    """Sets how far the newest level has faded in; does nothing where nothing fades.

    Args:
        model: a generator or a discriminator.
        alpha: a number or a scalar tensor, 0 to 1.
    """
    for layer in model.layers:
        if layer.name == FADE:
            layer.alpha.assign(alpha)


def _resolutions_above_lowest(stage: Stage) -> Iterator[int]:
    for level in range(int(math.log2(LOWEST_RESOLUTION)) + 1, int(math.log2(stage.resolution)) + 1):
        yield 2**level


def _level(resolution: int) -> str:
    return f"{resolution}x{resolution}"


def _upsample(name: str) -> keras.layers.Layer:
    """Nearest neighbour: repeats pixels, which has second derivatives where resizing has none."""
    return keras.layers.UpSampling2D(2, interpolation="nearest", name=name)


def _downsample(name: str, precision: str) -> keras.layers.Layer:
    return keras.layers.AveragePooling2D(2, name=name, dtype=precision)


class _LayerMaker:
    """Makes one network's layers, all with the same options."""

    def __init__(
        self, network: str, config: NetworkConfig, leaky_relu: bool, seed: int, precision: str
    ) -> None:
        self.network = network
        self.config = config
        self.leaky_relu = leaky_relu
        self.seed = seed
        self.precision = precision
        self.noise = None
        if network == "discriminator" and config.discriminator_noise:
            self.noise = ScoreNoise(config.discriminator_noise, name=NOISE, dtype=precision)

    def _seed(self, name: str) -> int:
        return zlib.crc32(f"{self.seed}/{self.network}/{name}".encode()) >> 1

    def _options(self, name: str) -> dict[str, Any]:
        return {
            "name": name,
            "equalized": self.config.equalized,
            "seed": self._seed(name),
            "dtype": self.precision,
        }

    def conv(self, name: str, filters: int, **options: Any) -> EqualizedConv2D:
        return EqualizedConv2D(filters, **self._options(name) | options)

    def dense(self, name: str, units: int | tuple[int, ...], **options: Any) -> EqualizedDense:
        return EqualizedDense(units, **self._options(name) | options)

    def activation(self, x: Any, *, normalize: bool = True) -> Any:
        """What follows a layer: normalization where asked for, and a ReLU."""
        layer = x._keras_history.operation.name
        if normalize:
            x = self._normalize(x, layer)
        name = f"{layer}_activation"
        slope = 0.2 if self.leaky_relu else 0.0
        return Rectifier(slope, name=name, dtype=self.precision)(x)

    def noisy(self, x: Any, layer: str) -> Any:
        """The input of a layer that table 2 calls Conv 3x3 or Conv 4x4: with noise (appendix B)."""
        return x if self.noise is None else self.noise(x, place=zlib.crc32(layer.encode()))

    def _normalize(self, x: Any, layer: str) -> Any:
        """As Gulrajani et al. (2017): rows (a) to (c) of table 1."""
        if self.network == "generator" and self.config.generator_batch_norm:
            return keras.layers.BatchNormalization(name=f"{layer}_batch_norm", dtype="float32")(x)
        if self.network == "discriminator" and self.config.discriminator_layer_norm:
            axes = list(range(1, len(x.shape)))
            return keras.layers.LayerNormalization(
                axes, name=f"{layer}_layer_norm", dtype="float32"
            )(x)
        return x

    def pixel_norm(self, x: Any) -> Any:
        if not self.config.pixel_norm:
            return x
        name = x._keras_history.operation.name.replace("_activation", "_norm")
        return PixelNorm(name=name, dtype=self.precision)(x)

    def to_rgb(self, resolution: int) -> EqualizedConv2D:
        """A linear 1x1 convolution; float32, so that pictures keep their eight bits."""
        return self.conv(
            f"{_level(resolution)}_to_rgb",
            self.config.num_channels,
            kernel_size=1,
            gain=1.0,
            dtype="float32",
        )

    def from_rgb(self, resolution: int, images: Any) -> Any:
        filters = self.config.num_discriminator_maps(resolution)
        layer = self.conv(f"{_level(resolution)}_from_rgb", filters, kernel_size=1)
        # As published there: the first layer is not normalized.
        return self.activation(layer(images), normalize=False)

    def minibatch_discrimination(self, name: str) -> MinibatchDiscrimination:
        return MinibatchDiscrimination(name=name, seed=self._seed(name), dtype=self.precision)
