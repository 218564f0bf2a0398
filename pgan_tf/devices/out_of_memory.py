"""Running out of memory, in words for people, with the flag to change."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig, TrainingConfig
from pgan_tf.devices.memory import memory_bytes
from tfrecords.common.errors import UserError

_PAPERS = NetworkConfig()


@contextmanager
def readable_memory_errors(
    config: TrainingConfig, stage: Stage, num_replicas: int
) -> Iterator[None]:
    """Turns running out of memory into one line with the flag to change.

    Args:
        config: the run.
        stage: where it stands.
        num_replicas: devices, over which a batch is split.

    Raises:
        UserError: memory ran out.
    """
    try:
        yield
    except (tf.errors.ResourceExhaustedError, tf.errors.InternalError, MemoryError) as error:
        if isinstance(error, tf.errors.InternalError) and not _out_of_memory(error):
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

    def share_saved(smaller: TrainingConfig) -> float:
        needed = memory_bytes(stage, config, num_replicas)
        return 1 - memory_bytes(stage, smaller, num_replicas) / needed

    savings = {
        name: share_saved(dataclasses.replace(config, network=network))
        for name, network in _smaller_networks(config.network)
    }
    # Of several that save about as much, what is largest beside the paper's.
    helpful = [name for name, share in savings.items() if share > 0.8 * max(savings.values())]
    sizes = {name: getattr(config.network, name) / getattr(_PAPERS, name) for name in helpful}
    names = [f"--{name}" for name in helpful if sizes[name] == max(sizes.values())]
    what = f"begin another run with a smaller {' or '.join(names)}"
    smaller = smaller_batch_size(config, stage.resolution, num_replicas)
    if smaller is None:
        return what
    schedule = dataclasses.replace(config.schedule, batch_size=smaller)
    if share_saved(dataclasses.replace(config, schedule=schedule)) < 0.1:
        return f"{what}: the networks alone take most of it"
    return f"give --batch_size={smaller}, with which this run goes on, or {what}"


def _smaller_networks(network: NetworkConfig) -> Iterator[tuple[str, NetworkConfig]]:
    for name in ("latent_size", "fmap_max", "fmap_base"):
        with contextlib.suppress(UserError):  # too few feature maps
            half = max(1, getattr(network, name) // 2)
            yield name, dataclasses.replace(network, **{name: half})


def smaller_batch_size(
    config: TrainingConfig, resolution: int, num_replicas: int
) -> PerResolution | None:
    """Returns batch sizes that are at most half as large from a resolution on.

    None where no smaller one splits into the devices, and their parts into the groups of
    minibatch standard deviation.
    """
    group, old = config.network.mbstd_group_size, config.schedule.batch_size
    for size in range(int(old.at(resolution)) // 2, 0, -1):
        each, rest = divmod(size, num_replicas)
        if each and not rest and (not group or each <= group or each % group == 0):
            break
    else:
        return None
    values = {lowest: int(value) for lowest, value in old.steps if lowest < resolution}
    values[resolution] = size
    for lowest, value in old.steps:
        if lowest > resolution:
            values[lowest] = min(int(value), size)
    steps = sorted(values.items())
    changes = [
        step for number, step in enumerate(steps) if not number or step[1] != steps[number - 1][1]
    ]
    return PerResolution(tuple(changes))


def _out_of_memory(error: tf.errors.OpError) -> bool:
    """Libraries of GPUs have errors of their own for it."""
    return "out of memory" in error.message.lower() or "OUT_OF_MEMORY" in error.message
