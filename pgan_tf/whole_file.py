"""Files that are written whole or not at all."""

from __future__ import annotations

import tensorflow as tf


def write_file(path: str, contents: bytes) -> None:
    """Writes a file under another name, and gives it its own when it is complete.

    Raises:
        tf.errors.OpError: it can't be written, such as on a full disk; nothing of it is left,
            and what stood there stays.
    """
    try:
        with tf.io.gfile.GFile(path + ".partial", "wb") as file:
            file.write(contents)
        tf.io.gfile.rename(path + ".partial", path, overwrite=True)
    except tf.errors.OpError:
        if tf.io.gfile.exists(path + ".partial"):
            tf.io.gfile.remove(path + ".partial")
        raise
