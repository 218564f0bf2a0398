"""Makes the layers of one network, each with its normalization and activation."""

import dataclasses
import zlib
from typing import Any, Literal

import keras
import tensorflow as tf

from pgan_tf.config.networks import NetworkConfig
from pgan_tf.networks.layers import (
    EqualizedConv2D,
    EqualizedDense,
    PixelNorm,
    Rectifier,
    pixel_norm,
)


@dataclasses.dataclass(frozen=True)
class LayerMaker:
    """Makes the layers of one network, all with the same options."""

    network: Literal["generator", "discriminator"]
    config: NetworkConfig
    seed: int
    precision: str  # a Keras dtype policy

    def conv(self, name: str, filters: int, **options: Any) -> EqualizedConv2D:
        """Makes a convolution."""
        return EqualizedConv2D(filters, **self._options(name) | options)

    def dense(self, name: str, units: int | tuple[int, ...], **options: Any) -> EqualizedDense:
        """Makes a dense layer."""
        return EqualizedDense(units, **self._options(name) | options)

    def block(self, name: str, x: Any, filters: int, resample: str | None = None) -> Any:
        """Applies a convolution and `finish`, upsampling before or downsampling after if asked."""
        fused, level = self.config.fused_scale, name.split("_")[0]
        if resample == "up" and not fused:
            x = upsample(f"{level}_upsample")(x)
        conv = self.conv(name, filters, resample=resample if fused else None)
        x = self.finish(name, conv(x))
        if resample == "down" and not fused:
            x = downsample(f"{level}_downsample", self.precision)(x)
        return x

    def finish(self, name: str, x: Any) -> Any:
        """Applies what follows a convolution: optional normalization, ReLU, pixel norm."""
        x = self.rectify(name, self._normalize(name, x))
        if self.network == "generator" and self.config.pixel_norm:
            return PixelNorm(name=f"{name}_norm", dtype=self.precision)(x)
        return x

    def rectify(self, name: str, x: Any) -> Any:
        """Applies the network's ReLU."""
        leaky = getattr(self.config, f"{self.network}_leaky_relu")
        return Rectifier(0.2 if leaky else 0.0, name=f"{name}_activation", dtype=self.precision)(x)

    def seed_of(self, name: str) -> int:
        """Returns the seed of a layer's initial weights, from the run's seed and its name alone."""
        return zlib.crc32(f"{self.seed}/{self.network}/{name}".encode()) >> 1

    def _options(self, name: str) -> dict[str, Any]:
        options = {"name": name, "seed": self.seed_of(name), "dtype": self.precision}
        return options | {"equalized": self.config.equalized}

    def _normalize(self, name: str, x: Any) -> Any:
        """Applies the normalization of Gulrajani et al. (2017), for rows (a) to (c) of table 1."""
        if self.network == "generator" and self.config.generator_batch_norm:
            return keras.layers.BatchNormalization(name=f"{name}_batch_norm", dtype="float32")(x)
        if self.network == "discriminator" and self.config.discriminator_layer_norm:
            axes, name = list(range(1, len(x.shape))), f"{name}_layer_norm"
            return keras.layers.LayerNormalization(axes, name=name, dtype="float32")(x)
        return x


def finish_features(x: tf.Tensor, config: NetworkConfig) -> tf.Tensor:
    """Does the same as `finish`, at inference, where batch normalization is already folded in."""
    x = tf.nn.leaky_relu(x, 0.2) if config.generator_leaky_relu else tf.nn.relu(x)
    return pixel_norm(x) if config.pixel_norm else x


def upsample(name: str) -> keras.layers.Layer:
    """Repeats pixels (nearest neighbor). Unlike image resizing, it has second derivatives."""
    return keras.layers.UpSampling2D(2, interpolation="nearest", name=name)


def downsample(name: str, precision: str = "float32") -> keras.layers.Layer:
    """Averages 2x2 pixels."""
    return keras.layers.AveragePooling2D(2, name=name, dtype=precision)
