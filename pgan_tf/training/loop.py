"""The training loop: a run from its first 4x4 pixels to its last checkpoint (paper, §2)."""

from collections.abc import Callable, Iterator
from contextlib import closing

import numpy as np
import tensorflow as tf

from pgan_tf.config.schedule import Position, position_at, stage_at
from pgan_tf.data.damage import BadRecords, check_bad_records, readable_data_errors
from pgan_tf.devices.coordination import barrier
from pgan_tf.devices.out_of_memory import readable_memory_errors
from pgan_tf.devices.stopping import StopRequest, stop_on_signals
from pgan_tf.runs import checkpoint
from pgan_tf.training import outputs
from pgan_tf.training.pretrained import Weights
from pgan_tf.training.progress import describe_growth, describe_tick
from pgan_tf.training.run import Run
from pgan_tf.training.start import Start, restore_or_initialize, roll_back
from pgan_tf.training.state import grow_state
from pgan_tf.training.step import TrainStep, make_train_step
from pgan_tf.training.tick import DivergedError, Tick
from tfrecords.common.shape import PAPER
from tfrecords.common.text import counted


def train(
    run: Run, weights: Weights | None = None, before_writing: Callable[[], None] = lambda: None
) -> int:
    """Trains until `total_kimg`, from the newest intact checkpoint or else from `weights`, if any.

    A run that diverges rolls back to its last checkpoint, once. `before_writing` opens the folder;
    it is called after all checks and before anything is written. Returns the real images shown.

    Raises UserError if data, checkpoint or weights do not fit or are damaged, or the disk is full;
    StoppedError after SIGINT or SIGTERM, once a checkpoint is written.
    """
    stop = StopRequest(run.strategy, run.workers)
    rolled_back_to = None
    while True:
        try:
            return _train(run, weights, before_writing, stop)
        except DivergedError as diverged:
            rolled_back_to = roll_back(diverged, run.checkpoints, rolled_back_to)


def _train(
    run: Run, weights: Weights | None, before_writing: Callable[[], None], stop: StopRequest
) -> int:
    start = restore_or_initialize(run, weights)
    reals = None if start.images_shown or not run.workers.is_chief else outputs.sheet_of_reals(run)
    before_writing()
    if start.checkpoint and run.workers.is_chief:
        run.after_checkpoint(start.checkpoint, start.images_shown, print, lambda: False)
    if start.images_shown >= run.total_images:
        return start.images_shown
    training = _Training(run, start, reals, stop)
    del start  # frees its networks after growing
    with closing(training.progress), stop_on_signals(stop, training.progress.print):
        while training.images_shown < run.total_images:
            position = position_at(run.config.schedule, run.stages, training.images_shown)
            with readable_memory_errors(run.config, position.stage, run.num_devices):
                training.grow(position)
                training.step(position)
                if training.tick_is_over(position):
                    training.finish_tick(position)
                if stop.due():
                    training.save_and_stop()
    barrier(run.strategy, run.workers)  # waits for the chief's last checkpoint
    return training.images_shown


class _Training:
    """A run in progress: everything that changes while it trains, with `images_shown` as clock."""

    def __init__(self, run: Run, start: Start, reals: np.ndarray | None, stop: StopRequest) -> None:
        self.run, self.stop = run, stop
        self.state, self.images_shown = start.state, start.images_shown
        self.log = outputs.open_log(run, start, reals) if run.workers.is_chief else None
        self.progress = outputs.open_progress(run, start)
        self.train_step: TrainStep | None = None
        self.batches: Iterator | None = None
        self.held_out_batches: Iterator | None = None
        self.bad_records = BadRecords(run.max_bad_records, start.bad_records)
        seconds = self.log.seconds if self.log else 0.0
        self.tick = Tick(start.tick_first_image, seconds, start.tick_metrics)

    def grow(self, position: Position) -> None:
        """Grows the networks to the position's stage, unless they have it (§2, figure 2)."""
        if position.stage != self.state.stage:
            # Frees memory before growing.
            self.train_step = self.batches = self.held_out_batches = None
            run, stage = self.run, position.stage
            self.state, carried = grow_state(self.state, stage, run.config, run.strategy)
            self.progress.print(describe_growth(position, carried.new, run.config.network.base))

    def step(self, position: Position) -> None:
        """Trains both networks with one call of the compiled step."""
        config, compiles = self.run.config, self.train_step is None
        if self.train_step is None:
            strategy, batch_size = self.run.strategy, position.batch_size
            self.train_step = make_train_step(self.state, config, strategy, batch_size)
            self.batches = self.run.batches(position, self.images_shown, self.bad_records)
            self.held_out_batches = self.run.held_out_batches(position, self.images_shown)
        with readable_data_errors():
            metrics = self.train_step(
                self.batches,
                tf.constant(self.images_shown, tf.int64),
                tf.constant(position.alpha, tf.float32),
                tf.constant(position.generator_learning_rate, tf.float32),
                tf.constant(position.discriminator_learning_rate, tf.float32),
                self.held_out_batches,
            )
        images = config.minibatch_repeats * config.discriminator_repeats * position.batch_size
        self.images_shown += images
        self.tick.add(metrics, images, compiles)
        self.progress.update(position.stage, position.alpha, self.images_shown)

    def tick_is_over(self, position: Position) -> bool:
        """Returns whether it is time for a line of metrics and a checkpoint."""
        return (
            self.images_shown - self.tick.first_image >= position.tick_images
            or self.images_shown >= self.run.total_images
            or stage_at(self.run.stages, self.images_shown) != position.stage
        )

    def finish_tick(self, position: Position) -> None:
        """Writes the tick's metrics, its checkpoint and a sheet of samples."""
        run, tick, shown = self.run, self.tick, self.images_shown
        tick.check_divergence(run.max_bad_steps, shown)
        bad_records = run.all_bad_records(self.bad_records, shown)
        summary = tick.summary(position, shown, len(bad_records), self.state.loss_scales())
        if (base := run.config.network.base) != PAPER:
            summary["shape"] = base.text(position.stage.resolution)
        if self.state.adaptive_strength:
            summary |= self.state.adaptive_strength.summary()
            self.progress.augment_strength = summary["augment_strength"]
        if skipped := summary["skipped_iterations"]:
            self.progress.print(f"Skipped {counted(skipped, 'iteration')}: numbers not finite")
        check_bad_records(len(bad_records), run.max_bad_records)
        # After skipped iterations a checkpoint is safe, but no reason to remove a good one.
        is_good, is_last = tick.skipped_in_a_row()[-1] == 0, shown >= run.total_images
        if self.log:
            self.log.write_metrics(summary)
        self.progress.print(describe_tick(summary, self.progress.seconds_left))
        if self.log and (is_good or is_last):
            self.log.write_fakes(shown, outputs.sheet_of_fakes(run.config, self.state))
            path = outputs.save_checkpoint(run, self.state, shown, bad_records)
            run.after_checkpoint(path, shown, self.progress.print, self.stop.at_once)
            if is_good:
                checkpoint.prune(run.checkpoints, run.keep_checkpoints)
        self.tick = tick.next(shown)

    def save_and_stop(self) -> None:
        """Writes a checkpoint in the middle of a tick, and raises StoppedError."""
        run, shown = self.run, self.images_shown
        bad_records = run.all_bad_records(self.bad_records, shown)
        if run.workers.is_chief:
            outputs.save_checkpoint(run, self.state, shown, bad_records, self.tick)
        barrier(run.strategy, run.workers)
        raise self.stop.stopped(shown, checkpoint.latest(run.checkpoints))
