"""Draws a sheet of a dataset's pictures, for the command `show`."""

import contextlib
import itertools
import math
import unicodedata
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw, ImageFont

from tfrecords.common.errors import UserError
from tfrecords.common.paths import writing
from tfrecords.common.text import counted
from tfrecords.format.dataset_info import DatasetInfo, read_classes, read_dataset_info
from tfrecords.inspecting.inspection import Pictures, class_names
from tfrecords.pictures.alpha import in_colors, on_checkerboard, straight
from tfrecords.pictures.depth import in_8_bits
from tfrecords.pictures.kinds import check_picture_name, encode_picture

MAX_CLASSES = 32

_WIDTH, _HEIGHT = 1000, 1600  # approximate size in pixels; many classes make it higher
_MOST_PIXELS = 2**28  # limits the memory
_MARGIN, _GAP, _MAX_LABEL_WIDTH, _MIN_ROW_HEIGHT = 20, 6, 180, 96
_TITLE_SIZE, _LABEL_SIZE, _NOTE_SIZE, _font = 20, 15, 12, ImageFont.load_default
# Gray enough to show the edges of white pictures, such as of products and digits.
_BACKGROUND, _INK, _PALE_INK = (232, 234, 237), (32, 33, 36), (95, 99, 104)
_DEFAULT_COUNT, _DEFAULT_COUNT_OF_CLASS = 64, 10


@dataclass(frozen=True)
class Row:
    """A row of a sheet."""

    indices: tuple[int, ...]  # the numbers of its pictures
    label: str = ""  # the class, to the left of the pictures
    note: str = ""  # text below the label


def show(folder: str, path: str, resolution: int | None = None, count: int | None = None) -> str:
    """Draws a sample of pictures, spread evenly over a dataset, into one picture file.

    With classes, each row shows one of the first 32 classes. By default there are 64 pictures, or
    10 per class, at the largest resolution that fits into a sheet about 1000 px wide. Smaller
    pictures are enlarged. Returns a description of the sheet. Raises UserError if there is no such
    dataset or resolution, or if the file, a PNG, JPEG or WebP, exists.
    """
    check_picture_name(path, "out")
    if tf.io.gfile.exists(path):
        raise UserError(f"{path}: expected no such file yet: remove it or take another name")
    info = read_dataset_info(folder)
    rows = _choose_rows(info, count)
    sheet, resolution = _draw(info, rows, resolution)
    data = encode_picture(np.asarray(sheet), path)
    with writing(path):
        tf.io.gfile.makedirs(path.rpartition("/")[0] or ".")
        with tf.io.gfile.GFile(path, "wb") as file:
            file.write(data)
    shown = f"{sum(len(row.indices) for row in rows):,} of {counted(info.num_images, 'picture')}"
    classes = f", {len(rows)} of {counted(info.label_size, 'class')}" if rows[0].label else ""
    shape = f"{resolution} px{info.base.beside(resolution)}"
    return f"{shown} of {shape}{classes}, {sheet.width} x {sheet.height} px"


def spread(indices: np.ndarray, count: int) -> tuple[int, ...]:
    """Chooses `count` evenly spaced entries of `indices`, including the first and the last."""
    count = min(count, len(indices))
    positions = np.linspace(0, len(indices) - 1, count).round().astype(int)
    return tuple(indices[positions].tolist())


def _choose_rows(info: DatasetInfo, count: int | None) -> list[Row]:
    classes = read_classes(info)
    if classes is None or not np.any(classes >= 0):
        chosen = spread(np.arange(info.num_images), count or _DEFAULT_COUNT)
        columns = math.ceil(math.sqrt(len(chosen)))
        starts = range(0, len(chosen), columns)
        return [Row(chosen[start : start + columns]) for start in starts]
    rows = []
    for index, name in enumerate(class_names(info)[:MAX_CLASSES]):
        members = np.flatnonzero(classes == index)
        label = _shorten(_in_ascii(name) or f"class {index}")
        chosen = spread(members, count or _DEFAULT_COUNT_OF_CLASS)
        rows.append(Row(chosen, label, f"{len(members):,}"))
    return rows


def _draw(info: DatasetInfo, rows: list[Row], resolution: int | None) -> tuple[Image.Image, int]:
    """Returns a sheet and the resolution of its pictures, as given or chosen to fit."""
    columns = max(1, *(len(row.indices) for row in rows))
    widths = [math.ceil(_font(_LABEL_SIZE).getlength(row.label)) for row in rows if row.label]
    label_width = 14 + max(widths) if widths else 0
    available = (_WIDTH - 2 * _MARGIN - label_width) / columns - _GAP
    if label_width:  # keeps a few pictures of many classes from making a tower
        available = min(available, max(_MIN_ROW_HEIGHT, _HEIGHT / len(rows)))
    fitting = [level for level in info.files if max(info.base.size(level)) <= available * 1.25]
    resolution = resolution or max(fitting, default=min(info.files))
    longer = max(info.base.size(resolution))
    scale = max(1, round(available / longer))  # factor by which pictures are enlarged
    cell, cell_height = (scale * side for side in info.base.size(resolution))
    pitch = max(cell_height, _LABEL_SIZE + _NOTE_SIZE if label_width else 0) + _GAP
    name, pictures = _in_ascii(info.name) or "dataset", counted(info.num_images, "picture")
    title = f"{name}: {pictures}, {resolution} px{info.base.beside(resolution)}"
    title_width = math.ceil(_font(_TITLE_SIZE).getlength(title))
    top = _MARGIN + _TITLE_SIZE + 16
    width = max(label_width + columns * (cell + _GAP) - _GAP, title_width) + 2 * _MARGIN
    height = top + len(rows) * pitch - _GAP + _MARGIN
    if width * height > _MOST_PIXELS:
        size = f"at most {_MOST_PIXELS:,} pixels, got {width:,} x {height:,}"
        raise UserError(f"--count, --resolution: expected a sheet of {size}: lower one of them")
    sheet = Image.new("RGB", (width, height), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, _MARGIN - 4), title, _INK, _font(_TITLE_SIZE))
    with contextlib.closing(Pictures(info, resolution)) as images:
        for number, row in enumerate(rows):
            x, y = _MARGIN, top + number * pitch
            if row.label:
                middle = y + (pitch - _GAP) // 2
                draw.text((x, middle - 1), row.label, _INK, _font(_LABEL_SIZE), anchor="ls")
                draw.text((x, middle + 3), row.note, _PALE_INK, _font(_NOTE_SIZE), anchor="lt")
            for column, index in enumerate(row.indices):
                image = images.read(index).repeat(scale, axis=0).repeat(scale, axis=1)
                image = on_checkerboard(straight(in_colors(in_8_bits(image))))
                picture = Image.fromarray(image[:, :, 0] if info.num_channels == 1 else image)
                sheet.paste(picture, (x + label_width + column * (cell + _GAP), y))
    return sheet, resolution


def _shorten(name: str) -> str:
    """Shortens a name that would take too much room."""
    font, whole = _font(_LABEL_SIZE), name
    while name and font.getlength(name + "..." * (name != whole)) > _MAX_LABEL_WIDTH:
        name = name[:-1]
    return name if name == whole else name.rstrip() + "..."


def _in_ascii(name: str) -> str:
    """Returns a name without accents, which Pillow's font lacks, or "" if nothing is left."""
    letters = itertools.filterfalse(unicodedata.combining, unicodedata.normalize("NFKD", name))
    text = "".join(letters).encode("ascii", "replace").decode()
    return text if any(map(str.isalnum, text)) else ""
