"""The folder that a run leaves behind: what it was, how it went, what it looks like.

- `flags.txt`: usable as --flagfile
- `config.json`: the configuration
- `metrics.jsonl`: one object per tick, and scores, which have a `kind`; see `metrics.score`
- `events.out.tfevents…`: the same for TensorBoard, with the sample sheets
- `scores/`, `scores.txt`, `metrics.png`: scores, if there are any; see `metrics.score_log`
- `checkpoints/`: see `checkpoint`
- `samples/reals.png`, `samples/fakes-<kimg>.png`
- `init_from.txt`: what came from another run, see `init_from`
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from pgan_tf import sampling
from pgan_tf.config import CHANGEABLE, TrainingConfig, differences
from tfrecords.errors import UserError

# What an opening that was broken off may leave: not somebody else's files.
_OWN_NAMES = frozenset({"samples", "flags.txt", "flags.txt.partial", "config.json.partial"})


def checkpoint_folder(run_dir: str) -> str:
    """Returns where a run's checkpoints are."""
    return posixpath.join(run_dir, "checkpoints")


def open_run(run_dir: str, config: TrainingConfig, flags: str) -> None:
    """Makes a run folder, or checks that an existing one is of the same run.

    Args:
        run_dir: the folder.
        config: what the run computes.
        flags: the contents of flags.txt.

    Raises:
        UserError: it can't be written, holds something else, or another configuration.
    """
    config_path = posixpath.join(run_dir, "config.json")
    try:
        begun = read_config(run_dir)
        if begun is not None:
            check_same_run(begun, config, run_dir)
        elif tf.io.gfile.isdir(run_dir) and not _OWN_NAMES.issuperset(_list(run_dir)):
            raise UserError(
                f"--run_dir: expected a new folder or one of train.py's, got {run_dir!r} which "
                f"holds other files: name another"
            )
        tf.io.gfile.makedirs(posixpath.join(run_dir, "samples"))
        _write(posixpath.join(run_dir, "flags.txt"), flags)
        _write(config_path, config.to_json())
    except tf.errors.OpError as error:
        raise UserError(
            f"--run_dir: expected a folder that can be written, got {run_dir!r} ({error.message}): "
            f"name another"
        ) from None


def join_run(run_dir: str, config: TrainingConfig) -> None:
    """Checks that the chief has opened this run folder, for the same run.

    Args:
        run_dir: the folder.
        config: what this worker computes.

    Raises:
        UserError: it is not here, or this worker's flags are others.
    """
    begun = read_config(run_dir)
    if begun is None:
        raise UserError(
            f"--run_dir: expected {run_dir}, which the chief has opened, got no such folder: it "
            f"must be on a disk that all workers share"
        )
    if different := check_same_run(begun, config, run_dir):
        raise UserError(
            f"expected the chief's flags on all workers, got others: {', '.join(different)} on "
            f"this one"
        )


def read_config(run_dir: str) -> TrainingConfig | None:
    """Returns the configuration that a run folder was opened with last, None of a new one.

    Raises:
        UserError: it is damaged.
    """
    path = posixpath.join(run_dir, "config.json")
    if not tf.io.gfile.exists(path):
        return None
    with tf.io.gfile.GFile(path) as file:
        return TrainingConfig.from_json(file.read())


def check_same_run(old: TrainingConfig, new: TrainingConfig, run_dir: str) -> tuple[str, ...]:
    """Checks that two configurations are of one run; its length and batches may change.

    Returns:
        What has changed, a few words each.

    Raises:
        UserError: another field differs; all that do are named.
    """
    different = {
        name: f"{name} was {before} and is {now}"
        for name, (before, now) in differences(old, new).items()
    }
    refused = [words for name, words in different.items() if name not in CHANGEABLE]
    if refused:
        raise UserError(
            f"--run_dir: {run_dir} was begun with another configuration ({', '.join(refused)}): go "
            f"on with --flagfile={posixpath.join(run_dir, 'flags.txt')}, or name another --run_dir"
        )
    return tuple(different.values())


def _list(folder: str) -> list[str]:
    return [name.rstrip("/") for name in tf.io.gfile.listdir(folder)]


def write_file(path: str, contents: bytes) -> None:
    """Writes a file whole or not at all."""
    try:
        with tf.io.gfile.GFile(path + ".partial", "wb") as file:
            file.write(contents)
        tf.io.gfile.rename(path + ".partial", path, overwrite=True)
    except tf.errors.OpError:
        if tf.io.gfile.exists(path + ".partial"):
            tf.io.gfile.remove(path + ".partial")
        raise


@contextmanager
def readable_errors(path: str) -> Iterator[None]:
    """Turns an error of writing, such as on a full disk, into one line."""
    try:
        yield
    except tf.errors.OpError as error:
        raise UserError(
            f"{path}: expected a file that can be written, got {error.message.splitlines()[0]}: "
            f"make room; the same command goes on from the last checkpoint, which is whole"
        ) from None


def _write(path: str, text: str) -> None:
    write_file(path, text.encode())


def read_rows(run_dir: str) -> list[str]:
    """Returns the lines of a run's `metrics.jsonl`, without one that was cut off.

    Raises:
        UserError: one of them is damaged.
    """
    path = posixpath.join(run_dir, "metrics.jsonl")
    if not tf.io.gfile.exists(path):
        return []
    with tf.io.gfile.GFile(path, "rb") as file:
        lines = file.read().decode(errors="replace").split("\n")[:-1]
    for number, line in enumerate(lines, start=1):
        if line.strip() and not _is_row(line):
            raise UserError(
                f"{path}: expected a JSON object with images_shown in line {number}, got "
                f"{line[:40]!r}: remove that line"
            )
    return [line + "\n" for line in lines if line.strip()]


def _is_row(line: str) -> bool:
    try:
        row = json.loads(line)
    except ValueError:
        return False
    return isinstance(row, dict) and "images_shown" in row


class RunLog:
    """Writes the metrics and sample sheets of ticks, to files and for TensorBoard.

    Attributes:
        seconds: of training until the last one that was there when the log was opened.
    """

    def __init__(self, run_dir: str, images_shown: int) -> None:
        """Opens the log where a run begins or goes on.

        Ticks later than `images_shown` are dropped: they will come again. So are scores.
        """
        self._run_dir = run_dir
        self._metrics_path = posixpath.join(run_dir, "metrics.jsonl")
        self._events = posixpath.join(run_dir, "events.out.tfevents…")
        kept = [
            line for line in read_rows(run_dir) if json.loads(line)["images_shown"] <= images_shown
        ]
        if tf.io.gfile.exists(self._metrics_path):
            with readable_errors(self._metrics_path):
                _write(self._metrics_path, "".join(kept))
        ticks = [row for row in map(json.loads, kept) if "kind" not in row]
        self.seconds = ticks[-1]["seconds"] if ticks else 0.0
        with readable_errors(self._events):
            self._writer = tf.summary.create_file_writer(run_dir)

    def write_text(self, name: str, text: str) -> None:
        """Writes a file of the run folder."""
        path = posixpath.join(self._run_dir, name)
        with readable_errors(path):
            _write(path, text)

    def write_metrics(self, metrics: dict[str, Any]) -> None:
        """Appends one tick's metrics; `images_shown` is among them."""
        with (
            readable_errors(self._metrics_path),
            tf.io.gfile.GFile(self._metrics_path, "a") as file,
        ):
            file.write(json.dumps(metrics) + "\n")
        with readable_errors(self._events), self._writer.as_default(step=metrics["images_shown"]):
            for name, value in metrics.items():
                if isinstance(value, int | float):
                    tf.summary.scalar(name, value)
            self._writer.flush()

    def write_fakes(self, images_shown: int, sheet: np.ndarray) -> str:
        """Writes `samples/fakes-<kimg>.png` and returns its path."""
        # Sorts by time, also when ticks are shorter than a thousand images.
        name = f"fakes-{images_shown / 1000:09.3f}.png"
        return self._write_sheet(name, "fakes", images_shown, sheet)

    def write_reals(self, sheet: np.ndarray) -> str:
        """Writes `samples/reals.png` and returns its path."""
        return self._write_sheet("reals.png", "reals", 0, sheet)

    def _write_sheet(self, name: str, tag: str, images_shown: int, sheet: np.ndarray) -> str:
        path = posixpath.join(self._run_dir, "samples", name)
        with readable_errors(path):
            sampling.write_png(path, sheet)
        with readable_errors(self._events), self._writer.as_default(step=images_shown):
            tf.summary.image(tag, sheet[None])
            self._writer.flush()
        return path
