"""A run's sheets of samples, one after the other, as a video."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pgan_tf.runs.log import describe_stage
from pgan_tf.runs.sheets import Sheet, read_sheet
from tfrecords.common.text import duration_in_words

_SHEET_WIDTH = 1024
_CAPTION_HEIGHT = 40
_FONT_SIZE = 22


def training_size(sheets: list[Sheet], scale: int | None = None) -> tuple[int, int]:
    """Returns the width and the height of `draw_training`'s frames, in pixels."""
    width, height = _sheet_size(sheets, scale)
    return width + width % 2, height + height % 2 + _CAPTION_HEIGHT


def draw_training(
    sheets: list[Sheet], metrics: list[dict[str, Any]], num_frames: int, scale: int | None = None
) -> Iterator[np.ndarray]:
    """Yields frames in which each sheet is seen equally long, under its stage, kimg and time.

    All have the size of the last sheet, times `scale`, by default up to 1024 px; earlier ones are
    brought to it by nearest neighbor. `metrics` are the ticks of `runs.log.read_metrics`; a
    sheet without one shows its kimg alone. Frames are `(height, width, 3)` uint8, both even.
    Raises UserError if a sheet can't be read.
    """
    rows = {row["images_shown"]: row for row in metrics if "seconds" in row}
    size = _sheet_size(sheets, scale)
    shown = [sheets[i * len(sheets) // num_frames] for i in range(num_frames)]
    for sheet, same in itertools.groupby(shown):
        text = caption(sheet, rows.get(sheet.images_shown))
        frame = _draw(read_sheet(sheet.path)[1], text, size)
        yield from (frame for _ in same)


def caption(sheet: Sheet, row: dict[str, Any] | None) -> str:
    """Returns what stands below a sheet: `16 to 32 px, alpha 0.25   20.0 kimg   5:17`."""
    kimg = f"{sheet.images_shown / 1000:.1f} kimg"
    if row is None:
        return kimg
    stage = describe_stage(row).replace("→", " to ")  # which Pillow's font does not have
    return f"{stage}   {kimg}   {duration_in_words(row['seconds'])}"


def _sheet_size(sheets: list[Sheet], scale: int | None) -> tuple[int, int]:
    width, height = read_sheet(sheets[-1].path)[1].size
    scale = scale or max(1, _SHEET_WIDTH // width)
    return scale * width, scale * height


def _draw(picture: Image.Image, text: str, size: tuple[int, int]) -> np.ndarray:
    width, height = (length + length % 2 for length in size)
    frame = Image.new("RGB", (width, height + _CAPTION_HEIGHT), "black")
    frame.paste(picture.resize(size, Image.Resampling.NEAREST), (0, 0))
    draw = ImageDraw.Draw(frame)
    font = ImageFont.load_default(_FONT_SIZE)
    longest = draw.textlength(text, font)
    if longest > width - 16:  # small sheets
        font = ImageFont.load_default(max(6, _FONT_SIZE * (width - 16) / longest))
    draw.text((8, height + _CAPTION_HEIGHT // 2), text, "white", font, anchor="lm")
    return np.asarray(frame)
