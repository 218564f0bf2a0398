"""Translates the published implementation's names and layouts into this project's.

Published names are like `16x16/Conv0_up` or `ToRGB_lod0` (full resolution). Channels come first.
"""

import functools
import math
from typing import Literal

import numpy as np

from pgan_tf.config.networks import Layer, discriminator_layers, generator_layers
from pgan_tf.config.per_resolution import LOWEST_RESOLUTION
from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig

_VARIABLES = {"kernel": "weight", "bias": "bias"}
_RGB = {"to_rgb": "ToRGB", "from_rgb": "FromRGB"}
Kind = Literal["generator", "discriminator"]


@functools.cache
def layers_of_all_stages(kind: Kind, config: NetworkConfig) -> dict[str, Layer]:
    """Returns the layers that a network has in any of its stages, by name."""
    layers_of = generator_layers if kind == "generator" else discriminator_layers
    lods = range(int(math.log2(config.resolution)) - 1)
    stages = (stage_at_lod(lod, config.resolution) for lod in lods)
    return {layer.name: layer for stage in stages for layer in layers_of(stage, config)}


def published_variable(kind: Kind, variable: str, config: NetworkConfig) -> str:
    """Returns a variable's published name: `16x16/Conv0_up/weight` for `16x16_conv0/kernel`."""
    name, part = variable.split("/")
    level, word = name.split("_", 1)
    layer = layers_of_all_stages(kind, config)[name]
    if word in _RGB:
        published = f"{_RGB[word]}_lod{int(math.log2(config.resolution // layer.side))}"
    else:
        suffix = f"_{layer.resample}" if layer.resample and config.fused_scale else ""
        published = f"{level}/{word.capitalize()}{suffix}"
    return f"{published}/{_VARIABLES[part]}"


def to_our_layout(array: np.ndarray, network: str, variable: str) -> np.ndarray:
    """Converts a published array to the layout of our variable, such as `4x4_dense/kernel`.

    Dense layers next to feature maps are channels first there and channels last here.
    """
    if (network, variable) == ("generator", "4x4_dense/kernel"):
        n = array.shape[0]
        return array.reshape(n, -1, 4, 4).transpose(0, 2, 3, 1).reshape(n, -1)
    if (network, variable) == ("discriminator", "4x4_dense0/kernel"):
        n = array.shape[1]
        return array.reshape(-1, 4, 4, n).transpose(1, 2, 0, 3).reshape(-1, n)
    return array


def stage_at_lod(lod: float, resolution: int) -> Stage:
    """Returns the stage at a level of detail, within 4 px and `resolution`; images are made up."""
    lod = _within(lod, resolution)
    level = math.floor(lod)
    here, fades_in = resolution >> level, lod > level
    index = 2 * int(math.log2(here // LOWEST_RESOLUTION)) - fades_in
    return Stage(index, here, "fade_in" if fades_in else "stabilize", 1, 1)


def alpha_at_lod(lod: float, resolution: int) -> float:
    """Returns how far the newest layers have faded in at a level of detail, 0 to 1."""
    return 1.0 - _within(lod, resolution) % 1.0


def _within(lod: float, resolution: int) -> float:
    return min(max(float(lod), 0.0), math.log2(resolution // LOWEST_RESOLUTION))
