"""`metrics.jsonl`: a run's numbers, one JSON object a line, each with `images_shown`.

A line without `kind` is a tick's (`training.tick.Tick.summary`). Others, such as scores
(`metrics.score`), say what they are.
"""

import json
import posixpath
from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from pgan_tf.runs.files import readable_errors, write_file
from pgan_tf.runs.small_files import is_count, is_number, read_file
from tfrecords.common.errors import UserError

# What an iteration reports, each a mean over the global batch.
METRICS = ("discriminator_loss", "generator_loss", "real_score", "fake_score", "gradient_norm")
_MOST_BYTES = 2**26  # two years of ticks


def metrics_path(run_dir: str) -> str:
    """Returns the path of a run's metrics."""
    return posixpath.join(run_dir, "metrics.jsonl")


def read_rows(run_dir: str) -> list[dict[str, Any]]:
    """Returns all lines, none where there is no file.

    A last line that was cut off, or is being written, is left out. Raises UserError if another
    one is damaged.
    """
    path = metrics_path(run_dir)
    lines, _ = _read_lines(path)
    return [_parse(line, path, number) for number, line in lines.items()]


def read_ticks(run_dir: str) -> list[dict[str, Any]]:
    """Returns the lines of ticks, in the order of training; see `read_rows`."""
    return [row for row in read_rows(run_dir) if "kind" not in row]


def append_rows(run_dir: str, rows: Iterable[dict[str, Any]]) -> None:
    """Adds lines, and drops one that was cut off before them. UserError if the disk is full."""
    path = metrics_path(run_dir)
    with readable_errors(path):
        if tf.io.gfile.exists(path) and tf.io.gfile.stat(path).length:
            lines, cut_off = _read_lines(path)
            if cut_off:
                _write_lines(path, lines.values())
        with tf.io.gfile.GFile(path, "a") as file:
            file.write("".join(json.dumps(row) + "\n" for row in rows))


def drop_rows_after(run_dir: str, images_shown: int) -> None:
    """Drops the lines of more images than that: where a run goes on, they come again.

    Raises UserError if a line is damaged, or the disk is full.
    """
    path = metrics_path(run_dir)
    if not tf.io.gfile.exists(path):
        return
    lines, _ = _read_lines(path)
    kept = [
        line
        for number, line in lines.items()
        if _parse(line, path, number)["images_shown"] <= images_shown
    ]
    with readable_errors(path):
        _write_lines(path, kept)


def _read_lines(path: str) -> tuple[dict[int, str], str]:
    """Returns lines by number, from 1, without blank ones; and what was cut off at the end."""
    if not tf.io.gfile.exists(path):
        return {}, ""
    *lines, cut_off = read_file(path, _MOST_BYTES).decode(errors="replace").split("\n")
    return {number: line for number, line in enumerate(lines, start=1) if line.strip()}, cut_off


def _parse(line: str, path: str, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict) or not is_count(row.get("images_shown")):
        raise UserError(
            f"{path}: expected a JSON object with images_shown in line {number}, got "
            f"{line[:40]!r}: remove that line"
        )
    if "kind" not in row and (name := _misfit(row)):
        raise UserError(
            f"{path}: expected {name} of a tick in line {number}, got "
            f"{str(row[name])[:40]!r}: remove that line"
        )
    return row


def _misfit(row: dict[str, Any]) -> str | None:
    """Returns the name of a tick's field with an impossible value, None if all are possible.

    Numbers may be missing, or NaN; where the run stood may not.
    """
    for name, value in row.items():
        if name == "phase":
            fits = value in ("fade_in", "stabilize")
        elif name in ("stage", "resolution"):
            fits = is_count(value)
        elif name in ("kimg", "alpha", "seconds"):
            fits = is_number(value)
        else:
            fits = value is None or isinstance(value, float) or is_number(value)
        if not fits:
            return name
    return None


def _write_lines(path: str, lines: Iterable[str]) -> None:
    write_file(path, "".join(line + "\n" for line in lines).encode())
