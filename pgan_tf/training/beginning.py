"""Where a run begins or goes on: with initial values, another run's, or its last checkpoint."""

import dataclasses

import numpy as np

from pgan_tf.devices.agreement import check_same_beginning
from pgan_tf.devices.out_of_memory import readable_memory_errors
from pgan_tf.runs.checkpoint import read_newest, restore, set_aside
from pgan_tf.runs.folder import check_same_run
from pgan_tf.runs.log import RunLog
from pgan_tf.training.init_from import Weights, describe, initialize
from pgan_tf.training.progress import Progress
from pgan_tf.training.run import Run
from pgan_tf.training.state import TrainingState, build_state


@dataclasses.dataclass(frozen=True)
class Beginning:
    """Where a run begins or goes on; see `runs.checkpoint.Checkpoint`."""

    state: TrainingState
    images_shown: int = 0
    checkpoint: str | None = None  # the path
    tick_first_image: int = 0
    tick_metrics: np.ndarray | None = None
    bad_records: np.ndarray | None = None
    changed: tuple[str, ...] = ()  # since the run was trained last, a few words each
    origins: str = ""  # what came from elsewhere, as a table


def begin(run: Run, weights: Weights | None) -> Beginning:
    """Returns the first stage's state, or that of the last checkpoint.

    Without a checkpoint, `weights` take the place of initial values. Raises UserError if they, or
    the checkpoint, do not fit or are damaged.
    """
    config = run.config
    saved, damaged = read_newest(run.checkpoints)
    images_shown = 0 if saved is None else saved.images_shown
    check_same_beginning(run.strategy, run.workers, images_shown, run.checkpoints)
    changed = () if saved is None else check_same_run(saved.config, config, run.folder)
    if saved and run.workers.is_chief:  # all workers have read theirs
        set_aside(damaged, saved.path)
    # Today's stage of that index: another total_kimg moves the last one's end.
    stage = run.stages[0 if saved is None else saved.stage.index]
    with readable_memory_errors(config, stage, run.num_devices):
        state = build_state(stage, config, run.strategy)
    if saved is None:
        if weights is None:
            return Beginning(state)
        origins = initialize(state, weights, config)
        classes = weights.classes_in(config).words
        return Beginning(state, origins=describe(origins, weights, stage.resolution, classes))
    if saved.num_devices not in (0, run.num_devices):
        devices = f"number of devices was {saved.num_devices} and is {run.num_devices}"
        changed = (*changed, devices)
    restore(saved, state.variables())
    return Beginning(
        state,
        images_shown,
        saved.path,
        saved.tick_first_image,
        saved.tick_metrics,
        saved.bad_records,
        changed,
    )


def open_log(run: Run, begun: Beginning, reals: np.ndarray | None) -> RunLog | None:
    """Opens what the chief writes, with a new run's sheet of reals; other workers get None."""
    if not run.workers.is_chief:
        return None
    log = RunLog(run.folder, begun.images_shown)
    if reals is not None:
        log.write_reals(reals)
    if begun.origins:
        log.write_text("init_from.txt", begun.origins)
    return log


def open_progress(run: Run, begun: Beginning) -> Progress:
    """Draws the progress bar, and says where the run begins."""
    quiet = not run.workers.is_chief
    progress = Progress(run.stages, run.config.network, run.total_images, begun.images_shown, quiet)
    if begun.images_shown:
        progress.print(f"Going on from {begun.images_shown / 1000:g} kimg")
    for words in begun.changed:
        progress.print(f"Changed: {words}")
    if begun.origins:
        progress.print(begun.origins)
    return progress
