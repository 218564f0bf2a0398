"""What the layers of a network have in common: names, options, what follows each of them."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable
from typing import Any

import keras

from pgan_tf.config.training import NetworkConfig
from pgan_tf.networks.layers import (
    EqualizedConv2D,
    EqualizedDense,
    MinibatchDiscrimination,
    PixelNorm,
    Rectifier,
    ScoreNoise,
)
from pgan_tf.networks.layers.score_noise import NOISE

FADE = "fade"


@dataclasses.dataclass(frozen=True)
class LayerMaker:
    """Makes the layers of one network, all with the same options.

    Attributes:
        network: `generator` or `discriminator`.
        config: of both networks.
        seed: a layer's initial weights depend on it and on the layer's name alone.
        precision: a Keras dtype policy.
    """

    network: str
    config: NetworkConfig
    seed: int
    precision: str

    def conv(self, name: str, filters: int, **options: Any) -> EqualizedConv2D:
        """Makes a convolution."""
        return EqualizedConv2D(filters, **self._options(name) | options)

    def dense(self, name: str, units: int | tuple[int, ...], **options: Any) -> EqualizedDense:
        """Makes a dense layer."""
        return EqualizedDense(units, **self._options(name) | options)

    def finish(self, name: str, x: Any) -> Any:
        """Does what follows a layer: normalization where asked for, a ReLU, pixel norm."""
        x = self._rectify(name, self._normalize(name, x))
        if self.network == "generator" and self.config.pixel_norm:
            return PixelNorm(name=f"{name}_norm", dtype=self.precision)(x)
        return x

    def to_rgb(self, resolution: int) -> EqualizedConv2D:
        """Makes a linear 1x1 convolution; float32, so that pictures keep their eight bits."""
        name, channels = f"{resolution}x{resolution}_to_rgb", self.config.num_channels
        return self.conv(name, channels, kernel_size=1, gain=1.0, dtype="float32")

    def from_rgb(self, resolution: int, images: Any) -> Any:
        """Convolves pictures. As published, what takes them is never normalized."""
        name = f"{resolution}x{resolution}_from_rgb"
        filters = self.config.num_discriminator_maps(resolution)
        return self._rectify(name, self.conv(name, filters, kernel_size=1)(images))

    def minibatch_discrimination(self, name: str) -> MinibatchDiscrimination:
        """Makes the layer of row (e*) of table 1."""
        return MinibatchDiscrimination(name=name, seed=self._seed(name), dtype=self.precision)

    def score_noise(self) -> Callable[[str, Any], Any]:
        """Returns what puts noise on the input of a named layer (appendix B), or does nothing."""
        if not self.config.discriminator_noise:
            return lambda name, x: x
        layer = ScoreNoise(self.config.discriminator_noise, name=NOISE, dtype=self.precision)
        return lambda name, x: layer(x, place=zlib.crc32(name.encode()))

    def _options(self, name: str) -> dict[str, Any]:
        return {
            "name": name,
            "equalized": self.config.equalized,
            "seed": self._seed(name),
            "dtype": self.precision,
        }

    def _seed(self, name: str) -> int:
        return zlib.crc32(f"{self.seed}/{self.network}/{name}".encode()) >> 1

    def _rectify(self, name: str, x: Any) -> Any:
        leaky = getattr(self.config, f"{self.network}_leaky_relu")
        return Rectifier(0.2 if leaky else 0.0, name=f"{name}_activation", dtype=self.precision)(x)

    def _normalize(self, name: str, x: Any) -> Any:
        """As Gulrajani et al. (2017): rows (a) to (c) of table 1."""
        if self.network == "generator" and self.config.generator_batch_norm:
            return keras.layers.BatchNormalization(name=f"{name}_batch_norm", dtype="float32")(x)
        if self.network == "discriminator" and self.config.discriminator_layer_norm:
            axes, name = list(range(1, len(x.shape))), f"{name}_layer_norm"
            return keras.layers.LayerNormalization(axes, name=name, dtype="float32")(x)
        return x
