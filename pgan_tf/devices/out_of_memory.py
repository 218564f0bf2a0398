"""Explains out-of-memory errors and names the flag to change."""

import contextlib
import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig, TrainingConfig
from pgan_tf.devices.memory import memory_bytes
from pgan_tf.devices.strategy import splits_evenly
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
        where = f"stage {stage.number} ({stage}, {stage.phase}) at batch size {size}"
        advice = _what_takes_less_memory(config, stage, replicas)
        kept = "the last checkpoint, if there is one, is intact"
        raise UserError(f"out of memory in {where}: {advice}; {kept}") from error


def _what_takes_less_memory(config: TrainingConfig, stage: Stage, num_replicas: int) -> str:
    """Suggests which flags to lower, based on what needs the most memory.

    A smaller batch comes first, since the run can resume with it, unless halving saves < 10%.
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
    batch_size = smaller_batch_size(config, stage.resolution, num_replicas)
    if batch_size is None:
        return what
    if saved(schedule=dataclasses.replace(config.schedule, batch_size=batch_size)) < 0.1:
        return f"{what}: the networks alone take most of it"
    return f"resume with --batch_size={batch_size}, or {what}"


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
