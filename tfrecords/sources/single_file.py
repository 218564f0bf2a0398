"""Datasets in a single file, from which all processes read pictures by offset."""

import bz2
import contextlib
import functools
import gzip
import lzma
import os
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import IO, Any

import numpy as np

from tfrecords.common.errors import UserError
from tfrecords.common.files import temporary_folder
from tfrecords.common.limits import check_expansion, picture_too_large
from tfrecords.common.paths import open_file, reason, writing
from tfrecords.common.text import printable
from tfrecords.pictures.source import FileReader, Reader, Source, SourceFile

_BLOCK_BYTES = 2**18
_OPENERS: tuple[tuple[bytes, Callable[[IO[bytes]], Any]], ...] = (
    *((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open)),
)


@contextlib.contextmanager
def user_error_on(message: str, advice: str = "") -> Iterator[None]:
    """Turns any error from a damaged file into a UserError, `message: reason: advice`."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        why = " ".join((reason(error) or type(error).__name__).split())
        raise UserError(f"{message}: {printable(why)[:300]}{advice}") from error


class TemporaryPath:
    """The path of a temporary file that is removed with this object. Pickled as plain text."""

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
def new_temporary_file() -> Iterator[tuple[Callable[[Any], object], TemporaryPath]]:
    """Yields a function that writes to a temporary file or raises UserError, and the path."""
    what = f"a temporary copy of the pictures in {tempfile.gettempdir()}"
    on_error = functools.partial(writing, what, ", or set TMPDIR to a folder with more space")
    with on_error():
        temporary = TemporaryPath()
        with open(temporary, "wb") as file:
            yield on_error()(file.write), temporary


def unpack(path: str, packed: IO[bytes] | None = None) -> str | TemporaryPath:
    """Returns a file's path, or that of an unpacked copy if it is a gzip, bzip2 or xz file.

    `packed` is the file if already open. Raises UserError if it is damaged or unpacks to far more
    than its size, and for pipes and devices.
    """
    with packed or open_file(path) as packed:
        start, size = packed.read(6), packed.seek(0, os.SEEK_END)
        packed.seek(0)
        opener = next((one for magic, one in _OPENERS if start.startswith(magic)), None)
        if not opener:
            return path
        count = 0
        on_error = user_error_on(f"{path}: cannot be read", ": is the archive complete?")
        with new_temporary_file() as (write, temporary), on_error, opener(packed) as stream:
            while block := stream.read(_BLOCK_BYTES):
                count += len(block)
                check_expansion(count, size, path)
                write(block)
        return temporary


def open_encoded(
    path: str | TemporaryPath, starts: np.ndarray, sizes: np.ndarray, name: str
) -> FileReader:
    """Opens encoded pictures in a file, `name` in errors; starts and sizes (pictures,) int64."""
    with user_error_on(f"{name}: cannot be opened"):
        file = open(path, "rb")  # noqa: SIM115 - the reader keeps it

    def read(index: int) -> bytes:
        size = int(sizes[index])
        if too_large := picture_too_large(size):
            raise UserError(f"{name} picture {index}: {too_large}")
        with user_error_on(f"{name}: cannot be read"):
            file.seek(int(starts[index]))
            data = file.read(size)
        if len(data) != size:
            raise UserError(f"{name}: ends before picture {index}: was it changed?")
        return data

    return read


def open_raw(
    path: str | TemporaryPath, shape: tuple[int, ...], name: str, offset: int = 0, padding: int = 0
) -> Reader:
    """Opens raw pictures of equal size in a file, which is memory-mapped and shared by processes.

    They are uint8 (pictures, [channels,] height, width), starting at `offset` bytes. `padding`
    zeros are added on each side. Errors call the file `name`.
    """
    with user_error_on(f"{name}: cannot be opened"):
        pictures = np.memmap(os.fspath(path), np.uint8, "r", offset, shape)

    def read(index: int) -> np.ndarray:
        picture = np.pad(pictures[index], [(0, 0)] * (len(shape) - 3) + [(padding, padding)] * 2)
        return picture if picture.ndim == 2 else np.ascontiguousarray(picture.transpose(1, 2, 0))

    return read


def file_identity(path: str) -> SourceFile:
    """Returns a local file for `Source.identity`. Raises UserError if it is missing."""
    with user_error_on(f"{path}: cannot be read"):
        status = os.stat(path)
    return SourceFile(path, status.st_size, status.st_mtime_ns)


def split_option(rest: str, choices: Sequence[str]) -> tuple[str, str]:
    """Splits `PATH[:CHOICE]`, where the choice may be a split. The default is the first choice."""
    path, _, choice = rest.rpartition(":")
    return (path, choice) if path and choice in choices else (rest, choices[0])


def with_own_labels(source: Source, labels: str | None) -> Source:
    """Returns the source, without labels if `labels` is `none`. UserError for others but None."""
    if labels not in (None, "none"):
        takes = f"its pictures lack paths, so {source.description} takes its own labels or 'none'"
        raise UserError(f"labels: {takes}, got {labels!r}")
    return source if labels is None else replace(source, labels=None, label_names=())
