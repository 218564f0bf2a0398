"""Which devices train, and how a batch is split over them."""

from __future__ import annotations

import tensorflow as tf

from pgan_tf.config import TrainingConfig
from pgan_tf.schedule import make_stages
from tfrecords.errors import UserError

STRATEGIES = ("auto", "one_device", "mirrored")


def make_strategy(name: str) -> tf.distribute.Strategy:
    """Returns a distribution strategy.

    Args:
        name: `one_device`: the first GPU, or the CPU. `mirrored`: all GPUs of this
            machine, or all its logical CPUs. `auto`: mirrored if there are several GPUs.
    """
    gpus = tf.config.list_logical_devices("GPU")
    devices = [device.name for device in gpus or tf.config.list_logical_devices("CPU")]
    if name == "mirrored" or (name == "auto" and len(gpus) > 1):
        return tf.distribute.MirroredStrategy(devices)
    return tf.distribute.OneDeviceStrategy(devices[0])


def has_gpu() -> bool:
    """Returns whether TensorFlow sees a GPU."""
    return bool(tf.config.list_logical_devices("GPU"))


def describe(strategy: tf.distribute.Strategy) -> str:
    """Returns a few words on what trains."""
    kind = "GPU" if has_gpu() else "CPU"
    replicas = strategy.num_replicas_in_sync
    return f"{replicas} {kind}" + ("" if replicas == 1 else "s, mirrored")


def check_batch_sizes(config: TrainingConfig, num_replicas: int) -> None:
    """Checks that every stage's batch splits into replicas, and theirs into groups.

    Raises:
        UserError: one does not.
    """
    group = config.network.mbstd_group_size
    for stage in make_stages(config.schedule):
        batch_size = int(config.schedule.batch_size.at(stage.resolution))
        replica_batch_size, rest = divmod(batch_size, num_replicas)
        if rest or not replica_batch_size:
            raise UserError(
                f"--batch_size: expected a multiple of the {num_replicas} devices at "
                f"{stage.resolution} px, got {batch_size}"
            )
        if group and replica_batch_size > group and replica_batch_size % group:
            raise UserError(
                f"--batch_size: expected a multiple of --mbstd_group_size={group} for each "
                f"device at {stage.resolution} px, got {replica_batch_size} ({batch_size} over "
                f"{num_replicas} devices)"
            )
