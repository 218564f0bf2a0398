"""Pictures as parts of one file, which any process reads by their places in it."""

import contextlib
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from tfrecords.common.errors import UserError
from tfrecords.common.files import temporary_folder
from tfrecords.common.in_words import size_in_words
from tfrecords.common.limits import picture_too_large
from tfrecords.pictures.source import FileReader, Reader, SourceFile


class TemporaryPath:
    """The path of a temporary file that lives as long as this object and this process.

    Pickled it is a plain string: the processes that read the file do not own it.
    """

    def __init__(self) -> None:
        """Makes its folder.

        Raises:
            OSError: that can't be made.
        """
        lifetime = contextlib.ExitStack()
        self._path = os.path.join(lifetime.enter_context(temporary_folder()), "pictures")
        weakref.finalize(self, lifetime.close)

    def __fspath__(self) -> str:
        return self._path

    def __str__(self) -> str:
        return self._path

    def __reduce__(self) -> tuple:
        return str, (self._path,)


@contextlib.contextmanager
def new_temporary_file() -> Iterator[tuple[BinaryIO, TemporaryPath]]:
    """Gives a temporary file to write, and the path it has from then on.

    Raises:
        UserError: it cannot be written, as the disk may be full.
    """
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


@dataclass(frozen=True, eq=False)
class Parts:
    """Opens the parts of a file; a `Source.open`.

    Attributes:
        path: of the file.
        starts: (parts,) int64, where each begins, in bytes.
        sizes: (parts,) int64, in bytes.
        name: what errors call the file.
    """

    path: str | TemporaryPath
    starts: np.ndarray
    sizes: np.ndarray
    name: str

    def __call__(self) -> FileReader:
        """Opens the file."""
        try:
            file = open(self.path, "rb")  # noqa: SIM115 - the reader keeps it
        except OSError as error:
            raise UserError(f"{self.name}: cannot be opened: {error.strerror}") from error

        def read(index: int) -> bytes:
            start, size = int(self.starts[index]), int(self.sizes[index])
            if too_large := picture_too_large(size):
                raise UserError(f"{self.name} picture {index}: {too_large}")
            try:
                file.seek(start)
                data = file.read(size)
            except OSError as error:
                raise UserError(f"{self.name}: cannot be read: {error.strerror}") from error
            if len(data) != size:
                raise UserError(f"{self.name}: ends before picture {index}: was it changed?")
            return data

        return read


def spool_parts(pictures: Iterable[bytes], name: str) -> Parts:
    """Copies pictures, one at a time, to a temporary file.

    Args:
        pictures: the bytes of picture files, or others.
        name: what errors call them.

    Raises:
        UserError: the file cannot be written.
    """
    lengths = []
    with new_temporary_file() as (file, path):
        for picture in pictures:
            file.write(picture)
            lengths.append(len(picture))
    sizes = np.array(lengths, np.int64)
    return Parts(path, np.cumsum(sizes) - sizes, sizes, name)


@dataclass(frozen=True, eq=False)
class Arrays:
    """Opens pictures of one size that lie in a file as they are; a `Source.open`.

    Attributes:
        path: of the file.
        shape: (pictures, height, width) or (pictures, channels, height, width); uint8.
        offset: where the first one begins, in bytes.
        padding: zeros added on each side, in pixels.
        name: what errors call the file.
    """

    path: str | TemporaryPath
    shape: tuple[int, ...]
    offset: int
    padding: int
    name: str

    def __call__(self) -> Reader:
        """Maps the file into memory; processes share it."""
        try:
            # NumPy takes text or a pathlib path, and asks others for what only that one has.
            pictures = np.memmap(os.fspath(self.path), np.uint8, "r", self.offset, self.shape)
        except (OSError, ValueError) as error:
            raise UserError(f"{self.name}: cannot be opened: {error}") from error

        def read(index: int) -> np.ndarray:
            picture = np.array(pictures[index])
            if picture.ndim == 3:
                picture = picture.transpose(1, 2, 0)
            sides = ((self.padding, self.padding),) * 2 + ((0, 0),) * (picture.ndim - 2)
            return np.pad(picture, sides) if self.padding else np.ascontiguousarray(picture)

        return read

    @property
    def side(self) -> int:
        """The smaller side of the pictures, in pixels."""
        return min(self.shape[-2:]) + 2 * self.padding


def file_identity(path: str) -> SourceFile:
    """Returns a local file as a part of a source's identity.

    Raises:
        UserError: there is no such file.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    return SourceFile(path, status.st_size, status.st_mtime_ns)
