"""Which faults a run tolerates: damaged records, and iterations that are not finite."""

import dataclasses
import sys

from pgan_tf.runs.checkpoint import latest
from pgan_tf.training.tick import Tick
from tfrecords.common.errors import UserError

_WHAT_TO_DO = "try a lower --learning_rate, or --precision=float32"


@dataclasses.dataclass(frozen=True)
class Tolerance:
    """What a run keeps, and which faults it tolerates."""

    keep_checkpoints: int = 3  # of the newest, besides one per stage
    max_bad_records: int = 0  # damaged ones that may be left out
    # Skipped iterations in a row, before the run goes back to its last checkpoint, once.
    max_bad_steps: int = 100


class DivergedError(Exception):
    """Too many iterations in a row were skipped."""


def check_iterations(tick: Tick, images_shown: int, tolerance: Tolerance) -> None:
    """Raises DivergedError if too many iterations of a tick were skipped one after another."""
    in_a_row = tick.most_skipped_in_a_row()
    if in_a_row > tolerance.max_bad_steps:
        raise DivergedError(
            f"training has diverged: {in_a_row} iterations in a row, up to "
            f"{images_shown} images, had numbers that are not finite"
        )


def check_records(bad_records: int, tolerance: Tolerance) -> None:
    """Raises UserError if too many records were left out."""
    if bad_records > tolerance.max_bad_records:
        raise UserError(
            f"data: expected at most {tolerance.max_bad_records} damaged records, got "
            f"{bad_records}: make the data set again (python -m tfrecords.inspect verify "
            f"names them), or allow more with --max_bad_records"
        )


def go_back(diverged: DivergedError, checkpoints: str, before: str | None) -> str:
    """Returns the checkpoint to go on from, and says so.

    Raises UserError if there is none, or the run went back to one `before`: it may once.
    """
    if before:
        raise UserError(
            f"{diverged}, again after going back to {before}, which is whole: {_WHAT_TO_DO}"
        ) from None
    path = latest(checkpoints)
    if path is None:
        raise UserError(f"{diverged}, before the first checkpoint: {_WHAT_TO_DO}") from None
    print(f"{diverged}: going back to {path}, once", file=sys.stderr, flush=True)
    return path
