"""Files that only TensorFlow can reach, such as `gs://…`; it is loaded when one is asked for."""

import os
from collections.abc import Callable
from typing import Any

from tfrecords.common.errors import UserError
from tfrecords.common.in_words import size_in_words
from tfrecords.common.names import printable
from tfrecords.common.regular_file import check_regular_file


def is_remote(path: str) -> bool:
    """Says whether a path is one for TensorFlow."""
    return "://" in path


def load_gfile() -> Any:
    """Returns `tf.io.gfile`."""
    import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)
    import tensorflow as tf

    return tf.io.gfile


def read_bytes(path: str, limit: int = -1) -> bytes:
    """Reads a file, local or remote.

    Args:
        path: of the file.
        limit: how many bytes at most; -1 reads all of them.

    Raises:
        UserError: it cannot be read, or is a pipe or a device.
    """
    return _read(path, lambda file: file.read(limit))


def read_whole(path: str, most_bytes: int) -> bytes:
    """Reads a whole file, local or remote, unless it is too large to be what was asked for.

    Args:
        path: of the file.
        most_bytes: that it may have.

    Raises:
        UserError: it cannot be read, is a pipe or a device, or has more bytes.
    """

    def read(file: Any) -> bytes:
        # To read "at most so many" would take memory for as many.
        size = file.size() if is_remote(path) else os.fstat(file.fileno()).st_size
        if size > most_bytes:
            raise UserError(
                f"{printable(path)}: expected at most {size_in_words(most_bytes)}, got "
                f"{size_in_words(size)}: is it the right file?"
            )
        return file.read(size)

    return _read(path, read)


def _read(path: str, read: Callable[[Any], bytes]) -> bytes:
    check_regular_file(path)
    try:
        with load_gfile().GFile(path, "rb") if is_remote(path) else open(path, "rb") as file:
            return read(file)
    except UserError:
        raise
    except Exception as error:  # TensorFlow has errors of its own
        reason = getattr(error, "strerror", None) or getattr(error, "message", None) or str(error)
        raise UserError(f"{printable(path)}: cannot be read: {reason}") from error
