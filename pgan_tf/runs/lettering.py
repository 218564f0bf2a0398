"""Draws text on sheets of pictures, in Pillow's built-in font, which lacks many letters."""

import dataclasses
import functools
import unicodedata
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_INK, _PAPER = 40, 255  # gray, 0 to 255
_SMALLEST = 10  # smallest legible font size, in pixels
_NOT_A_LETTER = "\U0010fffd"  # drawn like any letter that the font lacks
_CUT = "…"


@dataclasses.dataclass(frozen=True)
class Words:
    """A text and its place on a line, in pixels from the left end."""

    text: str
    left: int
    right: int
    centered: bool = True  # or left-aligned
    keeps_end: bool = False  # cuts a text that is too long at its start, as for file names


def line_height(size: int) -> int:
    """Returns the height of a line of letters of this size, in pixels."""
    return size + size // 2


def draw_line(width: int, size: int, line: Sequence[Words]) -> np.ndarray:
    """Draws a line of text, `(line_height(size), width)` uint8, dark on white.

    Texts shrink to fit, from at most `size`. Those with `keeps_end` shrink one by one, all others
    together. A text that does not fit even in the smallest size is cut.
    """
    image = Image.new("L", (width, line_height(size)), _PAPER)
    draw = ImageDraw.Draw(image)
    common = _fitting(size, [words for words in line if not words.keeps_end])
    for words in line:
        font = _fitting(size, [words]) if words.keeps_end else common
        text, room = words.text, words.right - words.left
        kept = len(text)
        while kept and font.getlength(text) > room:
            kept -= 1
            text = _CUT + words.text[-kept:] if words.keeps_end else words.text[:kept] + _CUT
        text = text if kept else ""
        left = (words.left + words.right) / 2 if words.centered else words.left
        anchor = "mm" if words.centered else "lm"
        draw.text((left, image.height / 2), text, _INK, font, anchor)
    return np.asarray(image)


def to_channels(part: np.ndarray, channels: int) -> np.ndarray:
    """Gives `(height, width, 1 or channels)` uint8, such as a line of text, all channels."""
    missing = channels - part.shape[-1]
    if channels == 4 and missing:
        opaque = np.full((*part.shape[:2], 1), 255, np.uint8)
        return np.concatenate([np.broadcast_to(part, (*part.shape[:2], 3)), opaque], axis=-1)
    return np.broadcast_to(part, (*part.shape[:2], channels))


def readable(text: str) -> str | None:
    """Returns a text without accents, or None if the font lacks some of its letters."""
    bare = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", text)
        if not unicodedata.combining(letter)
    )
    return bare if all(map(_is_drawn, bare)) else None


def _fitting(most: int, line: Sequence[Words]) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Returns the largest font in which all texts fit, or else the smallest."""
    for size in range(most, _SMALLEST, -1):
        font = _font(size)
        if all(font.getlength(words.text) <= words.right - words.left for words in line):
            return font
    return _font(_SMALLEST)


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


@functools.cache
def _is_drawn(letter: str) -> bool:
    if letter == " ":
        return True
    drawn, missing = (_font(16).getmask(one) for one in (letter, _NOT_A_LETTER))
    return (drawn.size, bytes(drawn)) != (missing.size, bytes(missing))
