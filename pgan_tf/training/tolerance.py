"""What a run bears before it ends: damaged records, and iterations that are not finite."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable

from pgan_tf.runs.checkpoint_names import latest
from pgan_tf.training.tick import Tick
from tfrecords.common.errors import UserError

_WHAT_TO_DO = "try a lower --learning_rate, or --precision=float32"


@dataclasses.dataclass(frozen=True)
class Tolerance:
    """What a run keeps and bears.

    Attributes:
        keep_checkpoints: how many of the newest checkpoints stay, besides one per stage.
        max_bad_records: how many damaged records may be left out.
        max_bad_steps: how many iterations in a row may be skipped since their numbers are
            not finite, before the run goes back to its last checkpoint, once.
    """

    keep_checkpoints: int = 3
    max_bad_records: int = 0
    max_bad_steps: int = 100


class DivergedError(Exception):
    """Too many iterations in a row were skipped."""


def check_iterations(tick: Tick, images_shown: int, tolerance: Tolerance) -> None:
    """Checks a tick's iterations.

    Raises:
        DivergedError: too many were skipped one after another.
    """
    in_a_row = tick.most_skipped_in_a_row()
    if in_a_row > tolerance.max_bad_steps:
        raise DivergedError(
            f"training has diverged: {in_a_row} iterations in a row, up to "
            f"{images_shown} images, had numbers that are not finite"
        )


def check_records(bad_records: int, tolerance: Tolerance) -> None:
    """Checks how many records were left out.

    Raises:
        UserError: too many.
    """
    if bad_records > tolerance.max_bad_records:
        raise UserError(
            f"data: expected at most {tolerance.max_bad_records} damaged records, got "
            f"{bad_records}: make the data set again (python -m tfrecords.inspect verify "
            f"names them), or allow more with --max_bad_records"
        )


def go_back_once(train: Callable[[], int], checkpoints: str) -> int:
    """Trains, and where that diverges once more, from the last checkpoint on.

    Args:
        train: trains from the last checkpoint on, and returns the images shown.
        checkpoints: the folder of checkpoints.

    Raises:
        UserError: it diverged again, or before the first checkpoint.
    """
    try:
        return train()
    except DivergedError as diverged:
        path = latest(checkpoints)
        if path is None:
            raise UserError(f"{diverged}, before the first checkpoint: {_WHAT_TO_DO}") from None
        print(f"{diverged}: going back to {path}, once", file=sys.stderr, flush=True)
    try:
        return train()
    except DivergedError as diverged:
        raise UserError(
            f"{diverged}, again after going back to {path}, which is whole: {_WHAT_TO_DO}"
        ) from None
