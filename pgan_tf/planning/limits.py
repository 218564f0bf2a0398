"""Estimates the disk space and memory that a run needs. No TensorFlow."""

import contextlib
import dataclasses
import os

from pgan_tf.config.networks import discriminator_layers, generator_layers
from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.schedule import Stage, make_stages, position_at
from pgan_tf.config.training import TrainingConfig
from pgan_tf.devices.memory import FLOAT, memory_bytes
from tfrecords.common.errors import UserError
from tfrecords.common.text import size_in_words

MOST_TICKS = 1_000_000
# Estimates are at most 1.45 times the measured memory, so half of one is certainly needed.
_SURELY_TAKEN = 0.5
# Limits of Linux control groups, versions 2 and 1.
_CONTAINER_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_ARRAY_HEADER = 330  # bytes per array in a .npz file for its name and headers


def reached_stages(config: TrainingConfig) -> list[Stage]:
    """Returns the stages that a run reaches within its total."""
    total = round(config.schedule.total_kimg * 1000)
    return [stage for stage in make_stages(config.schedule) if stage.first_image < total]


def images_in(stage: Stage, config: TrainingConfig) -> int:
    """Returns how many real images a run shows in a stage that it reaches."""
    total_images = round(config.schedule.total_kimg * 1000)
    return min(stage.last_image + 1, total_images) - stage.first_image


def ticks_in(stage: Stage, config: TrainingConfig) -> int:
    """Returns how many ticks, each with a checkpoint, a stage that a run reaches has."""
    position = position_at(config.schedule, (stage,), stage.first_image)
    call_images = config.minibatch_repeats * config.discriminator_repeats * position.batch_size
    return max(1, round(images_in(stage, config) / max(position.tick_images, call_images)))


def heaviest_stage(config: TrainingConfig, num_replicas: int) -> Stage:
    """Returns the stage that needs the most memory, of those that a run reaches."""
    return max(reached_stages(config), key=lambda stage: memory_bytes(stage, config, num_replicas))


def checkpoint_bytes(stage: Stage, config: TrainingConfig) -> int:
    """Returns the size of a stage's checkpoint."""
    numbers = arrays = 0
    # Two copies of the generator, one of them the running average.
    for make_layers, copies in ((generator_layers, 2), (discriminator_layers, 1)):
        for layer in make_layers(stage, config.network):
            numbers += copies * layer.values + 2 * layer.parameters  # Adam's moments
            arrays += (copies + 2) * len(layer.variables)
    return FLOAT * numbers + _ARRAY_HEADER * arrays


def disk_bytes(config: TrainingConfig, keep_checkpoints: int, sheet_pixels: int) -> tuple[int, int]:
    """Estimates the bytes of checkpoints, with one more being written, and bounds the samples'."""
    stages = reached_stages(config)
    ticks = [ticks_in(stage, config) for stage in stages]
    sizes = [checkpoint_bytes(stage, config) for stage in stages]
    others = [size for size, count in zip(sizes, ticks, strict=True) for _ in range(count - 1)]
    kept = others[max(0, len(others) - keep_checkpoints + 1) :]
    samples = 2 * (1 + sum(ticks)) * sheet_pixels * config.network.num_channels
    return sum(sizes) + sum(kept) + max(sizes), samples


def physical_memory() -> int | None:
    """Returns the memory this process may use (container, `ulimit -v`), in bytes, or None."""
    found = []
    with contextlib.suppress(AttributeError, ValueError, OSError):  # Windows has no sysconf
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for path in _CONTAINER_LIMITS:
        with contextlib.suppress(OSError, ValueError), open(path) as file:
            found.append(int(file.read()))  # ValueError for "max", which means no limit
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        found += [limit] * (limit != resource.RLIM_INFINITY)
    return min(found, default=None)


def check_memory(config: TrainingConfig, num_replicas: int, memory: int | None) -> None:
    """Raises UserError, with flags to change, if a stage surely exceeds `memory`, in bytes."""
    stage = heaviest_stage(config, num_replicas)
    least = round(_SURELY_TAKEN * memory_bytes(stage, config, num_replicas))
    if memory is None or least <= memory:
        return
    one, none = PerResolution(((4, num_replicas),)), PerResolution(((4, 0),))
    one_each = dataclasses.replace(config.schedule, batch_size=one, micro_batch=none)
    smallest = dataclasses.replace(config, schedule=one_each)
    what, got = "--latent_size, --fmap_max, --fmap_base: expected networks", "ones"
    if round(_SURELY_TAKEN * memory_bytes(stage, smallest, num_replicas)) <= memory:
        what = "--batch_size, --micro_batch: expected a batch, or parts of one,"
        got = str(config.schedule.images_at_once(stage.resolution, num_replicas))
    raise UserError(
        f"{what} that this machine's {size_in_words(memory)} of memory can hold, got {got} at "
        f"{stage.resolution} px{config.network.base.beside(stage.resolution)}, which take at least "
        f"{size_in_words(least)}: give smaller ones"
    )


def check_ticks(config: TrainingConfig) -> None:
    """Raises UserError if a run has too many ticks, each with a checkpoint."""
    ticks = sum(ticks_in(stage, config) for stage in reached_stages(config))
    if ticks > MOST_TICKS:
        message = f"expected at most {MOST_TICKS:,} reports in a run, got {ticks:,}"
        raise UserError(f"--tick_kimg, --total_kimg: {message}: report more rarely, or train less")
