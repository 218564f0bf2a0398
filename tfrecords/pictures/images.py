"""A picture, as found, to a square uint8 array. Needs Pillow only."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageColor, ImageOps

from tfrecords.common.errors import UserError
from tfrecords.pictures import depth
from tfrecords.pictures.color import to_srgb
from tfrecords.pictures.kinds import KINDS, decoders, sniff
from tfrecords.pictures.source import PictureOptions

# 2^27, 134 million: 11,585 px squared, 400 MiB of RGB. A small file can claim any size, and
# is refused by its header, before memory is taken. Pillow itself refuses above 179 million.
MAX_PIXELS = 2**27

SMALLEST_RESOLUTION = 4

_DNG_VERSION = 50706  # tag of a camera raw file that looks like a TIFF


def prepare_picture(
    picture: bytes | np.ndarray,
    options: PictureOptions,
    name: str = "picture",
    say: Callable[[str], None] = lambda note: None,
) -> np.ndarray:
    """Brings a picture into shape: upright, in sRGB, opaque, square, and resized.

    Resizing is with Lanczos' filter, which averages over all the pixels that a smaller
    picture's pixel covers. Of an animation, or of several pages, the first picture is
    read. More than 8 bits are scaled down to 8, see `depth`.

    Args:
        picture: the bytes of a file of a kind that `pictures.kinds` reads, in any colour
            mode; or uint8 pixels, (height, width) or (height, width, 1, 3 or 4), in grey,
            RGB or RGBA.
        options: settled.
        name: what errors call the picture.
        say: told what is doubtful about the picture, to be read after a number of them.

    Returns:
        (resolution, resolution, num_channels) uint8.

    Raises:
        UserError: the picture cannot be read, or has more than `MAX_PIXELS`, or is smaller
            than the resolution and may not be enlarged.
    """
    resolution, num_channels = options.side, options.num_channels
    if num_channels not in (1, 3):
        raise UserError(f"channels: expected 1 (grey) or 3 (RGB), got {num_channels}")
    try:
        with warnings.catch_warnings():
            # Pillow warns of sizes that are allowed here, and of odd metadata.
            warnings.simplefilter("ignore")
            with _open(picture) as opened:
                image = to_srgb(_read_upright(opened, picture, options, say), say)
                image = _make_opaque(image, options.background)
    except Exception as error:  # broken files make Pillow's decoders raise all sorts
        raise _unreadable(picture, name, error) from error
    _check_size(image, options, name)
    image = image.convert("L" if num_channels == 1 else "RGB")
    if options.fit == "letterbox":
        image = _letterbox(image, resolution, options.background)
    elif image.size != (resolution, resolution):
        image = image.resize((resolution, resolution), Image.Resampling.LANCZOS)
    return np.asarray(image).reshape(resolution, resolution, num_channels)


def smaller_side(picture: bytes | str, name: str = "picture") -> int:
    """Returns a picture's smaller side in pixels, from its header alone.

    Args:
        picture: the file's bytes, of which the first mostly suffice, or its local path.
        name: what errors call the picture.

    Raises:
        UserError: the header cannot be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file = io.BytesIO(picture) if isinstance(picture, bytes) else picture
            with Image.open(file, formats=decoders()) as image:
                return min(image.size)
    except Exception as error:  # as above
        raise _unreadable(picture, name, error) from error


def brightest_number(picture: bytes | np.ndarray) -> tuple[float, bool] | None:
    """Returns the largest number of a picture of more than 8 bits, and whether it is a float.

    Returns:
        None for other pictures, for files that tell their range, and for what cannot be
        read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with _open(picture) as opened:
                if not depth.is_deep(opened):
                    return None
                floating = opened.mode == "F"
                number = depth.brightest_number(opened, lambda: _open(picture))
                return None if number is None else (number, floating)
    except Exception:  # the conversion meets it again, and rejects it with the reason
        return None


def parse_background(text: str) -> tuple[int, int, int]:
    """Reads a colour such as `#ffffff` or `white` into RGB, 0 to 255.

    Raises:
        UserError: it is no colour.
    """
    try:
        return ImageColor.getrgb(text)[:3]
    except ValueError as error:
        raise UserError(
            f"background: expected a colour like #ffffff or white, got {text!r}: give such a one"
        ) from error


def resolutions(largest: int) -> tuple[int, ...]:
    """Lists the resolutions of a dataset, largest first: 32 gives (32, 16, 8, 4).

    Raises:
        UserError: `largest` is not a power of two, or below 4.
    """
    if largest < SMALLEST_RESOLUTION or largest & (largest - 1):
        below = max(SMALLEST_RESOLUTION, 1 << max(largest, 1).bit_length() - 1)
        raise UserError(
            f"resolution: expected a power of two, 4 or more, got {largest}: take {below}"
        )
    return tuple(1 << log2 for log2 in range(largest.bit_length() - 1, 1, -1))


def build_pyramid(image: np.ndarray) -> dict[int, np.ndarray]:
    """Averages a picture down to 4 px (the paper's section 3: the reals of each stage).

    The average is carried from level to level in float32, where it is exact: each
    level adds 2 bits to the 8 of the picture. Only what is returned is rounded.

    Args:
        image: (resolution, resolution, channels) uint8; resolution a power of two
            from 4 to 1024.

    Returns:
        Resolution to picture, (resolution, resolution, channels) uint8, largest first.

    Raises:
        ValueError: `image` is not such an array.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[0] != image.shape[1]:
        raise ValueError(
            "image must be uint8 of shape (resolution, resolution, channels), "
            f"got {image.dtype} of shape {image.shape}"
        )
    levels = {}
    level = image.astype(np.float32)
    for resolution in resolutions(image.shape[0]):
        if resolution != level.shape[0]:
            # Rows first: adding them runs along memory, which `mean` over blocks does not.
            rows = level[0::2] + level[1::2]
            level = (rows[:, 0::2] + rows[:, 1::2]) * np.float32(0.25)
        levels[resolution] = np.rint(level).astype(np.uint8)
    return levels


def _open(picture: bytes | np.ndarray) -> Image.Image:
    if isinstance(picture, np.ndarray):
        if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or not picture.size:
            raise ValueError(f"expected uint8 pixels, got {picture.dtype} of shape {picture.shape}")
        grey = picture.ndim == 3 and picture.shape[2] == 1
        return Image.fromarray(picture[:, :, 0] if grey else picture)
    image = Image.open(io.BytesIO(picture), formats=decoders())
    if _DNG_VERSION in getattr(image, "tag_v2", ()):
        raise ValueError("a camera raw file: develop it and save it as PNG or JPEG")
    clear = image.info.get("transparency")
    if image.format == "PNG" and image.mode == "L" and isinstance(clear, int):
        # Pillow scales gray of 2 and 4 bits to 8, but not the gray that is transparent.
        image.info["transparency"] = clear * {"L;2": 85, "L;4": 17}.get(str(image.tile[0].args), 1)
    if image.width * image.height > MAX_PIXELS:
        raise ValueError(
            f"{image.width} x {image.height} px are too many, expected at most {MAX_PIXELS:,}"
        )
    return image


def _read_upright(
    opened: Image.Image,
    picture: bytes | np.ndarray,
    options: PictureOptions,
    say: Callable[[str], None],
) -> Image.Image:
    """Returns the picture in 8 bits, as it is to be looked at, cut if it is to be."""

    def shape(image: Image.Image) -> Image.Image:
        image = ImageOps.exif_transpose(image)
        return _crop_square(image) if options.fit == "crop" else image

    if depth.is_deep(opened):
        return depth.to_8_bits(opened, lambda: _open(picture), shape, options.white_level, say)
    return shape(opened)


def _check_size(image: Image.Image, options: PictureOptions, name: str) -> None:
    if options.allow_upscaling:
        return
    # Bars leave the longer side to fill the square; elsewhere the shorter one has to.
    which, side = ("smaller", min(image.size))
    if options.fit == "letterbox":
        which, side = ("longer", max(image.size))
    if side < options.side:
        raise UserError(
            f"{name}: expected at least {options.resolution} px, its {which} side has {side}: "
            "take a lower resolution, leave the picture out or allow upscaling"
        )


def _crop_square(image: Image.Image) -> Image.Image:
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def _letterbox(
    image: Image.Image, resolution: int, background: tuple[int, int, int]
) -> Image.Image:
    scale = resolution / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    if (width, height) != image.size:
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    square = Image.new("RGB", (resolution, resolution), background).convert(image.mode)
    square.paste(image, ((resolution - width) // 2, (resolution - height) // 2))
    return square


def _make_opaque(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """Returns the picture in RGB, 8 bits, over the background where it is transparent."""
    if image.has_transparency_data:
        below = Image.new("RGBA", image.size, (*background, 255))
        image = Image.alpha_composite(below, image.convert("RGBA"))
    return image.convert("RGB")


def _unreadable(picture: bytes | np.ndarray | str, name: str, error: Exception) -> UserError:
    kind = sniff(picture) if isinstance(picture, bytes) else None
    if kind is not None and not kind.is_read():
        return UserError(f"{name}: {kind.reason()}")
    if isinstance(error, Image.DecompressionBombError):  # beyond Pillow's own limit
        reason = f"the header claims too many pixels, expected at most {MAX_PIXELS:,}"
    elif isinstance(error, Image.UnidentifiedImageError):  # Pillow prints a BytesIO's address
        known = ", ".join(kind.name for kind in KINDS if kind.is_read())
        reason = (
            f"a broken or rare {kind.name} file" if kind else f"not a picture: expected {known}"
        )
    else:
        reason = " ".join(str(error).split()) or type(error).__name__
    return UserError(f"{name}: cannot be read: {reason}; mend it or leave it out")
