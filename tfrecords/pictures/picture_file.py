"""The picture files that are written, by their endings."""

from __future__ import annotations

import io
import os
import re
from typing import Any

import numpy as np
from PIL import Image

from tfrecords.common.errors import UserError

# Pillow's name, its settings, and the most pixels that a side may have.
FORMATS: dict[str, tuple[str, dict[str, Any], int]] = {
    ".png": ("PNG", {}, 2**31 - 1),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}, 65_500),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}, 65_500),
    ".webp": ("WEBP", {"lossless": True}, 16_383),
}


def check_picture_name(path: str, argument: str) -> None:
    """Raises a UserError that begins with `argument` unless the ending is one of `FORMATS`."""
    if _ending(path) not in FORMATS:
        raise UserError(
            f"{argument}: expected a picture to make, NAME{' or NAME'.join(FORMATS)}, got {path!r}"
        )


def is_file_name(path: str) -> bool:
    """True if a name ends like a file's, as `x.txt` does and `lr-0.001` does not."""
    return re.fullmatch(r"\.[a-z][a-z0-9]{1,4}", _ending(path)) is not None


def encode_picture(picture: np.ndarray, path: str = ".png") -> bytes:
    """Returns (height, width, 1 or 3) uint8 as a file of the format that the ending says.

    PNG and WebP lose nothing, JPEG little. Raises UserError for another ending, and for more
    pixels than the format has room for.
    """
    check_picture_name(path, "picture")
    kind, settings, most = FORMATS[_ending(path)]
    if max(picture.shape[:2]) > most:
        raise UserError(
            f"{path}: expected at most {most:,} px a side, got {picture.shape[1]:,} x "
            f"{picture.shape[0]:,}: write NAME.png"
        )
    file = io.BytesIO()
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    image.save(file, kind, **settings)
    return file.getvalue()


def _ending(path: str) -> str:
    name = os.path.basename(path).lower()
    return name if name in FORMATS else os.path.splitext(name)[1]
