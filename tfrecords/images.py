"""A picture file to a square uint8 array. Needs Pillow only."""

import io

import numpy as np
from PIL import Image, ImageColor, ImageOps

from tfrecords.errors import UserError

WHITE = (255, 255, 255)


def read_picture(
    path_or_bytes: str | bytes,
    resolution: int,
    num_channels: int,
    background: tuple[int, int, int] = WHITE,
    allow_upscaling: bool = False,
    name: str | None = None,
) -> np.ndarray:
    """Reads a picture: upright, on a solid background, cut square, and resized.

    The largest centred square is kept and resized with Lanczos' filter, which
    averages over all the pixels that a smaller picture's pixel covers. Of an
    animation the first picture is read. Any colour mode of Pillow's will do; grey
    values of 16 bits are scaled down to 8.

    Args:
        path_or_bytes: a local path, or the bytes of the file.
        resolution: width and height of the result, in pixels.
        num_channels: 1 for grey (ITU-R 601 luma), 3 for RGB.
        background: what shows through transparent pixels; RGB, 0 to 255.
        allow_upscaling: whether pictures smaller than `resolution` are enlarged.
        name: what errors call the picture; the path when absent.

    Returns:
        (resolution, resolution, num_channels) uint8.

    Raises:
        UserError: the picture cannot be read, or is smaller than `resolution` and
            `allow_upscaling` is off.
    """
    if num_channels not in (1, 3):
        raise UserError(f"channels: expected 1 (grey) or 3 (RGB), got {num_channels}")
    name = _name(path_or_bytes, name)
    try:
        with Image.open(_file(path_or_bytes)) as opened:
            image = _crop_square(ImageOps.exif_transpose(opened))
            image = _make_opaque(image, background)
    except Exception as error:  # broken files make Pillow's decoders raise all sorts
        raise _unreadable(name, error) from error
    if image.width < resolution and not allow_upscaling:
        raise UserError(
            f"{name}: expected at least {resolution} px, its smaller side has {image.width}: "
            "take a lower resolution, leave the picture out or allow upscaling"
        )
    image = image.convert("L" if num_channels == 1 else "RGB")
    if image.width != resolution:
        image = image.resize((resolution, resolution), Image.Resampling.LANCZOS)
    return np.asarray(image).reshape(resolution, resolution, num_channels)


def smaller_side(path_or_bytes: str | bytes, name: str | None = None) -> int:
    """Returns a picture's smaller side in pixels, from its header alone.

    Args:
        path_or_bytes: as for `read_picture`; the first bytes of a file mostly suffice.
        name: as for `read_picture`.

    Raises:
        UserError: the header cannot be read.
    """
    try:
        with Image.open(_file(path_or_bytes)) as image:
            return min(image.size)
    except Exception as error:  # as above
        raise _unreadable(_name(path_or_bytes, name), error) from error


def convert_channels(image: np.ndarray, num_channels: int) -> np.ndarray:
    """Turns an RGB array, (height, width, 3) uint8, into one of 1 or 3 channels."""
    if num_channels == 3:
        return image
    return np.asarray(Image.fromarray(image).convert("L"))[:, :, np.newaxis]


def parse_background(text: str) -> tuple[int, int, int]:
    """Reads a colour such as `#ffffff` or `white` into RGB, 0 to 255.

    Raises:
        UserError: it is no colour.
    """
    try:
        return ImageColor.getrgb(text)[:3]
    except ValueError as error:
        raise UserError(f"background: expected a colour like #ffffff, got {text!r}") from error


def _crop_square(image: Image.Image) -> Image.Image:
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def _make_opaque(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """Returns the picture in RGB, 8 bits, over the background where it is transparent."""
    if image.mode == "F":
        raise ValueError("pictures of floating point numbers have no known range")
    if image.mode.startswith("I"):  # 16 bits, which Pillow's own conversion would clip
        return Image.fromarray(_high_byte(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        below = Image.new("RGBA", image.size, (*background, 255))
        image = Image.alpha_composite(below, image.convert("RGBA"))
    return image.convert("RGB")


def _high_byte(image: np.ndarray) -> np.ndarray:
    """Scales 0 to 65535 down to 0 to 255."""
    return np.rint(np.clip(image.astype(np.float64), 0, 65535) / 257).astype(np.uint8)


def _file(path_or_bytes: str | bytes) -> str | io.BytesIO:
    return io.BytesIO(path_or_bytes) if isinstance(path_or_bytes, bytes) else path_or_bytes


def _name(path_or_bytes: str | bytes, name: str | None) -> str:
    return name or (path_or_bytes if isinstance(path_or_bytes, str) else "picture")


def _unreadable(name: str, error: Exception) -> UserError:
    if "cannot identify image file" in str(error):  # Pillow prints a BytesIO's address
        reason = "not a picture that Pillow knows"
    else:
        reason = " ".join(str(error).split()) or type(error).__name__
    return UserError(f"{name}: cannot be read: {reason}; mend it or leave it out")
