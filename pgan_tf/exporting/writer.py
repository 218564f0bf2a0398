"""What every format of an export has in common."""

from __future__ import annotations

import dataclasses
import posixpath
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import tensorflow as tf

from pgan_tf.exporting.manifest import free_version, manifest_of, source_of, write_manifest
from pgan_tf.runs.files import what_to_do
from pgan_tf.runs.trained import Trained
from tfrecords.common.errors import UserError
from tfrecords.common.files import whole_folder
from tfrecords.common.locking import locked


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
        kept: paths of files of an earlier version that were changed since, and stay.
    """

    path: str
    what_next: tuple[str, ...]
    kept: tuple[str, ...] = ()


# Writes a generator in one format. Raises UserError where that is not possible.
Writer = Callable[[Trained, ExportOptions], Exported]


@contextmanager
def exporting_into(export_dir: str) -> Iterator[None]:
    """Keeps other processes from exporting into a folder.

    Raises:
        BusyError: another process is at it.
        UserError: it can't be written.
    """
    busy = (
        f"--export_dir: another process is exporting into {export_dir}: wait until it has ended, "
        f"or name another"
    )
    with locked(export_dir, busy):
        yield


@contextmanager
def next_version(export_dir: str) -> Iterator[str]:
    """Gives the first free version below a folder, which nobody else exports into meanwhile.

    Raises:
        UserError: see `exporting_into` and `free_version`.
    """
    with exporting_into(export_dir):
        yield free_version(export_dir)


@contextmanager
def whole_version(path: str, trained: Trained) -> Iterator[str]:
    """Gives a folder to write to, which becomes a version's once it is complete.

    Raises:
        UserError: it can't be written.
    """
    with writing(posixpath.dirname(path)), whole_folder(path) as folder:
        yield folder
        write_manifest(folder, manifest_of(folder, source_of(trained)))


@contextmanager
def writing(export_dir: str) -> Iterator[None]:
    """Says in words what keeps a folder from being written.

    Raises:
        UserError: in place of an error of the file system.
    """
    try:
        yield
    except (tf.errors.OpError, OSError) as error:
        raise UserError(
            f"--export_dir: expected a folder that can be written, got {export_dir!r} "
            f"({str(error).splitlines()[0]}): {what_to_do(error)}"
        ) from None
