"""Running out of memory, in words for people, with the flag to change."""

import contextlib
import dataclasses
import re
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig, TrainingConfig
from pgan_tf.devices.memory import memory_bytes
from pgan_tf.devices.strategy import splits_evenly
from tfrecords.common.errors import UserError

_PAPERS = NetworkConfig()
_OUT_OF_MEMORY = re.compile("out[ _]of[ _]memory", re.IGNORECASE)


@contextmanager
def readable_memory_errors(
    config: TrainingConfig, stage: Stage, num_replicas: int
) -> Iterator[None]:
    """Turns running out of memory into a UserError with the flag to change."""
    try:
        yield
    except (tf.errors.ResourceExhaustedError, tf.errors.InternalError, MemoryError) as error:
        # Libraries of GPUs have errors of their own for it.
        if isinstance(error, tf.errors.InternalError) and not _OUT_OF_MEMORY.search(error.message):
            raise
        batch_size = int(config.schedule.batch_size.at(stage.resolution))
        what = what_takes_less_memory(config, stage, num_replicas)
        raise UserError(
            f"out of memory in stage {stage.number} ({stage}, {stage.phase}) at batch size "
            f"{batch_size}: {what}; the last checkpoint, if there is one, is whole"
        ) from error


def what_takes_less_memory(config: TrainingConfig, stage: Stage, num_replicas: int) -> str:
    """Returns advice for a stage that takes too much memory, by what takes most of it.

    A smaller batch comes first, with which a run goes on; but not where the networks themselves
    take so much that half a batch would save less than a tenth.
    """
    needed = memory_bytes(stage, config, num_replicas)
    savings = {}
    for name in ("latent_size", "fmap_max", "fmap_base"):
        with contextlib.suppress(UserError):  # too few feature maps
            half = max(1, getattr(config.network, name) // 2)
            network = dataclasses.replace(config.network, **{name: half})
            smaller = dataclasses.replace(config, network=network)
            savings[name] = 1 - memory_bytes(stage, smaller, num_replicas) / needed
    # Of several that save about as much, what is largest beside the paper's.
    helpful = [name for name, share in savings.items() if share > 0.8 * max(savings.values())]
    sizes = {name: getattr(config.network, name) / getattr(_PAPERS, name) for name in helpful}
    names = [f"--{name}" for name in helpful if sizes[name] == max(sizes.values())]
    what = f"begin another run with a smaller {' or '.join(names)}"
    batch_size = smaller_batch_size(config, stage.resolution, num_replicas)
    if batch_size is None:
        return what
    schedule = dataclasses.replace(config.schedule, batch_size=batch_size)
    smaller = dataclasses.replace(config, schedule=schedule)
    if 1 - memory_bytes(stage, smaller, num_replicas) / needed < 0.1:
        return f"{what}: the networks alone take most of it"
    return f"give --batch_size={batch_size}, with which this run goes on, or {what}"


def smaller_batch_size(
    config: TrainingConfig, resolution: int, num_replicas: int
) -> PerResolution | None:
    """Returns batch sizes that are at most half as large from a resolution on, the largest ones.

    None where no smaller one `splits_evenly`.
    """
    group, old = config.network.mbstd_group_size, config.schedule.batch_size
    sizes = range(int(old.at(resolution)) // 2, 0, -1)
    size = next((one for one in sizes if splits_evenly(one, num_replicas, group)), None)
    if size is None:
        return None
    smaller = {
        lowest: min(int(value), size) if lowest > resolution else int(value)
        for lowest, value in old.steps
    }
    smaller[resolution] = size
    return PerResolution(tuple(sorted(smaller.items())))
