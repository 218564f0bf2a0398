"""How a run went, read from its folder: ticks and sheets of samples."""

import dataclasses
import io
import posixpath
import re
import struct
import warnings
import zlib
from typing import Any

from PIL import Image

from pgan_tf.runs.metrics_file import metrics_path, read_ticks
from pgan_tf.runs.small_files import read_file
from tfrecords.common.errors import UserError
from tfrecords.common.paths import list_names

# What Pillow raises for bytes that are no picture, or one too large.
_NO_PICTURE = (
    *(OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error, MemoryError),
    *(Image.DecompressionBombWarning, Image.DecompressionBombError),
)
_SHEET_NAME = re.compile(r"fakes-(\d{1,12}\.\d{3})\.png", re.ASCII)


@dataclasses.dataclass(frozen=True)
class Sheet:
    """A sheet of samples."""

    path: str
    images_shown: int  # when it was drawn


def read_metrics(run_dir: str) -> list[dict[str, Any]]:
    """Returns the ticks of metrics.jsonl, in order; each has kimg, resolution, phase and alpha.

    Raises UserError if there are none, or one does not say where the run stood.
    """
    rows = read_ticks(run_dir)
    for row in rows:
        row.setdefault("kimg", row["images_shown"] / 1000)
        for name in ("resolution", "phase", "alpha"):
            if name not in row:
                raise UserError(
                    f"{metrics_path(run_dir)}: expected {name} in each tick, got none in that of "
                    f"{row['images_shown']} images: remove that line"
                )
    if not rows:
        raise UserError(f"--run_dir: expected a run with a tick at least, got none in {run_dir!r}")
    return rows


def list_sheets(run_dir: str) -> list[Sheet]:
    """Returns a run's sheets of fakes, in the order of training. UserError if there are none."""
    folder = posixpath.join(run_dir, "samples")
    matches = [match for match in map(_SHEET_NAME.fullmatch, list_names(folder)) if match]
    if not matches:
        raise UserError(f"--run_dir: expected a run folder with samples, got {run_dir!r}")
    sheets = [
        Sheet(posixpath.join(folder, match[0]), round(float(match[1]) * 1000)) for match in matches
    ]
    return sorted(sheets, key=lambda sheet: sheet.images_shown)


def read_sheet(path: str) -> tuple[bytes, Image.Image]:
    """Returns a sheet's PNG file, and its picture in RGB. UserError if it can't be decoded."""
    contents = read_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return contents, Image.open(io.BytesIO(contents), formats=["PNG"]).convert("RGB")
    except _NO_PICTURE as error:
        raise UserError(
            f"{path}: expected a sheet of samples, got {ascii(str(error))[1:-1][:120]}: remove it"
        ) from None


def describe_stage(row: dict[str, Any]) -> str:
    """Returns a tick's stage in words: `32 px`, `16→32 px, alpha 0.25`."""
    resolution = row["resolution"]
    if row["phase"] == "fade_in":
        return f"{resolution // 2}→{resolution} px, alpha {row['alpha']:.2f}"
    return f"{resolution} px"
