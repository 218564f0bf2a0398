"""Pictures of any number of channels, as arrays of numbers in a known range."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from tfrecords.common.errors import UserError
from tfrecords.pictures.fitting import check_size, fitted, largest_part
from tfrecords.pictures.source import PictureOptions

# The note for `say`. Messages put the number of pictures before it.
BEYOND = "with numbers beyond the range, which are cut there: see --value_range"


def prepare_numbers(
    picture: np.ndarray, options: PictureOptions, name: str, say: Callable[[str], None]
) -> np.ndarray:
    """Fits (height, width, num_channels) numbers to the shape, each channel with Lanczos.

    `options.value_range` becomes 0 to 255, or 0 to 65,535 with 16 bits; what a letterbox adds is 0.
    Returns (height, width, num_channels) uint8 or uint16, as `options.size`. Raises a UserError
    that starts with `name` for numbers that are not finite, and for a picture too small.
    """
    low, high = options.value_range or (0.0, 1.0)
    if not np.isfinite(picture).all():
        raise UserError(f"{name}: some of its numbers are not finite; repair or remove it")
    if picture.min() < low or picture.max() > high:
        say(BEYOND)
    most = 2**options.depth - 1
    levels = np.clip((picture.astype(np.float64) - low) * (most / (high - low)), 0, most)
    if options.fit == "crop":
        width, height = largest_part((levels.shape[1], levels.shape[0]), options.size)
        top, left = (levels.shape[0] - height) // 2, (levels.shape[1] - width) // 2
        levels = levels[top : top + height, left : left + width]
    size = levels.shape[1], levels.shape[0]
    check_size(size, options, name)
    is_letterbox = options.fit == "letterbox"
    width, height = fitted(size, options.size) if is_letterbox else options.size
    if levels.shape[:2] != (height, width):
        levels = _resize(levels, width, height)
    if is_letterbox:
        rest = options.size[1] - height, options.size[0] - width
        levels = np.pad(levels, [*((one // 2, one - one // 2) for one in rest), (0, 0)])
    return np.clip(np.rint(levels), 0, most).astype(np.uint16 if options.depth == 16 else np.uint8)


def _resize(levels: np.ndarray, width: int, height: int) -> np.ndarray:
    channels = [
        Image.fromarray(np.float32(one)).resize((width, height), Image.Resampling.LANCZOS)
        for one in np.moveaxis(levels, -1, 0)
    ]
    return np.stack([np.asarray(one) for one in channels], axis=-1)
