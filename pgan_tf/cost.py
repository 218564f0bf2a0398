"""How much arithmetic a stage takes. Pure Python."""

from __future__ import annotations

from pgan_tf.config import NetworkConfig
from pgan_tf.per_resolution import LOWEST_RESOLUTION
from pgan_tf.schedule import Stage


def multiplications(stage: Stage, config: NetworkConfig) -> int:
    """Returns the multiplications of one picture through both networks, forwards.

    Convolutions and dense layers of table 2 in their plain 3x3 form; the rest is small. An
    iteration takes about a fixed multiple of it, which makes it good for comparing stages.
    """
    maps = config.num_feature_maps
    latent = config.latent_size + config.label_size
    total = latent * 16 * maps(4) + 2 * 9 * 16 * maps(4) ** 2
    total += 16 * maps(4) * maps(2) + maps(2) * (1 + config.label_size)
    resolution = LOWEST_RESOLUTION
    while resolution < stage.resolution:
        below, resolution = resolution, resolution * 2
        total += 2 * 9 * resolution**2 * maps(resolution) * (maps(below) + maps(resolution))
    return total + 2 * resolution**2 * maps(resolution) * config.num_channels
