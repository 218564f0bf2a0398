"""Converts a picture to uint8 arrays of one shape at every resolution. Needs only Pillow."""

import contextlib
import functools
import io
import warnings
from collections.abc import Callable, Iterator

import numpy as np
from PIL import ExifTags, Image, ImageColor, ImageOps

from tfrecords.common.errors import UserError
from tfrecords.common.shape import PAPER, Base
from tfrecords.pictures import depth
from tfrecords.pictures.alpha import clip_to_alpha
from tfrecords.pictures.color import to_srgb
from tfrecords.pictures.fitting import check_size, fitted, largest_part
from tfrecords.pictures.kinds import KINDS, decoders, sniff
from tfrecords.pictures.numbers import prepare_numbers
from tfrecords.pictures.source import PictureOptions

# 11,585 px squared, 400 MiB of RGB. Larger pictures are refused by their header.
MAX_PIXELS = 2**27

_DNG_VERSION = 50706  # tag of camera raw files that look like TIFF
_ON_ITS_SIDE = (5, 6, 7, 8)  # of Exif's orientations


def prepare_picture(
    picture: bytes | np.ndarray,
    options: PictureOptions,
    name: str = "picture",
    say: Callable[[str], None] = lambda note: None,
) -> np.ndarray:
    """Makes a picture upright, sRGB and of 8 or 16 bits, and resizes it to one shape with Lanczos.

    Transparent pictures are laid on `options.background`; with 4 channels their color is
    premultiplied by alpha instead, and the bars of a letterbox are transparent.

    Takes the bytes of a file of any kind in `pictures.kinds`, and uses its first picture; or uint8
    pixels, (height, width) or (height, width, 1, 3 or 4), in gray, RGB or RGBA; or, if the options
    have a `value_range`, (height, width, num_channels) numbers. Calls `say` with notes about
    anything doubtful, worded to follow a number of pictures.

    Returns (height, width, num_channels) uint8, as `options.size`, or, of 16 bits, uint16, whose
    numbers no color profile changes. Raises a UserError that starts with `name` if it cannot be
    read, has more than `MAX_PIXELS`, or is too small and must not be enlarged.
    """
    if isinstance(picture, np.ndarray) and options.value_range:
        return prepare_numbers(picture, options, name, say)

    def shape(image: Image.Image) -> Image.Image:
        image = ImageOps.exif_transpose(image)
        if options.fit != "crop":
            return image
        width, height = largest_part(image.size, options.size)
        left, top = (image.width - width) // 2, (image.height - height) // 2
        return image.crop((left, top, left + width, top + height))

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
    check_size(image.size, options, name)
    if options.fit == "letterbox":
        image = _letterbox(image, options.size, options.background)
    elif image.size != options.size:
        image = image.resize(options.size, Image.Resampling.LANCZOS)
    pixels = np.asarray(image).reshape(*options.size[::-1], options.num_channels)
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


def size_of(picture: bytes | np.ndarray | str, name: str = "picture") -> tuple[int, int]:
    """Returns an upright picture's width and height, from its first bytes, local path or pixels."""
    if isinstance(picture, np.ndarray):
        return picture.shape[1], picture.shape[0]
    file = io.BytesIO(picture) if isinstance(picture, bytes) else picture
    with _decoding(picture, name), Image.open(file, formats=decoders()) as image:
        width, height = image.size
        # Without this test Pillow would read all of a PNG.
        exif = image.getexif() if "exif" in image.info else getattr(image, "tag_v2", {})
        lies = exif.get(ExifTags.Base.Orientation) in _ON_ITS_SIDE
        return (height, width) if lies else (width, height)


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


def build_pyramid(image: np.ndarray, base: Base = PAPER) -> dict[int, np.ndarray]:
    """Averages a picture down to its base, for the reals of each stage (paper, section 3).

    Takes (height, width, channels) uint8 or uint16 of a base, at a resolution from 4 to 1024.
    Returns pictures by resolution, largest first, rounded from exact averages.
    """
    dtype, largest = image.dtype, 4 * image.shape[0] // base.height
    wanted = dtype in (np.uint8, np.uint16) and image.ndim == 3
    if not wanted or image.shape[:2] != base.shape(largest):
        got = f"{image.dtype} of shape {image.shape}"
        kind = f"uint8 (height, width, channels) of {base.width}x{base.height} cells"
        raise ValueError(f"image must be {kind}, got {got}")
    levels = {}
    exact: type = np.float32 if dtype == np.uint8 else np.float64  # no sum is rounded
    level: np.ndarray = image.astype(exact)
    for resolution in resolutions(largest):
        if resolution != largest:
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


def _letterbox(
    image: Image.Image, size: tuple[int, int], background: tuple[int, int, int]
) -> Image.Image:
    width, height = fitted(image.size, size)
    if (width, height) != image.size:
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    if image.mode == "RGBa":
        whole = Image.new("RGBA", size).convert("RGBa")
    else:
        whole = Image.new("RGB", size, background)
        if image.mode == "F":
            whole = Image.fromarray(np.asarray(whole.convert("L")) * np.float32(257))
        else:
            whole = whole.convert(image.mode)
    whole.paste(image, ((size[0] - width) // 2, (size[1] - height) // 2))
    return whole
