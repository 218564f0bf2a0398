"""Sheets of samples: many pictures side by side, as PNG files in a run's `samples/`."""

import dataclasses
import io
import posixpath
import re
import struct
import warnings
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

from pgan_tf.config.training import NetworkConfig
from pgan_tf.networks.sampling import latents_from_seeds, one_hot_labels
from pgan_tf.runs import lettering
from tfrecords.common.errors import UserError
from tfrecords.common.paths import list_names, read_whole

_WIDTH, _HEIGHT = 1024, 512  # about, in pixels
_LARGEST_CELL = 256  # that small pictures are enlarged to, in pixels
_LETTERS_IN_WIDTH, _SMALLEST_LETTERS = 64, 14
_MOST_BYTES = 2**28  # no sheet comes near it
_NAME = re.compile(r"fakes-(\d{1,12}\.\d{3})\.png", re.ASCII)
# What Pillow raises for bytes that are no picture, or one too large.
_NO_PICTURE = (
    *(OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error, MemoryError),
    *(Image.DecompressionBombWarning, Image.DecompressionBombError),
)


@dataclasses.dataclass(frozen=True)
class Sheet:
    """The file of a sheet of fakes."""

    path: str
    images_shown: int  # when it was drawn


def sheet_shape(size: tuple[int, int]) -> tuple[int, int]:
    """Returns columns and rows of a sheet of samples for pictures of a width and height."""
    width, height = size
    return max(4, min(16, _WIDTH // width)), max(2, min(8, _HEIGHT // height))


def sheet_inputs(config: NetworkConfig, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the latents and labels of a run's sheets; with classes, each column is one."""
    columns, rows = sheet_shape(config.base.size(config.resolution))
    latents = latents_from_seeds(range(seed, seed + columns * rows), config.latent_size)
    return latents, one_hot_labels(list(range(columns)) * rows, config.label_size)


def enlargement(columns: int, rows: int, size: tuple[int, int]) -> int:
    """Returns by how much to enlarge small pictures so that their sheet is easy to see."""
    width, height = size
    across, down = (min(_LARGEST_CELL, _WIDTH // count) for count in (columns, rows))
    return max(1, min(across // width, down // height))


def class_names(labels: np.ndarray, names: Sequence[str]) -> list[str]:
    """Returns the classes of `(n, label_size)` labels for `make_sheet`; [] unless some are one-hot.

    Where a name is not known, or the font lacks its letters, it is the class's number, from 0.
    """
    known = dict(enumerate(map(lettering.readable, names)))
    found = []
    for row in labels:
        (classes,) = np.nonzero(row)
        is_one = len(classes) == 1 and row[classes[0]] == 1
        found.append((known.get(int(classes[0])) or str(classes[0])) if is_one else "")
    return found if any(found) else []


def make_sheet(
    pictures: np.ndarray, columns: int, height: int, names: Sequence[str] = ()
) -> np.ndarray:
    """Lays out pictures as `make_grid` does, with `names`, one for each, above them, if any.

    A row whose names are those of the row before has none of its own: where each column is a
    class, they are the sheet's heading.
    """
    grid = make_grid(pictures, columns, height)
    if not names:
        return grid
    size = max(_SMALLEST_LETTERS, grid.shape[1] // _LETTERS_IN_WIDTH)
    width = grid.shape[1] // columns
    parts: list[np.ndarray] = []
    before: Sequence[str] = ()
    for row, first in enumerate(range(0, len(names), columns)):
        now = names[first : first + columns]
        if now != before[: len(now)]:
            words = [
                lettering.Words(name, width * i + 1, width * (i + 1) - 1)
                for i, name in enumerate(now)
            ]
            line = lettering.draw_line(grid.shape[1], size, words)
            parts.append(lettering.to_channels(line[..., None], grid.shape[2]))
            before = now
        parts.append(grid[row * height : (row + 1) * height])
    return np.concatenate(parts)


def make_grid(pictures: np.ndarray, columns: int, height: int) -> np.ndarray:
    """Lays `(n, h, w, channels)` uint8 pictures out in rows, the last one filled up with white.

    Transparent pictures are filled up with nothing.

    Each is enlarged to `height`, a multiple of h: `(rows * height, …, channels)` uint8.
    """
    scale = height // pictures.shape[1]
    pictures = pictures.repeat(scale, axis=1).repeat(scale, axis=2)
    missing = -len(pictures) % columns
    empty = 0 if pictures.shape[-1] == 4 else 255
    pictures = np.pad(pictures, ((0, missing), (0, 0), (0, 0), (0, 0)), constant_values=empty)
    count, height, width, channels = pictures.shape
    rows = pictures.reshape(count // columns, columns, height, width, channels)
    return rows.transpose(0, 2, 1, 3, 4).reshape(-1, columns * width, channels)


def list_sheets(run_dir: str) -> list[Sheet]:
    """Returns a run's sheets of fakes, in the order of training. UserError if there are none."""
    folder = posixpath.join(run_dir, "samples")
    matches = filter(None, map(_NAME.fullmatch, list_names(folder)))
    sheets = [Sheet(posixpath.join(folder, one[0]), round(float(one[1]) * 1000)) for one in matches]
    if not sheets:
        raise UserError(f"--run_dir: expected a run folder with samples, got {run_dir!r}")
    return sorted(sheets, key=lambda sheet: sheet.images_shown)


def read_sheet(path: str) -> tuple[bytes, Image.Image]:
    """Returns a sheet's PNG file, and its picture in RGB, on white. UserError if undecodable."""
    contents = read_whole(path, _MOST_BYTES)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture: Image.Image = Image.open(io.BytesIO(contents), formats=["PNG"])
            if picture.mode == "RGBA":
                picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
            return contents, picture.convert("RGB")
    except _NO_PICTURE as error:
        got = ascii(str(error))[1:-1][:120]
        raise UserError(f"{path}: expected a sheet of samples, got {got}: remove it") from None
