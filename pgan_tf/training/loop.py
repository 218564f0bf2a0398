"""The story of a run, from the first 4x4 pixels to the last checkpoint (paper, §2)."""

import functools
from collections.abc import Callable, Iterator
from contextlib import closing

import tensorflow as tf

from pgan_tf.config.schedule import Position, position_at, stage_at
from pgan_tf.data.damage import BadRecords, readable_data_errors
from pgan_tf.devices.agreement import wait_for_all
from pgan_tf.devices.out_of_memory import readable_memory_errors
from pgan_tf.devices.stopping import StopRequest, StopTogether, stop_on_signals, stopped
from pgan_tf.runs import checkpoint
from pgan_tf.runs.log import RunLog
from pgan_tf.training.beginning import Beginning, begin, open_log, open_progress
from pgan_tf.training.init_from import Weights
from pgan_tf.training.pictures import sheet_of_fakes, sheet_of_reals
from pgan_tf.training.progress import Progress, describe_growth
from pgan_tf.training.run import Run
from pgan_tf.training.state import grow_state
from pgan_tf.training.step import TrainStep, make_train_step
from pgan_tf.training.tick import Tick
from pgan_tf.training.tolerance import DivergedError, check_iterations, check_records, go_back
from tfrecords.common.text import counted


def train(
    run: Run, weights: Weights | None = None, before_writing: Callable[[], None] = lambda: None
) -> int:
    """Trains until `total_kimg`, from the run folder's last checkpoint on if there is one.

    A run that diverges goes back to its last checkpoint, once. Returns the real images shown.

    Args:
        run: what to train; `before_writing` opens its folder, unless that was done before.
        weights: what a run without a checkpoint begins with; None for initial values.
        before_writing: called when everything was checked, before anything is written.

    Raises:
        UserError: data, checkpoint or weights do not fit, are damaged, or the disk is full.
        StoppedError: SIGINT or SIGTERM came, and a checkpoint was written.
    """
    stop_together = StopTogether(run.strategy, run.workers)
    back_at = None
    while True:
        try:
            return _train(run, weights, before_writing, stop_together)
        except DivergedError as diverged:
            back_at = go_back(diverged, run.checkpoints, back_at)


def _train(
    run: Run,
    weights: Weights | None,
    before_writing: Callable[[], None],
    stop_together: StopTogether,
) -> int:
    begun = begin(run, weights)
    is_chief = run.workers.is_chief
    reals = sheet_of_reals(run) if is_chief and not begun.images_shown else None
    before_writing()
    if begun.checkpoint and is_chief:
        run.after_checkpoint(begun.checkpoint, begun.images_shown, print, lambda: False)
    if begun.images_shown >= run.total_images:
        return begun.images_shown
    log, progress = open_log(run, begun, reals), open_progress(run, begun)
    with stop_on_signals(progress.print) as request, closing(progress):
        stop_asked = functools.partial(stop_together.at_once, request)
        training = _Training(run, begun, log, progress)
        while training.images_shown < run.total_images:
            position = position_at(run.config.schedule, run.stages, training.images_shown)
            with readable_memory_errors(run.config, position.stage, run.num_devices):
                training.grow(position)
                training.step(position)
                if training.tick_is_over(position):
                    training.finish_tick(position, stop_asked)
                if stop_together.due(request):
                    training.stop(request)
    wait_for_all(run.strategy, run.workers)  # for the chief's last checkpoint
    return training.images_shown


class _Training:
    """A run under way: what changes from step to step. `images_shown` is its only clock."""

    def __init__(self, run: Run, begun: Beginning, log: RunLog | None, progress: Progress) -> None:
        self._run, self._log, self._progress = run, log, progress
        self._state, self.images_shown = begun.state, begun.images_shown
        self._step: TrainStep | None = None
        self._batches: Iterator | None = None
        self._bad_records = BadRecords(run.tolerance.max_bad_records, begun.bad_records)
        seconds = log.seconds if log else 0.0
        self._tick = Tick(begun.tick_first_image, seconds, begun.tick_metrics)

    def grow(self, position: Position) -> None:
        """Builds the position's stage, unless it is the one being trained (§2, figure 2)."""
        if position.stage == self._state.stage:
            return
        self._step = self._batches = None  # or growing could not let go of them
        run = self._run
        self._state, carried = grow_state(self._state, position.stage, run.config, run.strategy)
        self._progress.print(describe_growth(position, carried.new))

    def step(self, position: Position) -> None:
        """Trains both networks with one call of the compiled step."""
        run, compiles = self._run, self._step is None
        if self._step is None:
            self._step = make_train_step(self._state, run.config, run.strategy, position.batch_size)
            self._batches = run.batches(position, self.images_shown, self._bad_records)
        with readable_data_errors():
            metrics = self._step(
                self._batches,
                tf.constant(self.images_shown, tf.int64),
                tf.constant(position.alpha, tf.float32),
                tf.constant(position.generator_learning_rate, tf.float32),
                tf.constant(position.discriminator_learning_rate, tf.float32),
            )
        images = run.images_per_step(position)
        self.images_shown += images
        self._tick.add(metrics, images, compiles)
        self._progress.update(position.stage, position.alpha, self.images_shown)

    def tick_is_over(self, position: Position) -> bool:
        """True when it is time for a line of metrics and a checkpoint."""
        return (
            self.images_shown - self._tick.first_image >= position.tick_images
            or self.images_shown >= self._run.total_images
            or stage_at(self._run.stages, self.images_shown) != position.stage
        )

    def finish_tick(self, position: Position, stop_asked: Callable[[], bool]) -> None:
        """Writes the tick's metrics, its checkpoint and a sheet of samples."""
        run, tick, shown = self._run, self._tick, self.images_shown
        summary = tick.summary(position, shown)
        check_iterations(tick, shown, run.tolerance)
        if skipped := summary["skipped_iterations"]:
            words = counted(skipped, "iteration")
            self._progress.print(f"Skipped {words}, whose numbers were not finite")
        bad = run.damaged_records(self._bad_records, shown)
        summary |= {"bad_records": len(bad), **tick.describe_loss_scales(self._state.loss_scales())}
        check_records(len(bad), run.tolerance)
        # Skipped iterations change nothing: what they leave behind is safe to save, but
        # good checkpoints shall not have to make room for it.
        good, is_last = tick.skipped_at_end() == 0, shown >= run.total_images
        if self._log:
            self._log.write_metrics(summary)
        if self._log and (good or is_last):
            self._log.write_fakes(shown, sheet_of_fakes(run.config, self._state))
            path = run.save(self._state, shown, bad)
            run.after_checkpoint(path, shown, self._progress.print, stop_asked)
            if good:
                checkpoint.prune(run.checkpoints, run.tolerance.keep_checkpoints)
        self._tick = Tick(shown, tick.seconds(), skipped_before=tick.skipped_at_end())

    def stop(self, request: StopRequest) -> None:
        """Writes a checkpoint between two ticks, and raises StoppedError."""
        run, tick, shown = self._run, self._tick, self.images_shown
        bad = run.damaged_records(self._bad_records, shown)
        if run.workers.is_chief:
            run.save(self._state, shown, bad, tick.metrics(), tick.first_image)
        wait_for_all(run.strategy, run.workers)
        raise stopped(request, shown, checkpoint.latest(run.checkpoints))
