"""What every format of an export has in common."""

from __future__ import annotations

import dataclasses
import posixpath
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import tensorflow as tf

from pgan_tf.trained import Trained
from tfrecords.errors import UserError


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """What the user asked for.

    Attributes:
        export_dir: the folder to write to.
        quantize: `float16` stores the weights in half precision; tfjs only.
        name: of the generator, where a folder holds several; from its run if empty. tfjs only.
    """

    export_dir: str
    quantize: str = ""
    name: str = ""


@dataclasses.dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: the file or folder.
        what_next: lines to print: how to look at it and use it.
    """

    path: str
    what_next: tuple[str, ...]


# Writes a generator in one format. Raises UserError where that is not possible.
Writer = Callable[[Trained, ExportOptions], Exported]


@contextmanager
def whole_folder(path: str) -> Iterator[str]:
    """Gives a folder to write to, which becomes `path` once it is complete.

    Args:
        path: the folder, local or remote; must not exist.

    Raises:
        UserError: it can't be written.
    """
    parent, name = posixpath.split(path.rstrip("/"))
    partial = posixpath.join(parent, f"partial-{name}")
    try:
        tf.io.gfile.makedirs(parent or ".")
        if tf.io.gfile.exists(partial):
            tf.io.gfile.rmtree(partial)
        yield partial
        tf.io.gfile.rename(partial, path)
    except (tf.errors.OpError, OSError) as error:
        raise UserError(
            f"--export_dir: expected a folder that can be written, got {parent!r} "
            f"({str(error).splitlines()[0]}): name another"
        ) from None
