"""Where pictures and videos go: folders are made, and what goes wrong there is told in a line."""

import posixpath

import numpy as np
import tensorflow as tf

from tfrecords.common.errors import UserError
from tfrecords.common.files import check_file_place, write_file
from tfrecords.common.paths import writing
from tfrecords.pictures.kinds import encode_picture, is_file_name


def make_folder_of(path: str) -> None:
    """Makes the folder that a file, or `FOLDER/`, goes to; call it before the work.

    Raises UserError if it can't be made, or the file can't be written.
    """
    with writing(f"--output={path}"):
        if posixpath.dirname(path):
            tf.io.gfile.makedirs(posixpath.dirname(path))
    if posixpath.basename(path):
        check_file_place(path, "--output")


def check_folder_name(path: str) -> None:
    """Raises UserError for a file's name in place of a folder, unless there is such a folder."""
    if is_file_name(path) and not tf.io.gfile.isdir(path):
        raise UserError(
            f"--output: expected a folder for a file of each seed, got {path!r}: give --grid=8x4 "
            f"for one sheet, one seed for one picture, or {path + '/'!r} for a folder of that name"
        )


def write_picture(path: str, picture: np.ndarray) -> None:
    """Writes a `(height, width, 1 or 3)` uint8 picture as PNG, JPEG or WebP, by its ending.

    Whole or not at all. Raises UserError if it can't be written.
    """
    data = encode_picture(picture, path)
    with writing(f"--output={path}"):
        write_file(path, data)
