"""Where the newest checkpoint was damaged after it was written, a run goes on from one before."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import tensorflow as tf

from pgan_tf.runs.checkpoint import Checkpoint, DamagedError, list_checkpoints, read


def read_newest(folder: str) -> tuple[Checkpoint | None, tuple[str, ...]]:
    """Reads the newest checkpoint of a folder that is whole.

    Returns:
        It, or None where there are no checkpoints; and the paths of newer ones, damaged.

    Raises:
        UserError: all of them are damaged, or one cannot be read for another reason.
    """
    damaged: dict[str, DamagedError] = {}
    for path in reversed(list_checkpoints(folder)):
        try:
            return read(path), tuple(damaged)
        except DamagedError as error:
            damaged[path] = error
    for newest in damaged.values():
        raise newest
    return None, ()


def set_aside(damaged: Sequence[str], instead: str) -> None:
    """Renames damaged checkpoints, so that they are newest no more, and says so.

    Args:
        damaged: their paths.
        instead: the path of the one to go on from.
    """
    for path in damaged:
        tf.io.gfile.rename(path, path + ".damaged", overwrite=True)
        print(
            f"{path} is damaged: kept as {path}.damaged; going back to {instead}",
            file=sys.stderr,
            flush=True,
        )
