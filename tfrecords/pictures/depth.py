"""Converts pictures with more than 8 bits per channel, and finds which number is white."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageFile

# The note for `say`. Messages put the number of pictures before it.
BRIGHTER = "with places brighter than the white level, which are cut there: see --white_level"
DARK = "that use less than a quarter of 16 bits, not among those looked at: see --white_level"

_DEFAULT_WHITE = 65535
_OF_COLOR = ("icc_profile", "gamma", "chromaticity", "srgb")
_PHOTOMETRIC, _BITS = 262, 258  # tags of a TIFF
_LUMINANCE = np.array([0.299, 0.587, 0.114])  # of red, green and blue, as Pillow's gray (BT.601)
_ROWS = 256  # rows converted at a time, so that large pictures need no float64 copy

# Pillow's modes for unpacking 16-bit channels, and the modes that give the other byte.
_OTHER = {"16B": "16L", "16L": "16B", "16N": "16B" if sys.byteorder == "little" else "16L"}

# Opens the same file again; rotates and crops a picture; takes a note about a doubtful one.
Reopen = Callable[[], Image.Image]
Shape = Callable[[Image.Image], Image.Image]
Say = Callable[[str], None]


def is_deep(opened: Image.Image) -> bool:
    """Returns whether a picture, opened but not loaded, has more than 8 bits per channel."""
    kind, _, depth = _raw_mode(opened).partition(";")
    return _is_single(opened) or (depth in _OTHER and kind in ("RGB", "RGBA", "LA"))


def to_8_bits(
    opened: Image.Image, reopen: Reopen, shape: Shape, white_level: float | None, say: Say
) -> Image.Image:
    """Scales a deep picture, not yet loaded, so that the white level (None: 65535) becomes 255.

    Files that give their range, such as PNM and JPEG 2000, use that instead. Calls `say` if the
    level does not fit. Returns gray or RGB, with alpha if the file has it or a transparent color.
    Raises ValueError for floats without a white level, and for numbers not finite or far below 0.
    """
    known = _known_range(opened)
    level = known or white_level or _DEFAULT_WHITE
    clear = opened.info.get("transparency")
    info: dict[Any, Any] = {key: opened.info[key] for key in _OF_COLOR if key in opened.info}
    # Gray with alpha is opened as RGBA, too.
    in_color = opened.mode in ("RGB", "RGBA") and not _raw_mode(opened).startswith("LA")
    if in_color and clear is None and level == _DEFAULT_WHITE:
        image = shape(opened)  # the upper bytes are enough
        if white_level is None and 0 < np.max(np.asarray(image)[..., :3]) < 64:
            say(DARK)
        return image
    if opened.mode == "F" and not (known or white_level):
        raise ValueError("floating point numbers of an unknown range: give --white_level")
    inverted = getattr(opened, "tag_v2", {}).get(_PHOTOMETRIC) == 0
    numbers, alpha = _read_numbers(opened, reopen, shape)
    brightest = _find_brightest(numbers, level)
    if known is None and brightest > level:
        say(BRIGHTER)
    elif known is None and white_level is None and 0 < brightest < _DEFAULT_WHITE / 4:
        say(DARK)
    scaled = _scale(numbers, level)
    image = Image.fromarray(255 - scaled if inverted else scaled)
    if alpha is not None:
        image.putalpha(Image.fromarray(_scale(alpha, _DEFAULT_WHITE)))
    elif clear is not None:
        matches = np.atleast_3d(numbers == np.asarray(clear)).all(axis=2)
        image.putalpha(Image.fromarray(np.where(matches, 0, 255).astype(np.uint8)))
    image.info = info
    return image


def to_16_bits(
    opened: Image.Image,
    reopen: Reopen,
    shape: Shape,
    white_level: float | None,
    background: tuple[int, int, int],
    say: Say,
) -> Image.Image:
    """Scales a deep picture, not yet loaded, so that the white level (None: 65535) becomes 65535.

    Returns gray in Pillow's mode F, on the background where it is transparent; whole numbers of 16
    bits stay exactly as they are. Otherwise as `to_8_bits`, also its errors.
    """
    known = _known_range(opened)
    if opened.mode == "F" and not (known or white_level):
        raise ValueError("floating point numbers of an unknown range: give --white_level")
    level, clear = known or white_level or _DEFAULT_WHITE, opened.info.get("transparency")
    inverted = getattr(opened, "tag_v2", {}).get(_PHOTOMETRIC) == 0
    numbers, alpha = _read_numbers(opened, reopen, shape)
    if _find_brightest(numbers, level) > level and known is None:
        say(BRIGHTER)
    opacity: Any = None if alpha is None else alpha / _DEFAULT_WHITE
    if alpha is None and clear is not None:
        opacity = 1.0 - np.atleast_3d(numbers == np.asarray(clear)).all(axis=2)
    gray = np.clip(numbers.astype(np.float64), 0, level)
    if level != _DEFAULT_WHITE:
        gray *= _DEFAULT_WHITE / level
    if inverted:
        gray = _DEFAULT_WHITE - gray
    if gray.ndim == 3:
        gray = gray @ _LUMINANCE
    if opacity is not None:
        below = 257 * (background @ _LUMINANCE)
        gray = below + (gray - below) * opacity
    return Image.fromarray(gray.astype(np.float32))


def in_8_bits(pictures: np.ndarray) -> np.ndarray:
    """Returns uint16, of 0 to 65535, rounded to uint8; others as they are."""
    if pictures.dtype != np.uint16:
        return pictures
    return np.rint(pictures / np.float32(257)).astype(np.uint8)


def brightest_number(opened: Image.Image, reopen: Reopen) -> float | None:
    """Returns the largest number in a deep picture, or None if its file gives the range."""
    if _known_range(opened) is not None:
        return None
    numbers, _ = _read_numbers(opened, reopen, lambda image: image)
    return _find_brightest(numbers, _DEFAULT_WHITE)


def _known_range(opened: Image.Image) -> int | None:
    """Returns the white level of Pillow's numbers, or None if the file does not say."""
    if opened.mode != "F" and opened.format in ("PPM", "JPEG2000"):
        return _DEFAULT_WHITE  # Pillow has scaled them to this
    bits = getattr(opened, "tag_v2", {}).get(_BITS, ())
    return 2 ** bits[0] - 1 if opened.mode == "I;16" and bits and bits[0] < 16 else None


def _read_numbers(
    opened: Image.Image, reopen: Reopen, shape: Shape
) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns (height, width) whole numbers or float32, or (height, width, 3) uint16; and alpha."""
    if _is_single(opened):
        return np.asarray(shape(opened)), None
    kind, _, depth = _raw_mode(opened).partition(";")
    # Of color channels Pillow keeps one byte. Opening with swapped byte order gives the other.
    with reopen() as again:
        # Gray with alpha has as many bits as 8-bit RGBA, which reads all four bytes at once.
        raw = "RGBA" if kind == "LA" else f"{kind};{_OTHER[depth]}"
        if isinstance(again, ImageFile.ImageFile):  # always true, since arrays are never deep
            again.tile = [
                tile._replace(args=(raw, *tile.args[1:]) if isinstance(tile.args, tuple) else raw)
                for tile in again.tile
            ]
        low = np.asarray(shape(again))
    if kind == "LA":
        gray_and_alpha = low.view(">u2").astype(np.uint16)
        return gray_and_alpha[..., 0], gray_and_alpha[..., 1]
    numbers = np.asarray(shape(opened)).astype(np.uint16)
    numbers <<= 8
    numbers |= low
    return numbers[..., :3], numbers[..., 3] if kind == "RGBA" else None


def _find_brightest(numbers: np.ndarray, level: float) -> float:
    if numbers.dtype.kind == "f" and not np.isfinite(numbers).all():
        raise ValueError("some of its numbers are not finite")
    darkest = numbers.min()
    if darkest < -level / 255:  # smaller negative numbers round to 0
        raise ValueError(f"its numbers go down to {darkest:g}, expected 0 to {level:g}")
    return float(numbers.max())


def _scale(numbers: np.ndarray, level: float) -> np.ndarray:
    scaled = np.empty(numbers.shape, np.uint8)
    for start in range(0, len(numbers), _ROWS):
        some = numbers[start : start + _ROWS].astype(np.float64)
        scaled[start : start + _ROWS] = np.rint(np.clip(some, 0, level) / (level / 255))
    return scaled


def _is_single(opened: Image.Image) -> bool:
    """Returns whether a picture has one channel of which Pillow keeps all bits."""
    return opened.mode == "F" or opened.mode.startswith("I")


def _raw_mode(opened: Image.Image) -> str:
    tiles = getattr(opened, "tile", None)
    args = tiles[0].args if tiles else ""
    return str(args[0] if isinstance(args, tuple) and args else args or "")
