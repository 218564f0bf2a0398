"""How a run went: what it left behind, read again."""

from __future__ import annotations

import dataclasses
import json
import posixpath
import re
from typing import Any

import tensorflow as tf

from tfrecords.errors import UserError

_SHEET_NAME = re.compile(r"fakes-(\d+\.\d{3})\.png")


@dataclasses.dataclass(frozen=True)
class Sheet:
    """A sheet of samples.

    Attributes:
        path: of the PNG file.
        images_shown: when it was drawn.
    """

    path: str
    images_shown: int


def read_metrics(run_dir: str) -> list[dict[str, Any]]:
    """Returns the ticks of metrics.jsonl; lines of another `kind` are left out.

    Raises:
        UserError: there are none.
    """
    rows = read_ticks(run_dir)
    if not rows:
        raise UserError(f"--run_dir: expected a run with a tick at least, got none in {run_dir!r}")
    return rows


def read_ticks(run_dir: str) -> list[dict[str, Any]]:
    """Returns the same, or nothing where there are none yet.

    Raises:
        UserError: there is no such file.
    """
    return [row for row in _read_rows(run_dir) if "kind" not in row]


def read_scores(run_dir: str) -> list[dict[str, Any]]:
    """Returns the lines of metrics.jsonl whose `kind` is `score`.

    Raises:
        UserError: there is no such file.
    """
    return [row for row in _read_rows(run_dir) if row.get("kind") == "score"]


def _read_rows(run_dir: str) -> list[dict[str, Any]]:
    path = posixpath.join(run_dir, "metrics.jsonl")
    try:
        with tf.io.gfile.GFile(path) as file:
            lines = file.read().splitlines(keepends=True)
        # A run that goes on may be writing its last line.
        return [json.loads(line) for line in lines if line.endswith("\n") and line.strip()]
    except (tf.errors.OpError, ValueError) as error:
        reason = getattr(error, "message", None) or str(error)
        raise UserError(
            f"--run_dir: expected a run folder with metrics.jsonl, got {run_dir!r} ({reason})"
        ) from None


def list_sheets(run_dir: str) -> list[Sheet]:
    """Returns the sheets of a run's samples folder, in the order of training.

    Raises:
        UserError: there are none.
    """
    folder = posixpath.join(run_dir, "samples")
    names = tf.io.gfile.listdir(folder) if tf.io.gfile.isdir(folder) else []
    matches = [match for match in map(_SHEET_NAME.fullmatch, names) if match]
    if not matches:
        raise UserError(f"--run_dir: expected a run folder with samples, got {run_dir!r}")
    sheets = [
        Sheet(posixpath.join(folder, match[0]), round(float(match[1]) * 1000)) for match in matches
    ]
    return sorted(sheets, key=lambda sheet: sheet.images_shown)


def describe_stage(row: dict[str, Any]) -> str:
    """Returns a tick's stage in words: `32 px`, `16→32 px, alpha 0.25`."""
    resolution = row["resolution"]
    if row["phase"] == "fade_in":
        return f"{resolution // 2}→{resolution} px, alpha {row['alpha']:.2f}"
    return f"{resolution} px"
