"""How much room a data set takes on the disk, before it is written."""

import os
import shutil

from tfrecords.common.errors import UserError
from tfrecords.common.in_words import size_in_words
from tfrecords.pictures.images import resolutions
from tfrecords.pictures.source import PictureOptions
from tfrecords.writing.conversion import Conversion


def estimate_bytes(num_pictures: int, options: PictureOptions, encoding: str) -> int:
    """Estimates the size of a data set's TFRecords in bytes.

    Uncompressed ones are exact but for the frames; a PNG takes 0.7 of that, which is what
    photographs take, drawings less and noise more, and 100 bytes for its headers.
    """
    size: float = record_bytes(options)
    if encoding == "png":
        size = 0.7 * size + 100 * len(resolutions(options.side))
    return round(num_pictures * size)


def record_bytes(options: PictureOptions) -> int:
    """Returns how many bytes the uncompressed records of a picture take, from above."""
    overhead = 64  # of a frame and a message
    return sum(
        options.num_channels * resolution**2 + overhead for resolution in resolutions(options.side)
    )


def check_free_disk(conversion: Conversion, out_dir: str, partial: str) -> None:
    """Checks that what is still to be written has room.

    Raises:
        UserError: it has not.
    """
    needed = estimate_bytes(conversion.source.num_pictures, conversion.options, conversion.encoding)
    if os.path.isdir(partial):  # what is there need not be written again
        needed -= sum(entry.stat().st_size for entry in os.scandir(partial))
    folder = out_dir
    while not os.path.exists(folder):
        folder = os.path.dirname(folder)
    disk = shutil.disk_usage(folder)
    if disk.free < needed and disk.total:  # else it is none, such as /proc
        raise UserError(
            f"{out_dir}: expected {size_in_words(needed)} of free disk, got "
            f"{size_in_words(disk.free)}: make room or take a lower resolution"
        )
