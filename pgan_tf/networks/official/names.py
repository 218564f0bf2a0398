"""The published implementation's names and layouts, in this project's terms.

Its layers are called `16x16/Conv0_up`, `ToRGB_lod0` and so on, where lod 0 is the full
resolution, and its features are laid out channels first.
"""

from __future__ import annotations

import math

import numpy as np

from pgan_tf.config.per_resolution import LOWEST_RESOLUTION
from pgan_tf.config.schedule import Stage

_VARIABLES = {"kernel": "weight", "bias": "bias"}
_RGB = {"to_rgb": "ToRGB_lod", "from_rgb": "FromRGB_lod"}
_RESAMPLING = {("generator", "conv0"): "_up", ("discriminator", "conv1"): "_down"}


def published_layer(network: str, layer: str, resolution: int, fused_scale: bool) -> str:
    """Returns what the published implementation calls one of our layers.

    Args:
        network: `generator` or `discriminator`.
        layer: our name, such as `16x16_conv0`.
        resolution: of the finished networks, in pixels.
        fused_scale: see `NetworkConfig`.
    """
    level, kind = layer.split("_", 1)
    if kind in _RGB:
        return f"{_RGB[kind]}{int(math.log2(resolution // int(level.split('x')[0])))}"
    suffix = _RESAMPLING.get((network, kind), "") if fused_scale else ""
    return f"{level}/{kind.capitalize()}{suffix}"


def published_variable(network: str, variable: str, resolution: int, fused_scale: bool) -> str:
    """Returns the same for a variable: `16x16/Conv0_up/weight` for `16x16_conv0/kernel`."""
    layer, kind = variable.split("/")
    return f"{published_layer(network, layer, resolution, fused_scale)}/{_VARIABLES[kind]}"


def to_our_layout(array: np.ndarray, network: str, variable: str) -> np.ndarray:
    """Returns a published variable laid out as ours.

    Dense layers that make or take features are channels first there and channels last here;
    all else is the same.

    Args:
        array: the published variable.
        network: `generator` or `discriminator`.
        variable: our name, such as `4x4_dense/kernel`.
    """
    if (network, variable) == ("generator", "4x4_dense/kernel"):
        n = array.shape[0]
        return array.reshape(n, -1, 4, 4).transpose(0, 2, 3, 1).reshape(n, -1)
    if (network, variable) == ("discriminator", "4x4_dense0/kernel"):
        n = array.shape[1]
        return array.reshape(-1, 4, 4, n).transpose(1, 2, 0, 3).reshape(-1, n)
    return array


def stage_at_lod(lod: float, resolution: int) -> Stage:
    """Returns the stage that a level of detail falls in; its images are immaterial.

    Args:
        lod: log2(final resolution / resolution), whose fraction is how far the lower one
            still shows. Beyond the ends it is as at the ends.
        resolution: of the finished networks, in pixels.
    """
    lod = _within(lod, resolution)
    level = math.floor(lod)
    here = resolution >> level
    fades_in = lod > level
    index = 2 * int(math.log2(here // LOWEST_RESOLUTION)) - fades_in
    return Stage(index, here, "fade_in" if fades_in else "stabilize", 1, 1)


def alpha_at_lod(lod: float, resolution: int) -> float:
    """Returns how far the newest layers of that stage have faded in, 0 to 1."""
    return 1.0 - _within(lod, resolution) % 1.0


def _within(lod: float, resolution: int) -> float:
    return min(max(float(lod), 0.0), math.log2(resolution // LOWEST_RESOLUTION))
