"""What a run will take, stage by stage, before it begins."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence

import tensorflow as tf
from tqdm import tqdm

from pgan_tf.config.networks import multiplications, parameters
from pgan_tf.config.schedule import Position, Stage, describe_end, make_stages, position_at
from pgan_tf.config.training import TrainingConfig
from pgan_tf.devices.memory import memory_bytes
from pgan_tf.devices.out_of_memory import readable_memory_errors
from pgan_tf.planning.disk import disk_bytes
from pgan_tf.planning.measurement import measure_step
from pgan_tf.runs.sheets import sheet_shape
from tfrecords.common.in_words import duration_in_words, size_in_words

# For measuring all stages, most of which is compiling.
BUDGET_SECONDS = 60.0
_SECONDS_PER_STAGE = 1.0

Measure = Callable[[Stage], float]


@dataclasses.dataclass(frozen=True)
class StageTime:
    """How long a stage takes.

    Attributes:
        images: real images shown in it.
        seconds: of training.
        measured: by iterations of it, or by its arithmetic and what others took.
    """

    images: int
    seconds: float
    measured: bool


def time_stages(
    config: TrainingConfig,
    measure: Measure,
    budget_seconds: float = BUDGET_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> dict[Stage, StageTime]:
    """Estimates how long each stage of a run takes, those that it does not reach left out.

    From the first stage on they are measured, as long as there is time for it: the next one is
    thought to take what the last one took, times what its arithmetic is heavier. The others'
    times follow from the last one measured, by arithmetic.

    Args:
        config: the run.
        measure: returns a stage's seconds for each real image.
        budget_seconds: for measuring. The first stage is measured in any case.
        clock: seconds.
    """
    total_images = round(config.schedule.total_kimg * 1000)
    stages = [stage for stage in make_stages(config.schedule) if stage.first_image < total_images]
    ends = [stage.first_image for stage in stages[1:]] + [total_images]
    times: dict[Stage, StageTime] = {}
    begin, took, last = clock(), 0.0, (0.0, 1.0)
    measuring = True
    for stage, end in zip(tqdm(stages, desc="measuring", leave=False), ends, strict=True):
        work = _work_of_iteration(stage, config)
        heavier = max(1.0, work / last[1]) if times else 0.0
        measuring = measuring and clock() - begin + heavier * took <= budget_seconds
        if measuring:
            before = clock()
            last = measure(stage), work
            took = clock() - before
            reference = stage
        per_image = last[0] * _work(stage, config) / _work(reference, config)
        images = end - stage.first_image
        times[stage] = StageTime(images, per_image * images, measuring)
    return times


def describe_run(
    config: TrainingConfig, strategy: tf.distribute.Strategy, keep_checkpoints: int
) -> str:
    """Returns what `--dry_run` prints: the stages as a table, and the disk that the run takes.

    Raises:
        UserError: a stage that was measured ran out of memory.
    """
    num_replicas = strategy.num_replicas_in_sync

    def measure(stage: Stage) -> float:
        with readable_memory_errors(config, stage, num_replicas):
            return measure_step(config, stage, strategy, _SECONDS_PER_STAGE)

    return describe(config, time_stages(config, measure), num_replicas, keep_checkpoints)


def describe(
    config: TrainingConfig,
    times: dict[Stage, StageTime],
    num_replicas: int,
    keep_checkpoints: int,
) -> str:
    """Returns the same of times that are known."""
    risen = dataclasses.replace(config.schedule, rampup_kimg=0.0)
    winograd = not tf.config.list_logical_devices("GPU")
    rows = [
        (
            *("stage", "pictures", "phase", "images", "batch", "learning rates G, D"),
            *("parameters G, D", "memory per device", "time"),
        )
    ]
    for stage, taken in times.items():
        position = position_at(risen, (stage,), stage.first_image)
        rows.append(
            (
                str(stage.number),
                str(stage),
                stage.phase,
                f"{taken.images:,}",
                str(position.batch_size),
                _rates(position),
                ", ".join(f"{count:,}" for count in parameters(stage, config.network)),
                size_in_words(memory_bytes(stage, config, num_replicas, winograd)),
                f"{'' if taken.measured else '~'}{duration_in_words(taken.seconds)}",
            )
        )
    total = sum(taken.seconds for taken in times.values())
    guessed = not all(taken.measured for taken in times.values())
    columns, sheet_rows = sheet_shape(config.network.resolution)
    pixels = columns * sheet_rows * config.network.resolution**2
    disk = disk_bytes(config, keep_checkpoints, pixels)
    return "\n".join(
        [
            *_aligned(rows),
            f"Training {config.schedule.total_kimg:g} thousand images takes about "
            f"{duration_in_words(total)}, by iterations measured here"
            + (" (~: by arithmetic from those, to save time)." if guessed else "."),
            "Memory is estimated, and does not count what TensorFlow itself takes.",
            f"Disk: {size_in_words(disk.checkpoints)} of checkpoints, up to "
            f"{size_in_words(disk.samples)} of samples (TensorBoard's included).",
            *filter(None, [describe_end(config.schedule)]),
        ]
    )


def _rates(position: Position) -> str:
    return f"{position.generator_learning_rate:g}, {position.discriminator_learning_rate:g}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]


def _work(stage: Stage, config: TrainingConfig) -> int:
    return multiplications(stage, config.network)


def _work_of_iteration(stage: Stage, config: TrainingConfig) -> float:
    return _work(stage, config) * config.schedule.batch_size.at(stage.resolution)
