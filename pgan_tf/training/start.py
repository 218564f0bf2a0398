"""How a run starts: with initial or pretrained weights, or from the newest intact checkpoint."""

import dataclasses
import sys

import numpy as np

from pgan_tf.devices.coordination import check_same_checkpoint
from pgan_tf.devices.out_of_memory import readable_memory_errors
from pgan_tf.runs.checkpoint import latest, read_newest, restore, set_aside
from pgan_tf.runs.folder import check_same_run
from pgan_tf.training.pretrained import Weights
from pgan_tf.training.run import Run
from pgan_tf.training.state import TrainingState, build_state
from pgan_tf.training.tick import DivergedError
from pgan_tf.training.transfer import describe_transfer, transfer
from tfrecords.common.errors import UserError

_WHAT_TO_DO = "try a lower --learning_rate, or --precision=float32"


@dataclasses.dataclass(frozen=True)
class Start:
    """Where a run starts or resumes; see `runs.checkpoint.Checkpoint`."""

    state: TrainingState
    images_shown: int = 0
    checkpoint: str | None = None  # path of the checkpoint that it resumes from
    tick_first_image: int = 0
    tick_metrics: np.ndarray | None = None
    bad_records: np.ndarray | None = None
    changed: tuple[str, ...] = ()  # settings that changed since the run last trained, in words
    transferred: str = ""  # a table of which weights are pretrained


def restore_or_initialize(run: Run, weights: Weights | None) -> Start:
    """Restores the newest intact checkpoint, or builds the first stage with `weights`, if any.

    Raises UserError if checkpoint or weights do not fit, or are damaged.
    """
    config = run.config
    saved, damaged = read_newest(run.checkpoints)
    images_shown = saved.images_shown if saved else 0
    check_same_checkpoint(run.strategy, run.workers, images_shown, run.checkpoints)
    changed = check_same_run(saved.config, config, run.folder) if saved else ()
    if saved and run.workers.is_chief:  # all workers have read the checkpoint by now
        set_aside(damaged, saved.path)
    # Not saved.stage, whose end may differ if total_kimg has changed.
    stage = run.stages[saved.stage.index if saved else 0]
    with readable_memory_errors(config, stage, run.num_devices):
        state = build_state(stage, config, run.strategy)
    if saved is None:
        if weights is None:
            if config.freeze_discriminator:
                got = "got none: give --init_from, or remove the flag"
                raise UserError(f"--freeze_discriminator: expected pretrained weights, {got}")
            return Start(state)
        origins = transfer(state, weights, config)
        return Start(state, transferred=describe_transfer(origins, weights, config))
    if saved.num_devices not in (0, run.num_devices):
        changed += (f"number of devices was {saved.num_devices} and is {run.num_devices}",)
    restore(saved, state.variables())
    tick = saved.tick_first_image, saved.tick_metrics
    return Start(state, images_shown, saved.path, *tick, saved.bad_records, changed)


def roll_back(diverged: DivergedError, checkpoints: str, before: str | None) -> str:
    """Returns the checkpoint to resume from. UserError if none, or if rolled back `before`."""
    path = latest(checkpoints)
    if before or path is None:
        again = f"again after rolling back to {before}, which is intact"
        when = again if before else "before the first checkpoint"
        raise UserError(f"{diverged}, {when}: {_WHAT_TO_DO}") from None
    print(f"{diverged}: rolling back to {path}, once", file=sys.stderr, flush=True)
    return path
