"""How much arithmetic a stage takes. Pure Python."""

from __future__ import annotations

from pgan_tf.config import NetworkConfig, TrainingConfig
from pgan_tf.per_resolution import LOWEST_RESOLUTION
from pgan_tf.schedule import Stage, make_stages

# Of one picture's way through both networks, forwards and backwards in all steps: the D step
# runs D three times and differentiates it, once twice; the G step both once.
_PASSES_PER_ITERATION = 8
_CPU_MULTIPLICATIONS_PER_SECOND = 1e11


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


def cpu_days(config: TrainingConfig) -> float:
    """Returns about how many days a whole run takes on a good desktop processor."""
    total_images = round(config.schedule.total_kimg * 1000)
    in_all = _PASSES_PER_ITERATION * sum(
        max(0, min(stage.last_image, total_images) - stage.first_image)
        * multiplications(stage, config.network)
        for stage in make_stages(config.schedule)
    )
    return in_all / _CPU_MULTIPLICATIONS_PER_SECOND / (24 * 3600)
