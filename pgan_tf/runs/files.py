"""Files of `tfrecords.common.files`, with TensorFlow's errors wherever they are.

Who writes the files of a run handles one kind of error, of local and of remote folders.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from typing import BinaryIO

import tensorflow as tf

from tfrecords.common import files

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextlib.contextmanager
def whole_file(path: str) -> Iterator[BinaryIO]:
    """Gives a file to write to, which becomes `path` when the block ends.

    Raises:
        tf.errors.OpError: it can't be written, such as on a full disk (ResourceExhaustedError);
            nothing of it is left, and what stood there stays.
    """
    with _errors_of_tensorflow(path), files.whole_file(path) as file:
        yield file


def write_file(path: str, contents: bytes) -> None:
    """Writes a file of `whole_file`."""
    with whole_file(path) as file:
        file.write(contents)


def copy_file(source: str, path: str) -> None:
    """Copies a file, local or remote, to one of `whole_file`."""
    with _errors_of_tensorflow(path):
        files.copy_file(source, path)


@contextlib.contextmanager
def _errors_of_tensorflow(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        kind = tf.errors.ResourceExhaustedError if error.errno in _FULL else tf.errors.UnknownError
        raise kind(None, None, f"{path}; {error.strerror or error}") from error
