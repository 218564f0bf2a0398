"""The file format of checkpoints: named arrays, written and read one by one.

It is what `numpy.savez` writes, an uncompressed zip of .npy files. So an array never takes more
memory than its bytes in the file, whatever shape the file claims.
"""

import contextlib
import io
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import numpy as np
import tensorflow as tf

from tfrecords.common.files import whole_file
from tfrecords.common.paths import check_regular_file

# Exceptions that zipfile, NumPy and this module raise for a damaged archive.
DAMAGED = (
    *(ValueError, TypeError, LookupError, ArithmeticError, AttributeError, EOFError, OSError),
    *(MemoryError, RuntimeError, SyntaxError, struct.error, tokenize.TokenError),
    *(zipfile.BadZipFile, zlib.error),
)

_CHUNK = 2**20
# zipfile reads the list of members at once. In our files it has a tenth of this size.
_LARGEST_READ = 2**22
_ENDING = ".npy"


def write_arrays(path: str, arrays: Iterable[tuple[str, np.ndarray]]) -> None:
    """Writes arrays one by one to a new file, atomically. `tf.errors.OpError` if it can't."""
    with whole_file(path) as file, zipfile.ZipFile(_Output(file), "w") as archive:
        for name, array in arrays:
            with archive.open(name + _ENDING, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)


class ArrayFile:
    """An open file of arrays. All methods raise one of `DAMAGED` if the file is damaged."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._archive = zipfile.ZipFile(_Input(file, size))
        members = self._archive.infolist()
        self.names = [member.filename.removesuffix(_ENDING) for member in members]
        if len(set(self.names)) < len(self.names):
            raise ValueError("two arrays of the same name")
        for one in members:
            if one.compress_type != zipfile.ZIP_STORED or one.flag_bits & 1:
                raise ValueError(f"{one.filename[:80]!r} is compressed or encrypted")
            if one.file_size != one.compress_size:
                raise ValueError(f"{one.filename[:80]!r} has two sizes")
        if sum(member.file_size for member in members) > size:
            raise ValueError("arrays larger than the file")

    def read(self, name: str) -> np.ndarray:
        """Reads an array of numbers or text, and verifies its checksum."""
        member = self._archive.getinfo(name + _ENDING)
        with self._archive.open(member) as file:
            if np.lib.format.read_magic(file) != (1, 0):
                raise ValueError(f"{name[:80]!r} is of an unknown version")
            shape, by_columns, dtype = np.lib.format.read_array_header_1_0(file)
            left = member.file_size - file.tell()
            if dtype.kind not in "fiuU" or not dtype.itemsize:
                raise ValueError(f"{name[:80]!r} holds {dtype}")
            if any(n < 0 for n in shape) or math.prod(shape) * dtype.itemsize != left:
                raise ValueError(f"{name[:80]!r} has {left} bytes for another shape")
            contents = np.empty(left, np.uint8)
            for start in range(0, left, _CHUNK):
                chunk = contents[start : start + _CHUNK]
                chunk[:] = np.frombuffer(file.read(len(chunk)), np.uint8)
        return contents.view(dtype).reshape(shape, order="F" if by_columns else "C")


@contextlib.contextmanager
def open_arrays(path: str) -> Iterator[ArrayFile]:
    """Opens a file of arrays. UserError for a folder or device; `tf.errors.OpError` if it can't."""
    check_regular_file(path)
    size = tf.io.gfile.stat(path).length
    with tf.io.gfile.GFile(path, "rb") as file:
        yield ArrayFile(file, size)


class _Output:
    """A file that can only be written, so that zipfile does not try to seek or read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.flush, self.close = file, file.flush, file.close

    def write(self, contents: bytes) -> int:
        self._file.write(contents)
        return len(contents)


class _Input:
    """A file that refuses reads outside its bounds, and too large ones."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size, self._at = file, size, 0

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if not 0 <= at <= self._size:
            raise OSError("an offset outside of the file")
        self._at = at
        return at

    def read(self, size: int = -1) -> bytes:
        left = self._size - self._at
        size = left if size < 0 else min(size, left)
        if size > _LARGEST_READ:
            raise zipfile.BadZipFile("a list of arrays that is too long")
        self._file.seek(self._at)
        contents = self._file.read(size)
        self._at += len(contents)
        return contents

    def close(self) -> None:
        """Does nothing; `open_arrays` closes the file."""
