"""What a run logs: `metrics.jsonl`, sheets of samples, and both for TensorBoard.

`metrics.jsonl` has one JSON object a line, each with `images_shown`. A line without `kind` is a
tick's (`training.tick.Tick.summary`). Others, such as scores (`metrics.score`), name their kind.
"""

import json
import posixpath
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from pgan_tf.runs.small_files import is_count, is_number
from tfrecords.common.errors import UserError
from tfrecords.common.files import write_file
from tfrecords.common.paths import read_whole, writing
from tfrecords.pictures.alpha import in_colors
from tfrecords.pictures.kinds import encode_picture

# What an iteration reports, each a mean over the global batch.
METRICS = ("discriminator_loss", "generator_loss", "real_score", "fake_score", "gradient_norm")
# Where TensorBoard shows a tick's numbers, in groups. Its horizontal axis is `images_shown`.
_TAGS = {
    "discriminator_loss": "loss/discriminator",
    "generator_loss": "loss/generator",
    "gradient_norm": "loss/gradient_norm",
    "discriminator_loss_scale": "loss/discriminator_scale",
    "generator_loss_scale": "loss/generator_scale",
    "real_score": "score/real",
    "fake_score": "score/fake",
    "augment_strength": "augment/strength",
    "overfitting": "augment/overfitting",
    "stage": "schedule/stage",
    "resolution": "schedule/resolution",
    "alpha": "schedule/alpha",
    "batch_size": "schedule/batch_size",
    "discriminator_learning_rate": "schedule/discriminator_learning_rate",
    "generator_learning_rate": "schedule/generator_learning_rate",
    "images_per_second": "speed/images_per_second",
    "seconds": "speed/seconds",
    "bad_records": "skipped/records",
    "skipped_iterations": "skipped/iterations",
    "overflowed_iterations": "skipped/overflowed_iterations",
}
RESUMES = "; the same command resumes from the last checkpoint"
_MOST_BYTES = 2**26  # two years of ticks


class RunLog:
    """Writes the metrics and sheets of ticks; `seconds` is the training before it was opened."""

    def __init__(self, run_dir: str, images_shown: int) -> None:
        """Opens the log of a run that starts or resumes; later ticks and scores are dropped."""
        self._run_dir = run_dir
        self._events = posixpath.join(run_dir, "events.out.tfevents…")
        drop_rows_after(run_dir, images_shown)
        ticks = read_ticks(run_dir)
        self.seconds = ticks[-1].get("seconds", 0.0) if ticks else 0.0
        with writing(self._events, RESUMES):
            self._writer = tf.summary.create_file_writer(run_dir)

    def write_text(self, name: str, text: str) -> None:
        """Writes a file of the run folder."""
        path = posixpath.join(self._run_dir, name)
        with writing(path, RESUMES):
            write_file(path, text.encode())

    def write_metrics(self, metrics: dict[str, Any]) -> None:
        """Appends a tick's metrics, `images_shown` among them."""
        append_rows(self._run_dir, [metrics])
        with writing(self._events, RESUMES), self._writer.as_default(metrics["images_shown"]):
            for name, tag in _TAGS.items():
                if (value := metrics.get(name)) is not None:
                    # People see the stage's number there; the file has its index.
                    tf.summary.scalar(tag, value + (name == "stage"))
            self._writer.flush()

    def write_fakes(self, images_shown: int, sheet: np.ndarray) -> str:
        """Writes `samples/fakes-<kimg>.png`, which sort by time, and returns its path."""
        return self._write_sheet("fakes", f"-{images_shown / 1000:09.3f}", images_shown, sheet)

    def write_reals(self, sheet: np.ndarray) -> str:
        """Writes `samples/reals.png` and returns its path."""
        return self._write_sheet("reals", "", 0, sheet)

    def _write_sheet(self, tag: str, number: str, images_shown: int, sheet: np.ndarray) -> str:
        path = posixpath.join(self._run_dir, "samples", f"{tag}{number}.png")
        with writing(path, RESUMES):
            write_file(path, encode_picture(sheet))
        with writing(self._events, RESUMES), self._writer.as_default(images_shown):
            tf.summary.image(f"samples/{tag}", in_colors(sheet)[None])
            self._writer.flush()
        return path


def metrics_path(run_dir: str) -> str:
    """Returns the path of a run's metrics."""
    return posixpath.join(run_dir, "metrics.jsonl")


def read_rows(run_dir: str) -> list[dict[str, Any]]:
    """Returns all lines but one cut off, none without a file. UserError if one is damaged."""
    path = metrics_path(run_dir)
    return [_parse(line, path, number) for number, line in _read_lines(path)]


def read_ticks(run_dir: str) -> list[dict[str, Any]]:
    """Returns the lines of ticks, in the order of training; see `read_rows`."""
    return [row for row in read_rows(run_dir) if "kind" not in row]


def read_metrics(run_dir: str) -> list[dict[str, Any]]:
    """Returns ticks with kimg, resolution, phase, alpha. UserError for none, or one without."""
    rows = read_ticks(run_dir)
    for row in rows:
        row.setdefault("kimg", row["images_shown"] / 1000)
        for name in ("resolution", "phase", "alpha"):
            if name not in row:
                words = f"expected {name} in each tick, got none in that of {row['images_shown']}"
                raise UserError(f"{metrics_path(run_dir)}: {words} images: remove that line")
    if not rows:
        raise UserError(f"--run_dir: expected a run with a tick at least, got none in {run_dir!r}")
    return rows


def describe_stage(row: dict[str, Any]) -> str:
    """Returns a tick's stage in words: `32 px`, `16→32 px, alpha 0.25`, `32 px (24x16)`."""
    resolution = row["resolution"]
    beside = f" ({row['shape']})" if "shape" in row else ""
    if row["phase"] == "fade_in":
        return f"{resolution // 2}→{resolution} px{beside}, alpha {row['alpha']:.2f}"
    return f"{resolution} px{beside}"


def append_rows(run_dir: str, rows: Iterable[dict[str, Any]]) -> None:
    """Adds lines, and drops one that was cut off before them. UserError if the disk is full."""
    path = metrics_path(run_dir)
    with writing(path, RESUMES):
        if not _ends_whole(path):
            write_file(path, "".join(f"{line}\n" for _, line in _read_lines(path)).encode())
        with tf.io.gfile.GFile(path, "a") as file:
            file.write("".join(json.dumps(row) + "\n" for row in rows))


def drop_rows_after(run_dir: str, images_shown: int) -> None:
    """Drops lines of more images: they are written again. UserError for damage, or a full disk."""
    path = metrics_path(run_dir)
    if tf.io.gfile.exists(path):
        kept = [
            f"{line}\n"
            for number, line in _read_lines(path)
            if _parse(line, path, number)["images_shown"] <= images_shown
        ]
        with writing(path, RESUMES):
            write_file(path, "".join(kept).encode())


def _ends_whole(path: str) -> bool:
    """True unless a file's last line was cut off."""
    length = tf.io.gfile.stat(path).length if tf.io.gfile.exists(path) else 0
    if not length:
        return True
    with tf.io.gfile.GFile(path, "rb") as file:
        file.seek(length - 1)
        return file.read(1) == b"\n"


def _read_lines(path: str) -> list[tuple[int, str]]:
    """Returns numbers, from 1, and lines, without blank ones and one that was cut off."""
    if not tf.io.gfile.exists(path):
        return []
    lines = read_whole(path, _MOST_BYTES).decode(errors="replace").split("\n")[:-1]
    return [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]


def _parse(line: str, path: str, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    wrong: list[tuple[str, Any]] = []
    if not isinstance(row, dict) or not is_count(row.get("images_shown")):
        wrong = [("a JSON object with images_shown", line)]
    elif "kind" not in row:
        wrong = [(f"{name} of a tick", one) for name, one in row.items() if not _fits(name, one)]
    if wrong:
        what, got = wrong[0]
        words = f"expected {what} in line {number}, got {str(got)[:40]!r}"
        raise UserError(f"{path}: {words}: remove that line")
    return row


def _fits(name: str, value: Any) -> bool:
    """True for a possible value of a tick's field; where the run stood may not be NaN."""
    if name == "phase":
        return value in ("fade_in", "stabilize")
    if name == "shape":  # of pictures that are not square
        return isinstance(value, str) and re.fullmatch(r"\d{1,4}x\d{1,4}", value) is not None
    if name in ("stage", "resolution"):
        return is_count(value)
    if name in ("kimg", "alpha", "seconds"):
        return is_number(value)
    return value is None or isinstance(value, float) or is_number(value)
