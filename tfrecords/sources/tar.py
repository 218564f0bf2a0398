"""A .tar archive, compressed or not, no member of which can ask for too much."""

import bz2
import functools
import gzip
import lzma
import os
import posixpath
import tarfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext
from typing import IO, Any, Self

import numpy as np

from tfrecords.common.limits import check_expansion
from tfrecords.common.paths import check_regular_file
from tfrecords.pictures.kinds import HEAD_BYTES, kind_by_ending
from tfrecords.sources.listing import (
    PictureFiles,
    check_text_size,
    clean_path,
    is_hidden,
    why_skipped,
)
from tfrecords.sources.single_file import (
    TemporaryPath,
    file_identity,
    new_temporary_file,
    open_encoded,
    user_error_on,
)

# Of what stands before a member: its long name, or its further attributes.
_MOST_HEADER_BYTES = 2**18

_BLOCK_BYTES = 2**18  # read at once: passing over a member takes many

_HEADERS = (
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
)
_OPENERS: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}


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
        data = self._file.read(size)
        self._count += len(data)
        check_expansion(self._count, self._packed, self._path)
        return data


@contextmanager
def open_tar(path: str, file: IO[bytes] | None = None) -> Iterator[tarfile.TarFile]:
    """Opens an archive: one without compression to be read anywhere, another once, in order.

    `file` is the archive if it is open already. Raises UserError for one that unpacks to far more
    than its size, a pipe or a device; any other error for one that is damaged.
    """
    if file is None:
        check_regular_file(path)
    with nullcontext(file) if file else open(path, "rb") as packed:
        opener = _find_opener(packed)
        size = packed.seek(0, os.SEEK_END)
        packed.seek(0)
        if opener is None:
            with tarfile.open(path, "r:", fileobj=packed, tarinfo=_Info) as archive:
                yield archive
            return
        with opener(packed) as stream:
            unpacked: Any = _Unpacked(stream, size, path)  # of a stream it only reads
            with tarfile.open(
                path, "r|", fileobj=unpacked, tarinfo=_Info, bufsize=_BLOCK_BYTES
            ) as archive:
                yield archive


def _find_opener(packed: IO[bytes]) -> Callable[[IO[bytes]], Any] | None:
    start = packed.read(6)
    return next((opener for magic, opener in _OPENERS.items() if start.startswith(magic)), None)


def _read_members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Gives the members in order, and keeps none. Raises as `open_tar` does."""
    last = -1
    while (member := archive.next()) is not None:
        # tarfile would keep 1 kB for each; its stubs lack them.
        archive.members = []  # type: ignore[attr-defined]
        if member.offset <= last or member.size < 0:
            raise tarfile.ReadError("a member that lies before another")
        last = member.offset
        yield member


def read_named(
    archive: tarfile.TarFile, names: Collection[str], most_bytes: int
) -> Iterator[tuple[str, bytes]]:
    """Gives the name and the bytes of each file of one of the names, in whatever folder.

    Raises tarfile.ReadError for a file that is too large, and otherwise as `open_tar` does.
    """
    for member in _read_members(archive):
        name = posixpath.basename(member.name)
        if member.isreg() and name in names:
            if member.issparse() or member.size > most_bytes:
                raise tarfile.ReadError(f"{name} has {member.size} bytes")
            yield name, _open(archive, member).read()


def _open(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Any:
    """Opens a member that is a regular file."""
    return archive.extractfile(member)


def find_in_tar(file: str) -> PictureFiles:
    """Finds the pictures in a tar; copies those of a compressed one to a temporary file."""
    with open(file, "rb") as packed:
        compressed = _find_opener(packed) is not None
    if not compressed:
        return _find(file, None, file)
    with new_temporary_file() as (write, temporary):
        return _find(file, write, temporary)


def _find(
    file: str, write: Callable[[bytes], object] | None, holder: str | TemporaryPath
) -> PictureFiles:
    places: dict[str, tuple[int, int, int]] = {}  # start in the holder, size and time
    rejected: dict[str, str] = {}
    written = 0
    with open_tar(file) as archive:
        for member in _read_members(archive):
            path, target = clean_path(member.name), clean_path(member.linkname)
            if is_hidden(path) or member.isdir():
                continue
            if member.islnk() and target in places:  # tar writes a second name of a file so
                places[path] = places[target]
                continue
            if not member.isreg() or member.issparse():
                if kind_by_ending(path):
                    link = member.islnk() or member.issym()
                    rejected[path] = "a link" if link else "no regular file"
                continue
            # One file for a look and for reading: a compressed archive does not go backwards.
            opened = _open(archive, member)
            why = why_skipped(path, functools.partial(opened.peek, HEAD_BYTES), member.size)
            if why:
                rejected[path] = why
            elif why == "":
                start = written if write else member.offset_data
                if write:
                    data = opened.read()
                    write(data)
                    written += len(data)
                places[path] = start, member.size, int(member.mtime)
    paths = sorted(places)
    table = np.array([places[path] for path in paths], np.int64).reshape(-1, 3)
    entries = [[path, *row[1:]] for path, row in zip(paths, table.tolist(), strict=True)]
    return PictureFiles(
        paths,
        [file_identity(file), entries],
        sorted(rejected.items()),
        functools.partial(open_encoded, holder, table[:, 0].copy(), table[:, 1].copy(), file),
        functools.partial(_read_text, file),
    )


def _read_text(file: str, path: str) -> bytes | None:
    with user_error_on(f"{file}: its {path} cannot be read"), open_tar(file) as archive:
        for member in _read_members(archive):
            if clean_path(member.name) == path and member.isreg():
                check_text_size(file, path, member.size)
                return _open(archive, member).read()
    return None
