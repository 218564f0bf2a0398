"""CelebA's aligned pictures, cropped as in the published dataset, as a source."""

import functools
import io
import os
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PIL import Image

from tfrecords.common.errors import UserError
from tfrecords.pictures.kinds import decoders
from tfrecords.pictures.source import Reader, Source
from tfrecords.sources.archives.archive import is_archive, open_archive
from tfrecords.sources.folder import open_folder

_ALIGNED_SIZE = (178, 218)  # width and height of a picture, in pixels
_CENTRE = (89, 121)  # of the crop, x and y
_SIDE = 128


def open_celeba(path: str, labels: str | None = None) -> Source:
    """Opens the aligned pictures: the 128x128 pixels around (89, 121) of each, RGB.

    The path is a folder or `img_align_celeba.zip`. A folder `img_align_celeba` in it is taken
    alone, as others hold pictures that are not aligned. For `labels` see
    `labels.files.find_labels`.

    Raises UserError as for folders and archives; so does the reader, for a picture of another size
    than 178x218.
    """
    inside = os.path.join(path, "img_align_celeba")
    if os.path.isdir(inside):
        path = inside
    if os.path.isfile(path) and is_archive(path):
        source = open_archive(path, labels)
    elif os.path.isdir(path):
        source = open_folder(path, labels)
    else:
        raise UserError(f"celeba: expected a folder or an archive, got {path!r}: no such file")
    return replace(
        source,
        name="celeba",
        description=f"celeba:{path}",
        open=functools.partial(_open_cropped, source.open),
        identity=["celeba", *source.identity],
        sample_sides=lambda: [_SIDE],
    )


def _open_cropped(open_files: Callable[[], Reader]) -> Reader:
    read = open_files()

    def read_cropped(index: int) -> np.ndarray:
        data = read(index)
        try:
            with Image.open(io.BytesIO(bytes(data)), formats=decoders()) as image:
                size = image.size
                if size == _ALIGNED_SIZE:  # others are not decoded: they may be huge
                    picture = np.asarray(image.convert("RGB"))
        except Exception as error:  # broken files make Pillow's decoders raise all sorts
            reason = str(error).split(" <")[0]  # Pillow prints a BytesIO's address
            raise UserError(f"cannot be read: {reason}") from error
        if size != _ALIGNED_SIZE:
            raise UserError(
                f"expected 178x218 pixels, as CelebA's aligned pictures "
                f"have, got {size[0]}x{size[1]}"
            )
        left, top = _CENTRE[0] - _SIDE // 2, _CENTRE[1] - _SIDE // 2
        return picture[top : top + _SIDE, left : left + _SIDE].copy()

    return read_cropped
