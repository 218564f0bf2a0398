"""Words on sheets of pictures, in the font that comes with Pillow, which has few letters."""

import dataclasses
import functools
import unicodedata
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_INK, _PAPER = 40, 255  # gray, 0 to 255
_SMALLEST = 10  # letters that can be read, in pixels
_NOT_A_LETTER = "\U0010fffd"  # drawn as what the font lacks
_CUT = "…"


@dataclasses.dataclass(frozen=True)
class Words:
    """Words and where they stand on a line, in pixels from its left end."""

    text: str
    left: int
    right: int
    centered: bool = True  # or at the left
    keeps_end: bool = False  # where it has to be cut, as a file's name has


def line_height(size: int) -> int:
    """Returns the height of a line of letters of this size, in pixels."""
    return size + size // 2


def draw_line(width: int, size: int, line: Sequence[Words]) -> np.ndarray:
    """Draws a line of words, `(line_height(size), width)` uint8, dark on white.

    Those that are cut at their end are all as large as the longest allows, `size` at most; others
    are as large as each allows. What does not fit even in the smallest letters is cut.
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


def readable(text: str) -> str | None:
    """Returns a text as the font can draw it, without accents; None if letters are missing."""
    bare = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", text)
        if not unicodedata.combining(letter)
    )
    return bare if all(map(_is_drawn, bare)) else None


def _fitting(most: int, line: Sequence[Words]) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Returns the largest letters in which all words fit, or the smallest."""
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
