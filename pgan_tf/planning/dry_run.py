"""What a run will take, stage by stage: the table of --dry_run."""

import dataclasses
import time
from collections.abc import Callable

import tensorflow as tf
from tqdm import tqdm

from pgan_tf.config.networks import multiplications, parameters
from pgan_tf.config.schedule import Stage, describe_end, position_at
from pgan_tf.config.training import TrainingConfig
from pgan_tf.devices.memory import memory_bytes
from pgan_tf.devices.out_of_memory import readable_memory_errors
from pgan_tf.planning.limits import disk_bytes, images_in, reached_stages
from pgan_tf.planning.measurement import measure_step
from pgan_tf.runs.sheets import sheet_shape
from tfrecords.common.text import align, duration_in_words, size_in_words

# For measuring all stages, most of which is compiling.
BUDGET_SECONDS = 60.0
_SECONDS_PER_STAGE = 1.0
_HEADER = (
    *("stage", "pictures", "phase", "images", "batch", "learning rates G, D"),
    *("parameters G, D", "memory per device", "time"),
)


@dataclasses.dataclass(frozen=True)
class StageTime:
    """How long a stage takes."""

    images: int  # real images shown in it
    seconds: float  # of training
    measured: bool  # false if it follows from another stage's time by arithmetic


def time_stages(
    config: TrainingConfig,
    measure: Callable[[Stage], float],
    budget_seconds: float = BUDGET_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> dict[Stage, StageTime]:
    """Estimates how long each stage that a run reaches takes.

    `measure` returns a stage's seconds per real image. Stages are measured from the first on, until
    the next one would exceed `budget_seconds`, if it takes as long as the last, times what its
    arithmetic is heavier. The others' times follow from the last one measured, by arithmetic.
    """
    times: dict[Stage, StageTime] = {}
    start, measuring = clock(), True
    took = measured_step_work = 0.0
    for stage in tqdm(reached_stages(config), desc="measuring", leave=False):
        image_work = multiplications(stage, config.network)
        step_work = image_work * config.schedule.batch_size.at(stage.resolution)
        if times:
            expected = max(1.0, step_work / measured_step_work) * took
            measuring = measuring and clock() - start + expected <= budget_seconds
        if measuring:
            before = clock()
            seconds_per_image = measure(stage)
            took = clock() - before
            measured_work, measured_step_work = image_work, step_work
        images = images_in(stage, config)
        per_image = seconds_per_image * image_work / measured_work
        times[stage] = StageTime(images, per_image * images, measuring)
    return times


def describe_run(
    config: TrainingConfig, strategy: tf.distribute.Strategy, keep_checkpoints: int
) -> str:
    """Returns what `--dry_run` prints: stages and disk. UserError if a stage runs out of memory."""
    num_replicas = strategy.num_replicas_in_sync

    def measure(stage: Stage) -> float:
        with readable_memory_errors(config, stage, num_replicas):
            return measure_step(config, stage, strategy, _SECONDS_PER_STAGE)

    return describe(config, time_stages(config, measure), num_replicas, keep_checkpoints)


def describe(
    config: TrainingConfig, times: dict[Stage, StageTime], num_replicas: int, keep_checkpoints: int
) -> str:
    """Returns the text of `describe_run` for known times."""
    risen = dataclasses.replace(config.schedule, rampup_kimg=0.0)
    winograd = not tf.config.list_logical_devices("GPU")
    rows = [list(_HEADER)]
    for stage, taken in times.items():
        position = position_at(risen, (stage,), stage.first_image)
        rates = f"{position.generator_learning_rate:g}, {position.discriminator_learning_rate:g}"
        counts = ", ".join(f"{count:,}" for count in parameters(stage, config.network))
        memory = size_in_words(memory_bytes(stage, config, num_replicas, winograd))
        duration = f"{'' if taken.measured else '~'}{duration_in_words(taken.seconds)}"
        row = (stage.number, stage, stage.phase, f"{taken.images:,}", position.batch_size)
        rows.append([*map(str, row), rates, counts, memory, duration])
    lines = align(rows)
    total = duration_in_words(sum(taken.seconds for taken in times.values()))
    guessed = not all(taken.measured for taken in times.values())
    columns, sheet_rows = sheet_shape(config.network.resolution)
    pixels = columns * sheet_rows * config.network.resolution**2
    checkpoints, samples = disk_bytes(config, keep_checkpoints, pixels)
    how = "by iterations measured here" + " (~: by arithmetic from those, to save time)" * guessed
    disk = f"{size_in_words(checkpoints)} of checkpoints, up to {size_in_words(samples)} of samples"
    lines += [
        f"Training {config.schedule.total_kimg:g} thousand images takes about {total}, {how}.",
        "Memory is estimated, and does not count what TensorFlow itself takes.",
        f"Disk: {disk} (TensorBoard's included).",
    ]
    return "\n".join([*lines, *filter(None, [describe_end(config.schedule)])])
