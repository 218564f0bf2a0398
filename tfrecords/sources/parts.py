"""Datasets that lie in one file, from which every process reads pictures by their places."""

import contextlib
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import BinaryIO

import numpy as np

from tfrecords.common.errors import UserError
from tfrecords.common.files import temporary_folder
from tfrecords.common.limits import picture_too_large
from tfrecords.common.text import size_in_words
from tfrecords.pictures.source import FileReader, Reader, Source, SourceFile


@contextlib.contextmanager
def user_error_on(message: str, *errors: type[Exception]) -> Iterator[None]:
    """Turns what a damaged file raises into a UserError, `message: reason`, on one line."""
    try:
        yield
    except UserError:
        raise
    except errors as error:
        raise UserError(f"{message}: {' '.join(str(error).split())}") from error


class TemporaryPath:
    """The path of a temporary file that lives as long as this object and this process.

    Pickled it becomes a plain string: the processes that read the file do not own it.
    """

    def __init__(self) -> None:
        lifetime = contextlib.ExitStack()
        self._path = os.path.join(lifetime.enter_context(temporary_folder()), "pictures")
        weakref.finalize(self, lifetime.close)

    def __fspath__(self) -> str:
        return self._path

    __str__ = __fspath__

    def __reduce__(self) -> tuple:
        return str, (self._path,)


@contextlib.contextmanager
def new_temporary_file() -> Iterator[tuple[BinaryIO, TemporaryPath]]:
    """Gives a temporary file to write, and its path. Raises UserError if the disk is full."""
    try:
        temporary = TemporaryPath()
        with open(temporary, "wb") as file:
            yield file, temporary
    except OSError as error:
        folder = tempfile.gettempdir()
        free = size_in_words(shutil.disk_usage(folder).free)
        raise UserError(
            f"{folder}: cannot write a temporary copy of the pictures, {free} are free: "
            f"{error.strerror or error}: set TMPDIR to a folder with more space"
        ) from error


def open_parts(
    path: str | TemporaryPath, starts: np.ndarray, sizes: np.ndarray, name: str
) -> FileReader:
    """Opens encoded pictures that lie in one file; starts and sizes are (pictures,) int64, bytes.

    Errors call the file `name`.
    """
    try:
        file = open(path, "rb")  # noqa: SIM115 - the reader keeps it
    except OSError as error:
        raise UserError(f"{name}: cannot be opened: {error.strerror}") from error

    def read(index: int) -> bytes:
        start, size = int(starts[index]), int(sizes[index])
        if too_large := picture_too_large(size):
            raise UserError(f"{name} picture {index}: {too_large}")
        try:
            file.seek(start)
            data = file.read(size)
        except OSError as error:
            raise UserError(f"{name}: cannot be read: {error.strerror}") from error
        if len(data) != size:
            raise UserError(f"{name}: ends before picture {index}: was it changed?")
        return data

    return read


def open_arrays(
    path: str | TemporaryPath, shape: tuple[int, ...], name: str, offset: int = 0, padding: int = 0
) -> Reader:
    """Opens raw pictures of one size in one file, which it maps into memory: processes share it.

    They are uint8 (pictures, height, width) or (pictures, channels, height, width) from an offset
    in bytes on. On each side `padding` zeros are added. Errors call the file `name`.
    """
    with user_error_on(f"{name}: cannot be opened", OSError, ValueError):
        pictures = np.memmap(os.fspath(path), np.uint8, "r", offset, shape)

    def read(index: int) -> np.ndarray:
        picture = np.array(pictures[index])
        if picture.ndim == 3:
            picture = picture.transpose(1, 2, 0)
        sides = ((padding, padding),) * 2 + ((0, 0),) * (picture.ndim - 2)
        return np.pad(picture, sides) if padding else np.ascontiguousarray(picture)

    return read


def file_identity(path: str) -> SourceFile:
    """Returns a local file as a part of `Source.identity`. Raises UserError if it is missing."""
    try:
        status = os.stat(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    return SourceFile(path, status.st_size, status.st_mtime_ns)


def split_option(rest: str, choices: Sequence[str]) -> tuple[str, str]:
    """Splits `PATH[:CHOICE]`, such as a part of a dataset; the default is the first choice."""
    path, _, choice = rest.rpartition(":")
    return (path, choice) if path and choice in choices else (rest, choices[0])


def check_own_labels(labels: str | None, where: str) -> None:
    """Refuses labels from folders or files: those need pictures that have paths."""
    if labels not in (None, "none"):
        raise UserError(
            f"labels: its pictures have no paths, so {where} takes its own labels or 'none', "
            f"got {labels!r}"
        )


def with_own_labels(source: Source, labels: str | None, where: str) -> Source:
    """Returns the source with its labels if `labels` is None, without if it is `none`."""
    check_own_labels(labels, where)
    return source if labels is None else replace(source, labels=None, label_names=())
