"""The members of a .tar archive, compressed or not, none of which can ask for too much."""

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, Self

from tfrecords.common.limits import check_expansion
from tfrecords.common.paths import check_regular_file

# Of what stands before a member: its long name, or its further attributes.
_MOST_HEADER_BYTES = 2**18

_BLOCK_BYTES = 2**18  # read at once: passing over a member takes many

_HEADERS = (
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
)
_OPENERS: tuple[tuple[bytes, Callable[[IO[bytes]], Any]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\x00", lzma.open),
)

# What broken ones raise; of OSErrors, those that come from reading.
TAR_ERRORS = (
    *(EOFError, ValueError, LookupError, ArithmeticError, zlib.error, lzma.LZMAError),
    tarfile.TarError,
    MemoryError,  # LZMA's header says how much it wants
    RecursionError,  # one long name after another
)


class _Info(tarfile.TarInfo):
    """A member's header, refused where its size makes no sense."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        info = super().frombuf(buf, encoding, errors)
        if info.size < 0 or (info.type in _HEADERS and info.size > _MOST_HEADER_BYTES):
            raise tarfile.ReadError(f"a header of {info.size} bytes")
        return info


class _Unpacked:
    """A decompressed stream that ends where it has become far too long."""

    def __init__(self, file: IO[bytes], packed: int, path: str) -> None:
        self._file, self._packed, self._path, self._count = file, packed, path, 0

    def read(self, size: int) -> bytes:
        """Returns up to `size` bytes."""
        try:
            data = self._file.read(size)
        except OSError as error:  # the archive's; that of writing elsewhere tells of the disk
            raise tarfile.ReadError(str(error)) from error
        self._count += len(data)
        check_expansion(self._count, self._packed, self._path)
        return data


def is_compressed(path: str) -> bool:
    """Says whether an archive is compressed, by its first bytes.

    Raises:
        UserError: it is a pipe or a device.
        OSError: it cannot be read.
    """
    check_regular_file(path)
    with open(path, "rb") as file:
        return _find_opener(file.read(6)) is not None


@contextmanager
def open_tar(path: str) -> Iterator[tarfile.TarFile]:
    """Opens an archive: one without compression to be read anywhere, another once, in order.

    Raises:
        UserError: it unpacks to far more than its size, or is a pipe or a device.
        OSError, or one of `TAR_ERRORS`: it is none, or damaged.
    """
    check_regular_file(path)
    with open(path, "rb") as packed, open_tar_file(packed, path) as archive:
        yield archive


@contextmanager
def open_tar_file(packed: IO[bytes], path: str) -> Iterator[tarfile.TarFile]:
    """Does what `open_tar` does with a file that is open; errors call it `path`."""
    opener = _find_opener(packed.read(6))
    size = packed.seek(0, os.SEEK_END)
    packed.seek(0)
    if opener is None:
        with tarfile.open(path, "r:", fileobj=packed, tarinfo=_Info) as archive:
            yield archive
        return
    with opener(packed) as file:
        unpacked = _Unpacked(file, size, path)
        with tarfile.open(  # type: ignore[call-overload]  # of a stream it only reads
            path, "r|", fileobj=unpacked, tarinfo=_Info, bufsize=_BLOCK_BYTES
        ) as archive:
            yield archive


def read_members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Gives the members in order, and keeps none.

    Raises:
        UserError, OSError, or one of `TAR_ERRORS`: see `open_tar`.
    """
    last = -1
    while (member := archive.next()) is not None:
        # tarfile would keep 1 kB for each; its stubs lack them.
        archive.members = []  # type: ignore[attr-defined]
        if member.offset <= last or member.size < 0:
            raise tarfile.ReadError("a member that lies before another")
        last = member.offset
        yield member


def open_member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> io.BufferedReader:
    """Returns what reads a regular file."""
    opened = archive.extractfile(member)
    if not isinstance(opened, io.BufferedReader):
        raise tarfile.ReadError(f"{member.name} is no regular file")
    return opened


def read_member(opened: IO[bytes]) -> bytes:
    """Returns an open member's bytes; the caller has looked at its size.

    Raises:
        UserError, or one of `TAR_ERRORS`: see `open_tar`.
    """
    try:
        return opened.read()
    except OSError as error:  # as above
        raise tarfile.ReadError(str(error)) from error


def _find_opener(start: bytes) -> Callable[[IO[bytes]], Any] | None:
    return next((opener for magic, opener in _OPENERS if start.startswith(magic)), None)
