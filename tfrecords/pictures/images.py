"""Converts a picture to square uint8 arrays at every resolution. Needs only Pillow."""

import contextlib
import functools
import io
import warnings
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image, ImageColor, ImageOps

from tfrecords.common.errors import UserError
from tfrecords.pictures import depth
from tfrecords.pictures.alpha import clip_to_alpha
from tfrecords.pictures.color import to_srgb
from tfrecords.pictures.kinds import KINDS, decoders, sniff
from tfrecords.pictures.numbers import prepare_numbers
from tfrecords.pictures.source import PictureOptions

# 11,585 px squared, 400 MiB of RGB. Larger pictures are refused by their header.
MAX_PIXELS = 2**27

_DNG_VERSION = 50706  # tag of camera raw files that look like TIFF


def prepare_picture(
    picture: bytes | np.ndarray,
    options: PictureOptions,
    name: str = "picture",
    say: Callable[[str], None] = lambda note: None,
) -> np.ndarray:
    """Makes a picture upright, sRGB, square and of 8 or 16 bits, and resizes it with Lanczos.

    Transparent pictures are laid on `options.background`; with 4 channels their color is
    premultiplied by alpha instead, and the bars of a letterbox are transparent.

    Takes the bytes of a file of any kind in `pictures.kinds`, and uses its first picture; or uint8
    pixels, (height, width) or (height, width, 1, 3 or 4), in gray, RGB or RGBA; or, if the options
    have a `value_range`, (height, width, num_channels) numbers. Calls `say` with notes about
    anything doubtful, worded to follow a number of pictures.

    Returns (resolution, resolution, num_channels) uint8, or, of 16 bits, uint16, whose numbers no
    color profile changes. Raises a UserError that starts with `name` if it cannot be read, has more
    than `MAX_PIXELS`, or is too small and must not be enlarged.
    """
    if isinstance(picture, np.ndarray) and options.value_range:
        return prepare_numbers(picture, options, name, say)

    def shape(image: Image.Image) -> Image.Image:
        image = ImageOps.exif_transpose(image)
        if options.fit != "crop":
            return image
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        return image.crop((left, top, left + side, top + side))

    with _decoding(picture, name), _open(picture) as opened:
        if depth.is_deep(opened):
            reopen, level = functools.partial(_open, picture), options.white_level
            if options.depth == 16:
                given = shape, level, options.background, say
                image = depth.to_16_bits(opened, reopen, *given)
            else:
                image = depth.to_8_bits(opened, reopen, shape, level, say)
        else:
            image = shape(opened)
        if image.mode != "F":
            image = _in_color(image, options, say)
    # The longer side fills a letterbox; otherwise the shorter one must fill the square.
    is_letterbox = options.fit == "letterbox"
    which, side = ("longer", max(image.size)) if is_letterbox else ("smaller", min(image.size))
    if side < options.side and not options.allow_upscaling:
        problem = f"expected at least {options.side} px, its {which} side has {side}"
        how = "take a lower resolution, remove the picture or allow upscaling"
        raise UserError(f"{name}: {problem}: {how}")
    square = (options.side, options.side)
    if is_letterbox:
        image = _letterbox(image, options.side, options.background)
    elif image.size != square:
        image = image.resize(square, Image.Resampling.LANCZOS)
    pixels = np.asarray(image).reshape(*square, options.num_channels)
    if options.depth == 16:
        return np.rint(np.clip(pixels, 0, 65535)).astype(np.uint16)
    return clip_to_alpha(pixels) if options.num_channels == 4 else pixels


def _in_color(
    image: Image.Image, options: PictureOptions, say: Callable[[str], None]
) -> Image.Image:
    """Converts an 8-bit picture to sRGB, premultiplied RGBA, or gray, in mode F for 16 bits."""
    image = to_srgb(image, say)
    if options.num_channels == 4:
        return image.convert("RGBA").convert("RGBa")  # premultiplied
    if image.has_transparency_data:
        below = Image.new("RGBA", image.size, (*options.background, 255))
        image = Image.alpha_composite(below, image.convert("RGBA"))
    image = image.convert("RGB").convert("L" if options.num_channels == 1 else "RGB")
    if options.depth == 16:
        return Image.fromarray(np.asarray(image) * np.float32(257))
    return image


def smaller_side(picture: bytes | np.ndarray | str, name: str = "picture") -> int:
    """Returns a picture's shorter side in pixels, from its first bytes, local path or pixels."""
    if isinstance(picture, np.ndarray):
        return min(picture.shape[:2])
    file = io.BytesIO(picture) if isinstance(picture, bytes) else picture
    with _decoding(picture, name), Image.open(file, formats=decoders()) as image:
        return min(image.size)


def brightest_number(picture: bytes | np.ndarray) -> tuple[float, bool] | None:
    """Returns the largest number in a picture with more than 8 bits, and whether it is a float.

    None for 8-bit pictures and files that give their range. Raises UserError if unreadable.
    """
    with _decoding(picture, "picture"), _open(picture) as opened:
        floating, reopen = opened.mode == "F", functools.partial(_open, picture)
        number = depth.brightest_number(opened, reopen) if depth.is_deep(opened) else None
        return None if number is None else (number, floating)


def parse_background(text: str) -> tuple[int, int, int]:
    """Parses a color such as `#ffffff` or `white` to RGB, 0 to 255. UserError if it is none."""
    try:
        return ImageColor.getrgb(text)[:3]
    except ValueError as error:
        problem = f"expected a color, such as #ffffff or white, got {text!r}"
        raise UserError(f"background: {problem}") from error


def resolutions(largest: int) -> tuple[int, ...]:
    """Returns a dataset's resolutions, largest first: 32 gives (32, 16, 8, 4)."""
    log2 = max(largest, 4).bit_length() - 1
    if largest != (best := 2**log2):
        got = f"got {largest}: take {best}"
        raise UserError(f"resolution: expected a power of two, 4 or more, {got}")
    return tuple(2**power for power in range(log2, 1, -1))


def build_pyramid(image: np.ndarray) -> dict[int, np.ndarray]:
    """Averages a picture down to 4 px, for the reals of each stage (paper, section 3).

    Takes (resolution, resolution, channels) uint8 or uint16, with a power of two from 4 to 1024.
    Returns pictures by resolution, largest first, rounded from exact averages.
    """
    dtype = image.dtype
    if dtype not in (np.uint8, np.uint16) or image.ndim != 3 or image.shape[0] != image.shape[1]:
        got = f"{image.dtype} of shape {image.shape}"
        raise ValueError(f"image must be uint8 (resolution, resolution, channels), got {got}")
    levels = {}
    exact: type = np.float32 if dtype == np.uint8 else np.float64  # no sum is rounded
    level: np.ndarray = image.astype(exact)
    for resolution in resolutions(image.shape[0]):
        if resolution != level.shape[0]:
            # Adds rows first, which runs along memory, unlike `mean` over blocks.
            rows = level[0::2] + level[1::2]
            level = (rows[:, 0::2] + rows[:, 1::2]) * exact(0.25)
        levels[resolution] = np.rint(level).astype(dtype)
    return levels


@contextlib.contextmanager
def _decoding(picture: bytes | np.ndarray | str, name: str) -> Iterator[None]:
    """Raises a UserError that says why if the block cannot read the picture."""
    try:
        # Pillow warns about sizes that are allowed here, and about odd metadata.
        with warnings.catch_warnings(action="ignore"):
            yield
    except Exception as error:  # Pillow's decoders may raise anything for broken files
        raise UserError(f"{name}: {_why_unreadable(picture, error)}") from error


def _why_unreadable(picture: bytes | np.ndarray | str, error: Exception) -> str:
    kind = sniff(picture) if isinstance(picture, bytes) else None
    if kind is not None and not kind.is_read():
        return kind.reason()
    if isinstance(error, Image.DecompressionBombError):  # beyond Pillow's own limit
        reason = f"the header claims too many pixels, expected at most {MAX_PIXELS:,}"
    elif not isinstance(error, Image.UnidentifiedImageError):
        reason = " ".join(str(error).split()) or type(error).__name__
    elif kind:  # Pillow's message has the address of a BytesIO
        reason = f"a broken or rare {kind.name} file"
    else:
        known = ", ".join(kind.name for kind in KINDS if kind.is_read())
        reason = f"not a picture: expected {known}"
    return f"cannot be read: {reason}; repair or remove it"


def _open(picture: bytes | np.ndarray) -> Image.Image:
    if isinstance(picture, np.ndarray):
        if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or not picture.size:
            raise ValueError(f"expected uint8 pixels, got {picture.dtype} of shape {picture.shape}")
        gray = picture.ndim == 3 and picture.shape[2] == 1
        return Image.fromarray(picture[:, :, 0] if gray else picture)
    image = Image.open(io.BytesIO(picture), formats=decoders())
    if _DNG_VERSION in getattr(image, "tag_v2", ()):
        raise ValueError("a camera raw file: develop it and save it as PNG or JPEG")
    clear = image.info.get("transparency")
    if image.format == "PNG" and image.mode == "L" and isinstance(clear, int):
        # Pillow scales 2-bit and 4-bit gray to 8 bits, but not the transparent gray value.
        image.info["transparency"] = clear * {"L;2": 85, "L;4": 17}.get(str(image.tile[0].args), 1)
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ValueError(f"{width} x {height} px are too many, expected at most {MAX_PIXELS:,}")
    return image


def _letterbox(image: Image.Image, side: int, background: tuple[int, int, int]) -> Image.Image:
    width, height = (max(1, round(one * (side / max(image.size)))) for one in image.size)
    if (width, height) != image.size:
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    if image.mode == "RGBa":
        square = Image.new("RGBA", (side, side)).convert("RGBa")
    else:
        square = Image.new("RGB", (side, side), background)
        if image.mode == "F":
            square = Image.fromarray(np.asarray(square.convert("L")) * np.float32(257))
        else:
            square = square.convert(image.mode)
    square.paste(image, ((side - width) // 2, (side - height) // 2))
    return square
