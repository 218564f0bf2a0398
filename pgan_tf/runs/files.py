"""Files of a run, written whole. Local and remote folders raise the same errors: TensorFlow's."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import tensorflow as tf

from tfrecords.common import files
from tfrecords.common.errors import UserError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_ADVICE = (
    (("no space left", "quota exceeded"), "make room"),
    (("permission denied", "not permitted"), "get the right to write there, or name another place"),
    (("read-only",), "name a place on a disk that can be written"),
    (("is a directory", "not a directory"), "move away what stands in its place"),
    (("name too long",), "choose a shorter name"),
    (("too large",), "name a place on a disk that takes files of that size"),
    (("no such file",), "see that the folder is there, and that nobody removes it meanwhile"),
    (("too many open files",), "close other programs, or raise the limit (ulimit -n)"),
)


@contextmanager
def whole_file(path: str) -> Iterator[BinaryIO]:
    """Gives a file to write to, which becomes `path` when the block ends, or leaves nothing.

    Raises `tf.errors.OpError` if it can't be written: `ResourceExhaustedError` on a full disk.
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


@contextmanager
def _errors_of_tensorflow(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        kind = tf.errors.ResourceExhaustedError if error.errno in _FULL else tf.errors.UnknownError
        raise kind(None, None, f"{path}; {error.strerror or error}") from error


@contextmanager
def readable_errors(path: str) -> Iterator[None]:
    """Turns an error of writing while a run trains, such as a full disk, into a UserError."""
    try:
        yield
    except tf.errors.OpError as error:
        raise UserError(
            f"{path}: expected a file that can be written, got {error.message.splitlines()[0]}: "
            f"{what_to_do(error)}; the same command goes on from the last checkpoint, which is "
            f"whole"
        ) from None


def what_to_do(error: Exception) -> str:
    """Returns advice for a file system's error, by its message. Not only full disks refuse."""
    # Before it stands the path, whose names may be any.
    text = str(getattr(error, "message", error)).rpartition(";")[2].lower()
    for reasons, advice in _ADVICE:
        if any(reason in text for reason in reasons):
            return advice
    return "see that files can be written there"
