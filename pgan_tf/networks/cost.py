"""How much arithmetic a stage takes, and which way takes less of it. Pure Python."""

from __future__ import annotations

from pgan_tf.config.per_resolution import LOWEST_RESOLUTION
from pgan_tf.config.schedule import Stage, make_stages
from pgan_tf.config.training import NetworkConfig, TrainingConfig

# With fewer maps, in or out, Winograd's transforms cost more than its products save; twice as
# many where it saves half as much (docs/performance.md has what was measured).
_FEWEST_CHANNELS = 128
_LARGEST_SIDE_OF_RESAMPLING_IN_BFLOAT16 = 8

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


def winograd_pays(
    kernel: tuple[int, ...], side: int, *, resamples: bool = False, bfloat16: bool = False
) -> bool:
    """Returns whether Winograd's algorithm convolves faster than the plain form, on a CPU.

    It takes a quarter of the multiplications of a 3x3 convolution, but 9/16 of those of one that
    is fused with resampling; and always in float32, where plain ones in bfloat16 are nearly twice
    as fast.

    Args:
        kernel: its shape; the last two are maps in and out, in either order.
        side: of the pictures convolved, in pixels: after upsampling, before averaging down.
        resamples: whether the plain form would be fused with resampling.
        bfloat16: whether the plain form would compute in it.
    """
    if kernel[:2] != (3, 3):
        return False
    if resamples and bfloat16 and side > _LARGEST_SIDE_OF_RESAMPLING_IN_BFLOAT16:
        return False
    return min(kernel[2:]) >= (1 + (resamples or bfloat16)) * _FEWEST_CHANNELS
