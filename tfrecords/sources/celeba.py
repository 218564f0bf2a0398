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
from tfrecords.sources.archive import is_archive, open_archive
from tfrecords.sources.folder import open_folder

_ALIGNED_SIZE = (178, 218)  # width and height of a picture, in pixels
_CROP = (25, 57, 153, 185)  # left, top, right and bottom: 128 pixels around (89, 121)


def open_celeba(path: str, labels: str | None = None) -> Source:
    """Opens the aligned pictures, each cropped to 128x128 pixels around (89, 121), RGB.

    The path is a folder or `img_align_celeba.zip`. In a folder only `img_align_celeba` is used, if
    present, since others have unaligned pictures. For `labels` see `labels.find_labels`. Raises
    UserError as for folders and archives; reading raises it for pictures other than 178x218.
    """
    inside = os.path.join(path, "img_align_celeba")
    if os.path.isdir(inside):
        path = inside
    if not os.path.isdir(path) and not (os.path.isfile(path) and is_archive(path)):
        raise UserError(f"celeba: expected a folder or an archive, got {path!r}: no such file")
    source = (open_folder if os.path.isdir(path) else open_archive)(path, labels)
    return replace(
        source,
        name="celeba",
        description=f"celeba:{path}",
        open=functools.partial(_open_cropped, source.open),
        identity=["celeba", *source.identity],
        sample_sizes=lambda: [(128, 128)],
    )


def _open_cropped(open_files: Callable[[], Reader]) -> Reader:
    read = open_files()

    def read_cropped(index: int) -> np.ndarray:
        data = io.BytesIO(bytes(read(index)))
        try:
            with Image.open(data, formats=decoders()) as image:
                if image.size != _ALIGNED_SIZE:  # checked before decoding; it may be huge
                    got = f"{image.width}x{image.height}"
                    raise UserError(f"expected 178x218 pixels, as CelebA's aligned have, got {got}")
                return np.array(image.convert("RGB").crop(_CROP))
        except UserError:
            raise
        except Exception as error:  # Pillow's decoders may raise anything for broken files
            reason = str(error).split(" <")[0]  # without the address of a BytesIO
            raise UserError(f"cannot be read: {reason}") from error

    return read_cropped
