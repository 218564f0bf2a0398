"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import BinaryIO

import tensorflow as tf

from tfrecords.remote import is_remote


@contextlib.contextmanager
def whole_file(path: str) -> Iterator[BinaryIO]:
    """Gives a file to write to, which becomes `path` when the block ends.

    Raises:
        tf.errors.OpError: it can't be written, such as on a full disk; nothing of it is left,
            and what stood there stays.
    """
    try:
        with tf.io.gfile.GFile(path + ".partial", "wb") as file:
            yield file
        _sync(path + ".partial", os.O_RDWR)
        tf.io.gfile.rename(path + ".partial", path, overwrite=True)
        _sync(os.path.dirname(path) or ".", os.O_RDONLY)
    except BaseException:
        if tf.io.gfile.exists(path + ".partial"):
            tf.io.gfile.remove(path + ".partial")
        raise


def write_file(path: str, contents: bytes) -> None:
    """Writes a file of `whole_file`."""
    with whole_file(path) as file:
        file.write(contents)


def _sync(path: str, mode: int) -> None:
    """Waits until a local file, or a folder's list of names, is on the disk."""
    if is_remote(path):
        return
    with contextlib.suppress(OSError):  # of file systems that don't do it by request
        descriptor = os.open(path, mode)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
