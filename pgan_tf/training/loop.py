"""The story of a run, from the first 4x4 pixels to the last checkpoint (paper, §2)."""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import closing

import numpy as np
import tensorflow as tf

from pgan_tf.config.schedule import Position, make_stages, position_at, stage_at
from pgan_tf.config.training import TrainingConfig
from pgan_tf.data.bad_records import BadRecords
from pgan_tf.data.dataset import distribute, make_dataset
from pgan_tf.devices.agreement import check_same_beginning, gather_pairs, wait_for_all
from pgan_tf.devices.failures import readable_data_errors, readable_memory_errors
from pgan_tf.devices.interruption import stop_on_signals
from pgan_tf.devices.preemption import StopTogether, stopped
from pgan_tf.devices.workers import ALONE, Workers
from pgan_tf.networks import sampling
from pgan_tf.runs import checkpoint
from pgan_tf.runs.fallback import read_newest, set_aside
from pgan_tf.runs.folder import check_same_run, checkpoint_folder
from pgan_tf.runs.log import RunLog
from pgan_tf.training.init_from import Weights, describe, initialize
from pgan_tf.training.progress import Progress
from pgan_tf.training.state import TrainingState, build_state, grow_state
from pgan_tf.training.step import make_train_step
from pgan_tf.training.tick import Tick
from pgan_tf.training.tolerance import DivergedError, Tolerance, check_iterations, check_records
from tfrecords.common.errors import UserError
from tfrecords.common.in_words import counted
from tfrecords.format.dataset_info import DatasetInfo

# Is told a checkpoint's path, the images shown, who takes lines, and who knows when to break off.
AfterCheckpoint = Callable[[str, int, Callable[[str], None], Callable[[], bool]], None]

_WHAT_TO_DO = "try a lower --learning_rate, or --precision=float32"


def train(
    config: TrainingConfig,
    info: DatasetInfo,
    run_dir: str,
    strategy: tf.distribute.Strategy,
    tolerance: Tolerance = Tolerance(),
    weights: Weights | None = None,
    workers: Workers = ALONE,
    after_checkpoint: AfterCheckpoint = lambda *_: None,
    before_writing: Callable[[], None] = lambda: None,
) -> int:
    """Trains until `total_kimg`, from the run folder's last checkpoint on if there is one.

    Args:
        config: what to compute; see `distribution.check_batch_sizes`.
        info: the TFRecords.
        run_dir: a folder opened with `run_folder.open_run`, now or by `before_writing`.
        strategy: the devices.
        tolerance: what the run keeps and bears.
        weights: what a run without a checkpoint begins with, checked; None for initial values.
        workers: the processes that train together; only the chief writes.
        after_checkpoint: called after each checkpoint of a tick, and that of the beginning.
        before_writing: called before anything is written, when all was checked.

    Returns:
        The real images shown in all.

    Raises:
        UserError: data, checkpoint or weights do not fit, are damaged, or the disk is full.
        StoppedError: SIGINT or SIGTERM came, and a checkpoint was written.
    """
    stop_together = StopTogether(strategy, workers)
    parts = config, info, run_dir, strategy, tolerance, weights, workers, stop_together
    try:
        return _train(*parts, after_checkpoint, before_writing)
    except DivergedError as diverged:
        path = checkpoint.latest(checkpoint_folder(run_dir))
        if path is None:
            raise UserError(f"{diverged}, before the first checkpoint: {_WHAT_TO_DO}") from None
        print(f"{diverged}: going back to {path}, once", file=sys.stderr, flush=True)
    try:
        return _train(*parts, after_checkpoint, before_writing)
    except DivergedError as diverged:
        raise UserError(
            f"{diverged}, again after going back to {path}, which is whole: {_WHAT_TO_DO}"
        ) from None


def _train(
    config: TrainingConfig,
    info: DatasetInfo,
    run_dir: str,
    strategy: tf.distribute.Strategy,
    tolerance: Tolerance,
    weights: Weights | None,
    workers: Workers,
    stop_together: StopTogether,
    after_checkpoint: AfterCheckpoint,
    before_writing: Callable[[], None],
) -> int:
    """Trains from the last checkpoint on; see `train`."""
    stages, checkpoints = make_stages(config.schedule), checkpoint_folder(run_dir)
    total_images = round(config.schedule.total_kimg * 1000)
    begun = _begin(config, run_dir, strategy, weights, workers)
    state, images_shown, saved = begun.state, begun.images_shown, begun.saved
    draws = workers.is_chief and not images_shown
    reals = _sheet_of_reals(config, info, tolerance) if draws else None
    before_writing()
    if saved and workers.is_chief:
        after_checkpoint(saved.path, images_shown, print, lambda: False)
    if images_shown >= total_images:
        return images_shown
    log = RunLog(run_dir, images_shown) if workers.is_chief else None
    if log and draws:
        log.write_reals(reals)
    progress = Progress(stages, config.network, total_images, images_shown, not workers.is_chief)
    if images_shown:
        progress.print(f"Going on from {images_shown / 1000:g} kimg")
    for words in begun.changed:
        progress.print(f"Changed: {words}")
    if log and begun.origins:
        log.write_text("init_from.txt", begun.origins)
        progress.print(begun.origins)

    step = None
    bad_records = BadRecords(tolerance.max_bad_records, saved and saved.bad_records)
    since_tick = (saved.tick_first_image, saved.tick_metrics) if saved else (0, None)
    tick = Tick(since_tick[0], log.seconds if log else 0.0, since_tick[1])
    num_devices = strategy.num_replicas_in_sync
    memory_errors = readable_memory_errors(config, lambda: position.stage, num_devices)
    with stop_on_signals(progress.print) as stop, closing(progress), memory_errors:
        while images_shown < total_images:
            position = position_at(config.schedule, stages, images_shown)

            if position.stage != state.stage:
                step = batches = None  # or growing could not let go of them
                state, carried = grow_state(state, position.stage, config, strategy)
                progress.print(_describe_growth(position, carried.new))
            compiles = step is None
            if compiles:
                step = make_train_step(state, config, strategy, position.batch_size)
                batches = _batches(config, info, position, images_shown, strategy, bad_records)

            with readable_data_errors():
                metrics = step(
                    batches,
                    tf.constant(images_shown, tf.int64),
                    tf.constant(position.alpha, tf.float32),
                    tf.constant(position.generator_learning_rate, tf.float32),
                    tf.constant(position.discriminator_learning_rate, tf.float32),
                )
            repeats = config.minibatch_repeats * config.discriminator_repeats
            images_shown += repeats * position.batch_size
            tick.add(metrics, repeats * position.batch_size, compiles)
            progress.update(position.stage, position.alpha, images_shown)

            if (
                images_shown - tick.first_image >= position.tick_images
                or images_shown >= total_images
                or stage_at(stages, images_shown) != position.stage
            ):
                summary = tick.summary(position, images_shown)
                check_iterations(tick, images_shown, tolerance)
                if count := summary["skipped_iterations"]:
                    words = counted(count, "iteration")
                    progress.print(f"Skipped {words}, whose numbers were not finite")
                bad = gather_pairs(strategy, workers, bad_records.met(images_shown))
                summary["bad_records"] = len(bad)
                summary |= _loss_scales(state, tick)
                check_records(len(bad), tolerance)
                if log:
                    log.write_metrics(summary)
                skipped = tick.skipped_at_end() > 0
                # Skipped iterations change nothing: what they leave behind is safe to save, but
                # good checkpoints shall not have to make room for it.
                if log and (not skipped or images_shown >= total_images):
                    log.write_fakes(images_shown, _sheet_of_fakes(config, state))
                    beside = {"bad_records": bad, "num_devices": num_devices}
                    path = checkpoint.save(checkpoints, state, images_shown, config, **beside)
                    at_once = functools.partial(stop_together.at_once, stop)
                    after_checkpoint(path, images_shown, progress.print, at_once)
                    if not skipped:
                        checkpoint.prune(checkpoints, tolerance.keep_checkpoints)
                tick = Tick(images_shown, tick.seconds(), skipped_before=tick.skipped_at_end())
            if stop_together.due(stop):
                bad = gather_pairs(strategy, workers, bad_records.met(images_shown))
                if workers.is_chief:
                    beside = tick.metrics(), tick.first_image, bad, num_devices
                    checkpoint.save(checkpoints, state, images_shown, config, *beside)
                wait_for_all(strategy, workers)
                raise stopped(stop, images_shown, checkpoint.latest(checkpoints))

    wait_for_all(strategy, workers)  # for the chief's last checkpoint
    return images_shown


@dataclasses.dataclass(frozen=True)
class _Begun:
    """Where a run begins or goes on; see `checkpoint.Checkpoint` and `check_same_run`."""

    state: TrainingState
    images_shown: int
    saved: checkpoint.Checkpoint | None = None  # without its arrays, which are large
    changed: tuple[str, ...] = ()
    origins: str = ""  # what came from elsewhere, as a table


def _begin(
    config: TrainingConfig,
    run_dir: str,
    strategy: tf.distribute.Strategy,
    weights: Weights | None,
    workers: Workers,
) -> _Begun:
    """Returns the first stage's state and 0, or the last checkpoint's."""
    stages = make_stages(config.schedule)
    folder = checkpoint_folder(run_dir)
    saved, damaged = read_newest(folder)
    images_shown = 0 if saved is None else saved.images_shown
    check_same_beginning(strategy, workers, images_shown, folder)
    changed = () if saved is None else check_same_run(saved.config, config, run_dir)
    if saved and workers.is_chief:  # all workers have read theirs
        set_aside(damaged, saved.path)
    # Today's stage of that index: another total_kimg moves the last one's end.
    stage = stages[0 if saved is None else saved.stage.index]
    with readable_memory_errors(config, lambda: stage, strategy.num_replicas_in_sync):
        state = build_state(stage, config, strategy)
    if saved is None:
        if weights is None:
            return _Begun(state, 0)
        origins = initialize(state, weights, config)
        classes = weights.classes_in(config).words
        return _Begun(state, 0, origins=describe(origins, weights, stage.resolution, classes))
    if saved.num_devices not in (0, strategy.num_replicas_in_sync):
        devices = f"number of devices was {saved.num_devices} and is "
        changed = (*changed, f"{devices}{strategy.num_replicas_in_sync}")
    checkpoint.restore(saved, state)
    return _Begun(state, images_shown, dataclasses.replace(saved, arrays={}), changed)


def _batches(
    config: TrainingConfig,
    info: DatasetInfo,
    position: Position,
    images_shown: int,
    strategy: tf.distribute.Strategy,
    bad_records: BadRecords,
) -> Iterator:
    dataset = distribute(
        strategy,
        info,
        position.stage.resolution,
        global_batch_size=position.batch_size,
        label_size=config.network.label_size,
        seed=config.seed,
        images_shown=images_shown,
        mirror_augment=config.mirror_augment,
        bad_records=bad_records,
    )
    return iter(dataset)


def _loss_scales(state: TrainingState, tick: Tick) -> dict[str, float | int]:
    """Returns what metrics.jsonl says of float16's loss scales; nothing in other precisions."""
    if not state.loss_scales():
        return {}
    scales = {
        f"{name}_loss_scale": float(state.loss_scales()[f"loss_scale/{name}/scale"].numpy())
        for name in ("generator", "discriminator")
    }
    return scales | {"overflowed_iterations": tick.overflowed_iterations()}


def _describe_growth(position: Position, new: tuple[str, ...]) -> str:
    stage = position.stage
    begins = f"fades in {stage}" if stage.fades_in else f"stabilizes at {stage}"
    layers = sorted({"/".join(name.split("/")[:2]) for name in new if "average" not in name})
    added = f", new layers: {', '.join(layers)}" if layers else ""
    return f"Stage {stage.number} {begins} (batch size {position.batch_size}){added}"


def _sheet_of_reals(config: TrainingConfig, info: DatasetInfo, tolerance: Tolerance) -> np.ndarray:
    resolution = config.network.resolution
    columns, rows = sampling.sheet_shape(resolution)
    bad = BadRecords(tolerance.max_bad_records)  # counted when training comes to them
    options = {"label_size": 0, "seed": config.seed, "bad_records": bad}
    with readable_data_errors():
        dataset = make_dataset(info, resolution, global_batch_size=columns * rows, **options)
        images, _ = next(iter(dataset))
    return sampling.make_grid(sampling.to_uint8(images.numpy()), columns, resolution)


def _sheet_of_fakes(config: TrainingConfig, state: TrainingState) -> np.ndarray:
    resolution = config.network.resolution
    latents, labels = sampling.sheet_inputs(config.network, config.seed)
    pictures = sampling.generate(state.average_generator, latents, labels)
    return sampling.make_grid(pictures, sampling.sheet_shape(resolution)[0], resolution)
