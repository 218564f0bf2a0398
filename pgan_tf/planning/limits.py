"""What no machine bears, known by arithmetic before anything is built. No TensorFlow."""

from __future__ import annotations

import contextlib
import dataclasses
import os

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.schedule import Stage, make_stages
from pgan_tf.config.training import TrainingConfig
from pgan_tf.devices.memory import memory_bytes
from tfrecords.common.errors import UserError
from tfrecords.common.in_words import size_in_words

MOST_TICKS = 1_000_000
# The estimate of memory is up to 1.45 times what was measured: half of it is taken in any case.
_SURELY_TAKEN = 0.5
# Of control groups, version 2 and 1.
_CONTAINER_LIMITS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)


def physical_memory() -> int | None:
    """Returns the memory that this process may take, in bytes; None where that is not known.

    The machine's, or less in a container or below `ulimit -v`.
    """
    found = []
    with contextlib.suppress(AttributeError, ValueError, OSError):  # Windows has no sysconf
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for path in _CONTAINER_LIMITS:
        with contextlib.suppress(OSError, ValueError), open(path) as file:
            found.append(int(file.read()))  # "max" where there is none
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        found += [limit] * (limit != resource.RLIM_INFINITY)
    return min(found, default=None)


def check_memory(config: TrainingConfig, num_replicas: int, memory: int | None) -> None:
    """Checks that one device's part of each stage that a run reaches can fit into memory.

    What is close is let through: only what surely does not fit is refused.

    Args:
        config: the run.
        num_replicas: devices, over which a batch is split.
        memory: of the machine, in bytes; None where it is unknown.

    Raises:
        UserError: one does not; the flags that make it large are named.
    """
    if memory is None:
        return

    def least(stage: Stage, config: TrainingConfig) -> int:
        return round(_SURELY_TAKEN * memory_bytes(stage, config, num_replicas))

    stages = reached_stages(config)
    stage = max(stages, key=lambda stage: least(stage, config))
    if least(stage, config) <= memory:
        return
    one_each = dataclasses.replace(config.schedule, batch_size=PerResolution(((4, num_replicas),)))
    smallest = dataclasses.replace(config, schedule=one_each)
    if least(stage, smallest) > memory:
        what, got = "--latent_size, --fmap_max, --fmap_base: expected networks", "ones"
    else:
        size = int(config.schedule.batch_size.at(stage.resolution))
        what, got = "--batch_size: expected a batch", f"{size}"
    raise UserError(
        f"{what} that this machine's {size_in_words(memory)} of memory can hold, got {got} at "
        f"{stage.resolution} px, which take at least {size_in_words(least(stage, config))}: give "
        f"smaller ones"
    )


def check_ticks(config: TrainingConfig) -> None:
    """Checks that a run makes no more reports, each with a checkpoint, than a disk bears.

    Raises:
        UserError: it makes more.
    """
    total_images = round(config.schedule.total_kimg * 1000)
    ticks = 0
    for stage in reached_stages(config):
        calls = config.minibatch_repeats * config.discriminator_repeats
        call = calls * config.schedule.batch_size.at(stage.resolution)
        tick_images = config.schedule.tick_kimg.at(stage.resolution) * 1000
        images = min(stage.last_image + 1, total_images) - stage.first_image
        ticks += round(images / max(tick_images, call))
    if ticks > MOST_TICKS:
        raise UserError(
            f"--tick_kimg, --total_kimg: expected at most {MOST_TICKS:,} reports in a run, got "
            f"{ticks:,}: give a larger --tick_kimg, or a smaller --total_kimg"
        )


def reached_stages(config: TrainingConfig) -> list[Stage]:
    """Returns the stages that a run reaches within its total."""
    total_images = round(config.schedule.total_kimg * 1000)
    return [stage for stage in make_stages(config.schedule) if stage.first_image < total_images]
