"""Replays a tick from a kept checkpoint, by the loop itself, and compares what it writes.

The run's folder is only read: the tick is trained in another folder.
"""

import dataclasses
import posixpath
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from pgan_tf.runs import checkpoint, sheets
from pgan_tf.runs.folder import checkpoint_folder, open_run
from pgan_tf.runs.log import read_ticks
from pgan_tf.training.loop import train
from pgan_tf.training.run import Run
from tfrecords.common.errors import StoppedError, UserError
from tfrecords.common.files import copy_file

_TIMES = ("seconds", "images_per_second")  # of a tick, which no two machines have alike
_MOST_VARIABLES = 5  # that are named


class Replay(NamedTuple):
    """A replayed tick beside the run's own."""

    images_shown: int  # at its end
    compared: tuple[str, ...]  # what was, in words
    differences: tuple[str, ...]  # in words; none if all is bit-equal


class _TickIsOverError(Exception):
    def __init__(self, path: str, images_shown: int) -> None:
        super().__init__(path)
        self.path, self.images_shown = path, images_shown


def replay_tick(run: Run, path: str, run_dir: str) -> Replay:
    """Trains from the checkpoint at `path` of the run in `run_dir` to the next one.

    `run` is the same run with an empty folder. Raises UserError as `train` does, and if the run has
    nothing to compare with; StoppedError after a signal.
    """
    first = checkpoint.read(path, networks=[]).images_shown
    open_run(run.folder, run.config, "")
    tf.io.gfile.makedirs(run.checkpoints)
    copy_file(path, posixpath.join(run.checkpoints, posixpath.basename(path)))

    def after_checkpoint(written: str, images_shown: int, *_: Any) -> None:
        if images_shown > first:
            raise _TickIsOverError(written, images_shown)

    try:
        train(dataclasses.replace(run, after_checkpoint=after_checkpoint))
    except _TickIsOverError as over:
        return _compare(run, over.path, over.images_shown, run_dir)
    except StoppedError as stopped:
        words = "stopped before the tick was replayed: nothing was compared"
        raise StoppedError(words, stopped.status) from None
    raise UserError(f"{path}: expected a checkpoint with a tick after it, got the run's last")


def _compare(run: Run, path: str, images_shown: int, run_dir: str) -> Replay:
    compared: list[str] = []
    found: list[str] = []
    kept = posixpath.join(checkpoint_folder(run_dir), posixpath.basename(path))
    if tf.io.gfile.exists(kept):
        compared.append("the checkpoint")
        found += different_arrays(checkpoint.read(kept).arrays, checkpoint.read(path).arrays)
    was, now = (_metrics_at(folder, images_shown) for folder in (run_dir, run.folder))
    if was:
        compared.append("the metrics")
        found += _different_metrics(was, now)
    sheet = sheets.list_sheets(run.folder)[-1].path
    kept = posixpath.join(run_dir, "samples", posixpath.basename(sheet))
    if tf.io.gfile.exists(kept):
        compared.append("the samples")
        found += _different_sheets(
            *(np.asarray(sheets.read_sheet(one)[1]) for one in (kept, sheet))
        )
    if not compared:
        got = f"got nothing of {images_shown} images in {run_dir}"
        raise UserError(f"{path}: expected a checkpoint whose tick left something behind, {got}")
    return Replay(images_shown, tuple(compared), tuple(found))


def different_arrays(kept: dict[str, np.ndarray], replayed: dict[str, np.ndarray]) -> Iterator[str]:
    """Yields in words which variables differ, and by how much, bit for bit; the first few."""
    different = [
        name
        for name in sorted(kept.keys() | replayed.keys())
        if name not in kept
        or name not in replayed
        or kept[name].shape != replayed[name].shape
        or kept[name].tobytes() != replayed[name].tobytes()
    ]
    for name in different[:_MOST_VARIABLES]:
        yield f"{name}: {_how_different(kept.get(name), replayed.get(name))}"
    if more := different[_MOST_VARIABLES:]:
        yield f"and {len(more)} more of {len(kept)} variables"


def _how_different(kept: np.ndarray | None, replayed: np.ndarray | None) -> str:
    if kept is None or replayed is None:
        return f"only in the {'replay' if kept is None else 'checkpoint'}"
    if kept.shape != replayed.shape:
        return f"of the shape {kept.shape} in the checkpoint, {replayed.shape} in the replay"
    apart = np.abs(kept.astype(np.float64) - replayed.astype(np.float64))
    count = int(np.count_nonzero(apart))
    return f"{count:,} of {kept.size:,} numbers differ, by up to {np.nanmax(apart):.3g}"


def _metrics_at(folder: str, images_shown: int) -> dict[str, Any]:
    rows = [row for row in read_ticks(folder) if row["images_shown"] == images_shown]
    return {name: value for name, value in rows[-1].items() if name not in _TIMES} if rows else {}


def _different_metrics(was: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    for name in was:
        if was[name] != now.get(name):
            yield f"metrics: {name} was {was[name]} and is {now.get(name)}"


def _different_sheets(was: np.ndarray, now: np.ndarray) -> Iterator[str]:
    if was.shape != now.shape:
        yield f"samples: {was.shape} pixels were {now.shape}"
    elif count := int(np.count_nonzero(was != now)):
        apart = np.abs(was.astype(int) - now).max()
        yield f"samples: {count:,} of {was.size:,} values differ, by up to {apart} of 255"
