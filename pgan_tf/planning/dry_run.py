"""What a run will take, stage by stage: the table of --dry_run. Nothing is trained for it."""

import dataclasses

import tensorflow as tf

from pgan_tf.config.networks import parameters
from pgan_tf.config.schedule import describe_end, position_at
from pgan_tf.config.training import TrainingConfig
from pgan_tf.devices.memory import memory_bytes
from pgan_tf.planning.estimate import REFERENCE_GPU, Device, stage_seconds
from pgan_tf.planning.limits import disk_bytes, images_in
from pgan_tf.planning.measurement import matrix_product_gflops
from pgan_tf.runs.sheets import enlargement, sheet_shape
from tfrecords.common.text import align, duration_in_words, size_in_words

_HEADER = (
    *("stage", "pictures", "phase", "images", "batch", "learning rates G, D"),
    *("parameters G, D", "memory per device", "time"),
)
_PRODUCT_SIZE = 2048  # of the matrix product that tells how fast a CPU is: tenths of a second


def this_device() -> Device:
    """Returns what will train here; takes about a second on a CPU."""
    if tf.config.list_logical_devices("GPU"):
        return Device(is_gpu=True)
    return Device(matrix_product_gflops("float32", _PRODUCT_SIZE))


def describe_run(
    config: TrainingConfig, num_replicas: int, device: Device, keep_checkpoints: int
) -> str:
    """Returns the table of stages, and the time and disk space of all, by arithmetic."""
    risen = dataclasses.replace(config.schedule, rampup_kimg=0.0)
    times = stage_seconds(config, device, num_replicas)
    rows = [list(_HEADER)]
    for stage, seconds in times.items():
        position = position_at(risen, (stage,), stage.first_image)
        rates = f"{position.generator_learning_rate:g}, {position.discriminator_learning_rate:g}"
        counts = ", ".join(f"{count:,}" for count in parameters(stage, config.network))
        memory = size_in_words(memory_bytes(stage, config, num_replicas, not device.is_gpu))
        images = f"{images_in(stage, config):,}"
        batch = str(position.batch_size)
        if at_once := int(config.schedule.micro_batch.at(stage.resolution)):
            batch += f" ({at_once} at once)"
        pictures = f"{stage}{config.network.base.beside(stage.resolution)}"
        row = (stage.number, pictures, stage.phase, images, batch)
        rows.append([*map(str, row), rates, counts, memory, duration_in_words(seconds)])
    total = duration_in_words(sum(times.values()))
    speed = f"the speed of a matrix product here, now ({device.product_gflops:.0f} GFLOP/s)"
    how = f"that of {REFERENCE_GPU}" if device.is_gpu else speed
    base, resolution = config.network.base, config.network.resolution
    columns, sheet_rows = sheet_shape(base.size(resolution))
    pixels = columns * sheet_rows * base.pixels(resolution)
    if enlargement(columns, sheet_rows, base.size(resolution)) > 1:
        pixels *= 2  # enlarged, the PNG of the same noise takes up to 1.7 times the room
    checkpoints, samples = disk_bytes(config, keep_checkpoints, pixels)
    disk = f"{size_in_words(checkpoints)} of checkpoints, up to {size_in_words(samples)} of samples"
    lines = [
        *align(rows),
        f"Training {config.schedule.total_kimg:g} thousand images takes about {total}: by "
        f"arithmetic, from {how}.",
        "Memory is estimated, and does not count what TensorFlow itself takes.",
        f"Disk: {disk} (TensorBoard's included).",
    ]
    return "\n".join([*lines, *filter(None, [describe_end(config.schedule)])])
