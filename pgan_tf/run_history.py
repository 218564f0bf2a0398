"""How a run went: what it left behind, read again."""

from __future__ import annotations

import dataclasses
import posixpath
import re
from typing import Any

import tensorflow as tf

from pgan_tf.metrics_file import read_ticks
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
