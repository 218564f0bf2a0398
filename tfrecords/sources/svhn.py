"""SVHN's cropped digits, a MATLAB file, as a source."""

import os
import struct
import zlib

import numpy as np

from tfrecords.common.errors import UserError
from tfrecords.common.paths import check_regular_file
from tfrecords.pictures.source import Source, one_hot
from tfrecords.sources.labels.files import own_labels
from tfrecords.sources.listing import split_option
from tfrecords.sources.mat_file import read_arrays
from tfrecords.sources.parts import Arrays, file_identity, new_temporary_file

_BLOCK = 1000  # pictures


def open_svhn(path_and_split: str, labels: str | None = None) -> Source:
    """Opens `FILE.mat` (format 2), or `FOLDER[:train|test|extra]` of `train_32x32.mat` etc.

    Loading takes as much memory as the pictures: 0.2 GB, `extra` 1.6 GB. They are copied
    to a temporary file, which processes share.

    Args:
        path_and_split: the split is `train` when absent.
        labels: None for the digits, `none` for none.

    Raises:
        UserError: the file is missing, damaged or another.
    """
    file, split = split_option(path_and_split, ("train", "test", "extra"))
    if os.path.isdir(file):
        file = os.path.join(file, f"{split}_32x32.mat")
    identity = file_identity(file)
    pictures, digits = _load(file)
    num_pictures = len(digits)
    with new_temporary_file() as (spool, temporary):
        for start in range(0, num_pictures, _BLOCK):
            block = pictures[..., start : start + _BLOCK].transpose(3, 2, 0, 1)
            spool.write(np.ascontiguousarray(block).data)
    array, names = own_labels(labels, one_hot(digits, 10), tuple("0123456789"), f"svhn:{file}")
    arrays = Arrays(temporary, (num_pictures, 3, *pictures.shape[:2]), 0, 0, file)
    return Source(
        name=f"svhn-{os.path.basename(file).split('.')[0]}",
        description=f"svhn:{file}",
        num_pictures=num_pictures,
        open=arrays,
        identity=["svhn", identity],
        picture_name=lambda index: f"{file} picture {index}",
        sample_sides=lambda: [arrays.side],
        labels=array,
        label_names=names,
    )


def _load(file: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the pictures, (height, width, 3, pictures) uint8, and the digits, 0 to 9."""
    check_regular_file(file)
    try:
        with open(file, "rb") as opened:
            content = read_arrays(opened, os.path.getsize(file), file, ("X", "y"))
    except UserError:
        raise
    except (OSError, ValueError, struct.error, zlib.error) as error:
        raise UserError(f"{file}: cannot be read as a MATLAB file: {error}") from error
    pictures, digits = content.get("X"), content.get("y")
    if not (
        isinstance(pictures, np.ndarray)
        and isinstance(digits, np.ndarray)
        and pictures.dtype == np.uint8
        and pictures.ndim == 4
        and pictures.shape[2] == 3
        and digits.size == pictures.shape[3] > 0
    ):
        raise UserError(
            f"{file}: expected X, uint8 (height, width, 3, pictures), and y, their digits"
        )
    if not ((digits >= 0) & (digits <= 10)).all():  # NaN is neither
        raise UserError(f"{file}: expected digits from 1 to 10, which is 0, got others")
    return pictures, digits.reshape(-1).astype(np.int64) % 10  # 10 stands for 0
