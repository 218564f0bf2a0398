"""A .tar archive, compressed or not, no member of which can ask for too much."""

import functools
import posixpath
import tarfile
from collections.abc import Collection, Iterator
from typing import IO, Self

import numpy as np

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
    open_encoded,
    unpack,
    user_error_on,
)

# Of what stands before a member: its long name, or its further attributes.
_MOST_HEADER_BYTES = 2**18
_HEADERS = (
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
)


class _Info(tarfile.TarInfo):
    """A member's header, refused where its size makes no sense."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        info = super().frombuf(buf, encoding, errors)
        if info.size < 0 or (info.type in _HEADERS and info.size > _MOST_HEADER_BYTES):
            raise tarfile.ReadError(f"a header of {info.size} bytes")
        return info


def _read_members(path: str | TemporaryPath) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """Gives the members in order, those that are files opened. Keeps none.

    Damaged archives raise all sorts.
    """
    last = -1
    with tarfile.open(path, "r:", tarinfo=_Info) as archive:
        while (member := archive.next()) is not None:
            # tarfile would keep 1 kB for each; its stubs lack them.
            archive.members = []  # type: ignore[attr-defined]
            if member.offset <= last or member.size < 0:
                raise tarfile.ReadError("a member that lies before another")
            last = member.offset
            is_file = member.isreg() and not member.issparse()
            yield member, archive.extractfile(member) if is_file else None


def read_named(
    path: str, names: Collection[str], most_bytes: int, packed: IO[bytes] | None = None
) -> Iterator[tuple[str, bytes]]:
    """Gives the name and the bytes of each file of one of the names, in whatever folder.

    `packed` is the archive if it is open already. Raises UserError for one that unpacks to far
    more than its size, any other error for one that is damaged or holds a file that is too large.
    """
    for member, file in _read_members(unpack(path, packed)):
        name = posixpath.basename(member.name)
        if file and name in names:
            if member.size > most_bytes:
                raise tarfile.ReadError(f"{name} has {member.size} bytes")
            yield name, file.read()


def find_in_tar(file: str) -> PictureFiles:
    """Finds the pictures in a tar. Damaged archives raise all sorts."""
    holder = unpack(file)
    places: dict[str, tuple[int, int, int]] = {}  # start in the holder, size and time
    rejected: dict[str, str] = {}
    for member, opened in _read_members(holder):
        path, target = clean_path(member.name), clean_path(member.linkname)
        if is_hidden(path) or member.isdir():
            continue
        if member.islnk() and target in places:  # tar writes a second name of a file so
            places[path] = places[target]
        elif opened:
            why = why_skipped(path, functools.partial(opened.read, HEAD_BYTES), member.size)
            if why:
                rejected[path] = why
            elif why == "":
                places[path] = member.offset_data, member.size, int(member.mtime)
        elif kind_by_ending(path):
            link = member.islnk() or member.issym()
            rejected[path] = "a link" if link else "no regular file"
    paths = sorted(places)
    table = np.array([places[path] for path in paths], np.int64).reshape(-1, 3)
    entries = [[path, *row[1:]] for path, row in zip(paths, table.tolist(), strict=True)]
    return PictureFiles(
        paths,
        [file_identity(file), entries],
        sorted(rejected.items()),
        functools.partial(open_encoded, holder, table[:, 0].copy(), table[:, 1].copy(), file),
        functools.partial(_read_text, file, holder),
    )


def _read_text(file: str, holder: str | TemporaryPath, path: str) -> bytes | None:
    with user_error_on(f"{file}: its {path} cannot be read"):
        for member, opened in _read_members(holder):
            if opened and clean_path(member.name) == path:
                check_text_size(file, path, member.size)
                return opened.read()
    return None
