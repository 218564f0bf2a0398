"""Where pictures and videos go: folders are made, and what goes wrong there is told in a line."""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Iterator

import tensorflow as tf

from tfrecords.errors import UserError


def make_folder_of(path: str) -> None:
    """Makes the folder that a file goes to, before the work that the file needs.

    Raises:
        UserError: it can't be made.
    """
    with writing(path):
        if posixpath.dirname(path):
            tf.io.gfile.makedirs(posixpath.dirname(path))


@contextlib.contextmanager
def writing(path: str) -> Iterator[None]:
    """Says in words what keeps a file from being written; drawing belongs outside.

    Raises:
        UserError: in place of an error of the file system.
    """
    try:
        yield
    except (tf.errors.OpError, OSError) as error:
        reason = getattr(error, "message", None) or str(error).splitlines()[0]
        raise UserError(
            f"--output: expected a place that can be written, got {path!r} ({reason})"
        ) from None
