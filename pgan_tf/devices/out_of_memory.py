"""Explains out-of-memory errors and names the flag to change."""

import contextlib
import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from pgan_tf.config.networks import resolutions_above_lowest
from pgan_tf.config.per_resolution import LOWEST_RESOLUTION, PerResolution
from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig, TrainingConfig
from pgan_tf.devices.memory import memory_bytes
from pgan_tf.devices.strategy import splits_evenly, takes_parts_of
from tfrecords.common.errors import UserError

_IN_WORDS = re.compile("out[ _]of[ _]memory", re.IGNORECASE)  # in messages of GPU libraries


@contextlib.contextmanager
def readable_memory_errors(config: TrainingConfig, stage: Stage, replicas: int) -> Iterator[None]:
    """Turns out-of-memory errors into a UserError that names the flag to change."""
    try:
        yield
    except (tf.errors.ResourceExhaustedError, tf.errors.InternalError, MemoryError) as error:
        if isinstance(error, tf.errors.InternalError) and not _IN_WORDS.search(error.message):
            raise
        size = int(config.schedule.batch_size.at(stage.resolution))
        pictures = f"{stage}{config.network.base.beside(stage.resolution)}"
        where = f"stage {stage.number} ({pictures}, {stage.phase}) at batch size {size}"
        advice = _what_takes_less_memory(config, stage, replicas)
        kept = "the last checkpoint, if there is one, is intact"
        raise UserError(f"out of memory in {where}: {advice}; {kept}") from error


def _what_takes_less_memory(config: TrainingConfig, stage: Stage, num_replicas: int) -> str:
    """Suggests which flags to lower, based on what needs the most memory.

    What the run can resume with comes first, unless halving the batch saves < 10%: parts of a
    batch, which change nothing but the time it takes, then a smaller one.
    """

    def saved(**changed: Any) -> float:
        smaller = dataclasses.replace(config, **changed)
        return 1 - memory_bytes(stage, smaller, num_replicas) / needed

    needed = memory_bytes(stage, config, num_replicas)
    savings = {}
    for name in ("latent_size", "fmap_max", "fmap_base"):
        with contextlib.suppress(UserError):  # if half would be too few feature maps
            half = max(1, getattr(config.network, name) // 2)
            savings[name] = saved(network=dataclasses.replace(config.network, **{name: half}))
    # If several save about as much, choose the largest relative to the paper's value.
    helpful = [name for name, share in savings.items() if share > 0.8 * max(savings.values())]
    sizes = {name: getattr(config.network, name) / getattr(NetworkConfig, name) for name in helpful}
    names = [f"--{name}" for name in helpful if sizes[name] == max(sizes.values())]
    what = f"start another run with a smaller {' or '.join(names)}"
    smaller: dict[str, Any] = {
        "micro_batch": smaller_micro_batch(config, stage.resolution, num_replicas)
    }
    if not config.schedule.micro_batch.at(stage.resolution):  # or only a part of it counts
        smaller["batch_size"] = smaller_batch_size(config, stage.resolution, num_replicas)
    changes = {name: sizes for name, sizes in smaller.items() if sizes}
    if not changes:
        return what
    schedules = [dataclasses.replace(config.schedule, **{name: changes[name]}) for name in changes]
    if max(saved(schedule=schedule) for schedule in schedules) < 0.1:
        return f"{what}: the networks alone take most of it"
    slower = {"micro_batch": " (the same run, but slower)"}
    ways = [f"--{name}={sizes}{slower.get(name, '')}" for name, sizes in changes.items()]
    return f"resume with {', or '.join([*ways, what])}"


def smaller_micro_batch(
    config: TrainingConfig, resolution: int, num_replicas: int
) -> PerResolution | None:
    """Returns the largest parts of batches, at most half of one's at a resolution, from there on.

    None if it has no smaller ones.
    """
    schedule, sizes = config.schedule, {}
    most = schedule.images_at_once(resolution, num_replicas) // 2
    for one in (LOWEST_RESOLUTION, *resolutions_above_lowest(schedule.resolution)):
        size, sizes[one] = int(schedule.batch_size.at(one)), int(schedule.micro_batch.at(one))
        if one >= resolution and schedule.images_at_once(one, num_replicas) > most:
            parts = range(most, 0, -1)
            fit = (part for part in parts if takes_parts_of(config, size, num_replicas, part))
            sizes[one] = next(fit, sizes[one])
    smaller = PerResolution(tuple(sizes.items()))
    return None if smaller.at(resolution) == schedule.micro_batch.at(resolution) else smaller


def smaller_batch_size(
    config: TrainingConfig, resolution: int, num_replicas: int
) -> PerResolution | None:
    """Returns the largest batch sizes that are at most half from a resolution on, or None."""
    group, old = config.network.mbstd_group_size, config.schedule.batch_size
    for size in range(int(old.at(resolution)) // 2, 0, -1):
        if splits_evenly(size, num_replicas, group):
            sizes = {lowest: int(value) for lowest, value in old.steps}
            later = {one: min(value, size) for one, value in sizes.items() if one > resolution}
            return PerResolution(tuple(sorted((sizes | later | {resolution: size}).items())))
    return None
