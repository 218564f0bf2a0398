"""The story of a run, from the first 4x4 pixels to the last checkpoint (paper, §2)."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from pgan_tf import checkpoint, sampling
from pgan_tf.config import TrainingConfig
from pgan_tf.dataset import make_dataset
from pgan_tf.progress import Progress
from pgan_tf.run_folder import RunLog, check_same_run, checkpoint_folder
from pgan_tf.schedule import Position, make_stages, position_at, stage_at
from pgan_tf.state import TrainingState, build_state, grow_state
from pgan_tf.train_step import METRICS, make_train_step
from tfrecords.dataset_info import DatasetInfo
from tfrecords.errors import UserError


def train(
    config: TrainingConfig,
    info: DatasetInfo,
    run_dir: str,
    strategy: tf.distribute.Strategy,
    keep_checkpoints: int = 3,
) -> int:
    """Trains until `total_kimg`, from the run folder's last checkpoint on if there is one.

    Args:
        config: what to compute; see `distribution.check_batch_sizes`.
        info: the TFRecords.
        run_dir: a folder opened with `run_folder.open_run`.
        strategy: the devices.
        keep_checkpoints: how many of the newest checkpoints stay, besides one per stage.

    Returns:
        The real images shown in all.

    Raises:
        UserError: the data or the checkpoint does not fit the configuration.
    """
    stages = make_stages(config.schedule)
    total_images = round(config.schedule.total_kimg * 1000)
    checkpoints = checkpoint_folder(run_dir)

    state, images_shown = _begin(config, run_dir, strategy)
    if images_shown >= total_images:
        return images_shown
    log = RunLog(run_dir, images_shown)
    if images_shown == 0:
        log.write_reals(_sheet_of_reals(config, info))
    progress = Progress(stages, config.network, total_images, images_shown)
    if images_shown:
        progress.print(f"Going on from {images_shown / 1000:g} kimg")

    step = None
    tick = _Tick(images_shown, log.seconds)
    while images_shown < total_images:
        position = position_at(config.schedule, stages, images_shown)

        if position.stage != state.stage:
            state, carried = grow_state(state, position.stage, config, strategy)
            progress.print(_describe_growth(position, carried.new))
            step = None
        if step is None:
            step = make_train_step(state, config, strategy, position.batch_size)
            batches = _batches(config, info, position, images_shown, strategy)

        metrics = step(
            batches,
            tf.constant(images_shown, tf.int64),
            tf.constant(position.alpha, tf.float32),
            tf.constant(position.generator_learning_rate, tf.float32),
            tf.constant(position.discriminator_learning_rate, tf.float32),
        )
        repeats = config.minibatch_repeats * config.discriminator_repeats
        images_shown += repeats * position.batch_size
        tick.metrics.append(metrics)
        progress.update(position.stage, position.alpha, images_shown)

        if (
            images_shown - tick.first_image >= position.tick_images
            or images_shown >= total_images
            or stage_at(stages, images_shown) != position.stage
        ):
            summary = tick.summary(position, images_shown)
            _check_finite(summary, checkpoints)
            log.write_metrics(summary)
            log.write_fakes(images_shown, _sheet_of_fakes(config, state))
            checkpoint.save(checkpoints, state, images_shown, config)
            checkpoint.prune(checkpoints, keep_checkpoints)
            tick = _Tick(images_shown, tick.seconds())

    progress.close()
    return images_shown


def _begin(
    config: TrainingConfig, run_dir: str, strategy: tf.distribute.Strategy
) -> tuple[TrainingState, int]:
    """Returns the first stage's state and 0, or the last checkpoint's."""
    stages = make_stages(config.schedule)
    path = checkpoint.latest(checkpoint_folder(run_dir))
    if path is None:
        return build_state(stages[0], config, strategy), 0
    saved = checkpoint.read(path)
    check_same_run(saved.config, config, run_dir)
    # Today's stage of that index: another total_kimg moves the last one's end.
    state = build_state(stages[saved.stage.index], config, strategy)
    checkpoint.restore(saved, state)
    return state, saved.images_shown


def _batches(
    config: TrainingConfig,
    info: DatasetInfo,
    position: Position,
    images_shown: int,
    strategy: tf.distribute.Strategy,
) -> Iterator:
    dataset = make_dataset(
        info,
        position.stage.resolution,
        global_batch_size=position.batch_size,
        label_size=config.network.label_size,
        seed=config.seed,
        images_shown=images_shown,
        mirror_augment=config.mirror_augment,
    )
    return iter(strategy.experimental_distribute_dataset(dataset))


class _Tick:
    """Collects what happens between two reports; nothing waits for a device until then."""

    def __init__(self, first_image: int, seconds_before: float) -> None:
        self.first_image = first_image
        self.metrics: list[tf.Tensor] = []
        self._seconds_before = seconds_before
        self._begin = time.monotonic()

    def seconds(self) -> float:
        """Seconds of training until now, over all parts of the run."""
        return self._seconds_before + time.monotonic() - self._begin

    def summary(self, position: Position, images_shown: int) -> dict[str, float | int | str]:
        """Returns what is worth a line in metrics.jsonl."""
        means = np.mean([metrics.numpy() for metrics in self.metrics], axis=0)
        seconds = self.seconds()
        images = images_shown - self.first_image
        return {
            "images_shown": images_shown,
            "kimg": images_shown / 1000,
            "stage": position.stage.index,
            "resolution": position.stage.resolution,
            "phase": position.stage.phase,
            "alpha": position.alpha,
            "batch_size": position.batch_size,
            "generator_learning_rate": position.generator_learning_rate,
            "discriminator_learning_rate": position.discriminator_learning_rate,
            **{name: float(value) for name, value in zip(METRICS, means, strict=True)},
            "images_per_second": images / (seconds - self._seconds_before),
            "seconds": seconds,
        }


def _check_finite(summary: dict[str, float | int | str], checkpoints: str) -> None:
    """Ends a run that has diverged before it overwrites what was good."""
    for name in METRICS:
        if not np.isfinite(summary[name]):
            raise UserError(
                f"training has diverged: {name} is {summary[name]} after "
                f"{summary['images_shown']} images; the last good checkpoint is "
                f"{checkpoint.latest(checkpoints)}: try a lower --learning_rate"
            )


def _describe_growth(position: Position, new: tuple[str, ...]) -> str:
    stage = position.stage
    begins = f"fades in {stage}" if stage.fades_in else f"stabilizes at {stage}"
    layers = sorted({"/".join(name.split("/")[:2]) for name in new if "average" not in name})
    added = f", new layers: {', '.join(layers)}" if layers else ""
    return f"Stage {stage.index + 1} {begins} (batch size {position.batch_size}){added}"


def _sheet_of_reals(config: TrainingConfig, info: DatasetInfo) -> np.ndarray:
    resolution = config.network.resolution
    columns, rows = sampling.sheet_shape(resolution)
    dataset = make_dataset(
        info, resolution, global_batch_size=columns * rows, label_size=0, seed=config.seed
    )
    images, _ = next(iter(dataset))
    return sampling.make_grid(sampling.to_uint8(images.numpy()), columns, resolution)


def _sheet_of_fakes(config: TrainingConfig, state: TrainingState) -> np.ndarray:
    resolution = config.network.resolution
    latents, labels = sampling.sheet_inputs(config.network, config.seed)
    pictures = sampling.generate(state.average_generator, latents, labels)
    return sampling.make_grid(pictures, sampling.sheet_shape(resolution)[0], resolution)
