"""Pictures of more than 8 bits a channel: their numbers, and which of them is white."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageFile

from tfrecords.common.errors import UserError

DEFAULT_WHITE = 65535

# What `say` is told, after the number of pictures.
BRIGHTER = "with places brighter than the white level, which are cut there: see --white_level"
DARK = (
    "with less than a quarter of the range of 16 bits in use, and not among those looked at: "
    "--white_level=N makes N white"
)

_OF_COLOR = ("icc_profile", "gamma", "chromaticity", "srgb")
_PHOTOMETRIC, _BITS = 262, 258  # tags of a TIFF
_ROWS = 256  # converted at a time, so that large pictures need no copy in float64

# How Pillow unpacks 16-bit channels, and what gives the bytes that it leaves out.
_OTHER = {"16B": "16L", "16L": "16B", "16N": "16B" if sys.byteorder == "little" else "16L"}


def is_deep(opened: Image.Image) -> bool:
    """Says whether a picture, opened and not yet loaded, has more than 8 bits a channel."""
    if opened.mode == "F" or opened.mode.startswith("I"):
        return True
    kind, _, depth = _raw_mode(opened).partition(";")
    return depth in _OTHER and kind in ("RGB", "RGBA", "LA")


def read_numbers(
    opened: Image.Image,
    reopen: Callable[[], Image.Image],
    shape: Callable[[Image.Image], Image.Image],
) -> np.ndarray:
    """Reads all bits of a deep picture.

    Pillow keeps one byte of each channel in colour. The bytes that it leaves out are what
    it keeps when it takes the file for one of the other byte order.

    Args:
        opened: not yet loaded.
        reopen: opens the same file again.
        shape: turns and cuts a picture.

    Returns:
        (height, width) of whole numbers or float32, or (height, width, 2, 3 or 4) uint16:
        gray with alpha, RGB or RGBA.
    """
    raw = _raw_mode(opened)
    if opened.mode == "F" or opened.mode.startswith("I"):
        return np.asarray(shape(opened))
    kind, _, depth = raw.partition(";")
    with reopen() as again:
        # Gray with alpha has as many bits as RGBA of 8: all four bytes come at once.
        _set_raw_mode(again, "RGBA" if kind == "LA" else f"{kind};{_OTHER[depth]}")
        low = np.asarray(shape(again))
    if kind == "LA":
        return low.view(">u2").astype(np.uint16)
    numbers = np.asarray(shape(opened)).astype(np.uint16)
    numbers <<= 8
    numbers |= low
    return numbers


def to_8_bits(
    opened: Image.Image,
    reopen: Callable[[], Image.Image],
    shape: Callable[[Image.Image], Image.Image],
    white_level: float | None,
    say: Callable[[str], None],
) -> Image.Image:
    """Scales a deep picture so that the white level becomes 255.

    Args:
        opened: not yet loaded.
        reopen: opens the same file again.
        shape: turns and cuts a picture.
        white_level: of the data set; None where none was found, which means 65535. Files
            that tell their range, as PNM and JPEG 2000 do, go by that.
        say: told of what the white level does not suit.

    Returns:
        Gray or RGB, with alpha where the file has it or names a transparent color.

    Raises:
        ValueError: no white level is known for floating point numbers, or some of the
            numbers are not finite or far below 0.
    """
    known = _known_range(opened)
    level = known or white_level or DEFAULT_WHITE
    clear = opened.info.get("transparency")
    info: dict[str | tuple[int, int], Any]
    info = {key: opened.info[key] for key in _OF_COLOR if key in opened.info}
    # Gray with alpha opens as RGBA, too.
    in_color = opened.mode in ("RGB", "RGBA") and not _raw_mode(opened).startswith("LA")
    if in_color and clear is None and level == DEFAULT_WHITE:
        image = shape(opened)  # the upper bytes are all it takes
        if white_level is None and 0 < np.max(np.asarray(image)[..., :3]) < 64:
            say(DARK)
        return image
    if opened.mode == "F" and not (known or white_level):
        raise ValueError("floating point numbers of an unknown range: give --white_level")
    inverted = getattr(opened, "tag_v2", {}).get(_PHOTOMETRIC) == 0
    numbers = read_numbers(opened, reopen, shape)
    alpha = None
    if numbers.ndim == 3 and numbers.shape[2] in (2, 4):
        alpha = _scale(numbers[..., -1], DEFAULT_WHITE)
        numbers = numbers[..., :-1]
    elif clear is not None:
        matches = numbers == np.asarray(clear)
        alpha = np.where(matches.all(axis=2) if numbers.ndim == 3 else matches, 0, 255)
    _check(numbers, level)
    if known is None:
        brightest = numbers.max()
        if brightest > level:
            say(BRIGHTER)
        elif white_level is None and 0 < brightest < DEFAULT_WHITE / 4:
            say(DARK)
    scaled = _scale(numbers, level)
    if numbers.ndim == 3 and numbers.shape[2] == 1:
        scaled = scaled[..., 0]
    image = Image.fromarray(255 - scaled if inverted else scaled)
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha.astype(np.uint8)))
    image.info = info
    return image


def brightest_number(opened: Image.Image, reopen: Callable[[], Image.Image]) -> float | None:
    """Returns the largest number of a deep picture, None where the file tells its range.

    Raises:
        ValueError: as `to_8_bits` does.
    """
    if _known_range(opened) is not None:
        return None
    numbers = read_numbers(opened, reopen, lambda image: image)
    if numbers.ndim == 3 and numbers.shape[2] in (2, 4):
        numbers = numbers[..., :-1]
    _check(numbers, DEFAULT_WHITE)
    return float(numbers.max())


def choose_white_level(whole: Sequence[float], floating: Sequence[float]) -> float:
    """Chooses the white level of a data set by the brightest numbers of some pictures.

    Args:
        whole: of pictures of whole numbers.
        floating: of pictures of floating point numbers; some in either.

    Raises:
        UserError: the two don't go together.
    """
    kinds = ((whole, False), (floating, True))
    levels = {_level_above(max(found), floats) for found, floats in kinds if found}
    if len(levels) > 1:
        raise UserError(
            f"white_level: expected pictures of one range, got whole numbers up to "
            f"{max(whole):,.0f} and floating point numbers up to {max(floating):g}: give "
            "--white_level or convert one kind at a time"
        )
    return levels.pop()


def _level_above(brightest: float, floating: bool) -> float:
    if floating and brightest <= 1:
        return 1.0
    for bits in (8, 10, 12, 14, 16):
        if brightest <= 2**bits - 1:
            return float(2**bits - 1)
    return float(2 ** int(brightest).bit_length() - 1)


def _known_range(opened: Image.Image) -> int | None:
    """Returns what is white in the numbers as Pillow gives them, where the file tells."""
    if opened.mode != "F" and opened.format in ("PPM", "JPEG2000"):
        return DEFAULT_WHITE  # which Pillow scales them to
    bits = getattr(opened, "tag_v2", {}).get(_BITS, ())
    return 2 ** bits[0] - 1 if opened.mode == "I;16" and bits and bits[0] < 16 else None


def _check(numbers: np.ndarray, level: float) -> None:
    if numbers.dtype.kind == "f" and not np.isfinite(numbers).all():
        raise ValueError("some of its numbers are not finite")
    darkest = numbers.min()
    if darkest < -level / 255:  # what rounds to 0 is no matter
        raise ValueError(f"its numbers go down to {darkest:g}, expected 0 to {level:g}")


def _scale(numbers: np.ndarray, level: float) -> np.ndarray:
    scaled = np.empty(numbers.shape, np.uint8)
    for start in range(0, len(numbers), _ROWS):
        part = numbers[start : start + _ROWS].astype(np.float64)
        scaled[start : start + _ROWS] = np.rint(np.clip(part, 0, level) / (level / 255))
    return scaled


def _raw_mode(opened: Image.Image) -> str:
    tiles = getattr(opened, "tile", None)
    args = tiles[0].args if tiles else ""
    return str(args[0] if isinstance(args, tuple) and args else args or "")


def _set_raw_mode(opened: Image.Image, raw: str) -> None:
    if isinstance(opened, ImageFile.ImageFile):  # arrays are never deep
        opened.tile = [
            tile._replace(args=(raw, *tile.args[1:]) if isinstance(tile.args, tuple) else raw)
            for tile in opened.tile
        ]
