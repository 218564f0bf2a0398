"""The room that a run takes on disk, by arithmetic. No TensorFlow."""

from __future__ import annotations

import dataclasses

from pgan_tf.config.networks import discriminator_layers, generator_layers
from pgan_tf.config.schedule import Stage, make_stages, position_at
from pgan_tf.config.training import TrainingConfig
from pgan_tf.devices.memory import FLOAT

# Of an array in a .npz file: its names and header, in bytes.
_ARRAY_HEADER = 330


@dataclasses.dataclass(frozen=True)
class Disk:
    """What a run leaves on disk, in bytes.

    Attributes:
        checkpoints: those that are kept to the end, and one being written.
        samples: at most, the sheets of `samples/`, and once more for TensorBoard.
    """

    checkpoints: int
    samples: int


def checkpoint_bytes(stage: Stage, config: TrainingConfig) -> int:
    """Returns the size of a checkpoint of a stage."""
    total = arrays = 0
    for layers, copies in (
        (generator_layers(stage, config.network), 2),
        (discriminator_layers(stage, config.network), 1),
    ):
        total += copies * sum(layer.values for layer in layers) + 2 * sum(
            layer.parameters for layer in layers
        )
        arrays += (copies + 2) * sum(len(layer.variables) for layer in layers)
    return FLOAT * total + _ARRAY_HEADER * arrays


def disk_bytes(config: TrainingConfig, keep_checkpoints: int, sheet_pixels: int) -> Disk:
    """Estimates what a run leaves on disk.

    Args:
        config: the run.
        keep_checkpoints: the newest checkpoints that stay, besides one of each stage.
        sheet_pixels: of a sheet of samples.
    """
    total_images = round(config.schedule.total_kimg * 1000)
    stages = [stage for stage in make_stages(config.schedule) if stage.first_image < total_images]
    newest, sheets = [], 1
    for stage in stages:
        position = position_at(config.schedule, (stage,), stage.first_image)
        call = config.minibatch_repeats * config.discriminator_repeats * position.batch_size
        images = min(stage.last_image + 1, total_images) - stage.first_image
        ticks = max(1, round(images / max(position.tick_images, call)))
        sheets += ticks
        # The last one of a stage stays in any case.
        newest += [checkpoint_bytes(stage, config)] * (ticks - 1)
    sizes = [checkpoint_bytes(stage, config) for stage in stages]
    beside = newest[len(newest) - min(len(newest), keep_checkpoints - 1) :]
    return Disk(
        checkpoints=sum(sizes) + sum(beside) + max(sizes),
        samples=2 * sheets * sheet_pixels * config.network.num_channels,
    )
