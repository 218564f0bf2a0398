"""A .zip or .tar archive of picture files as a source. Entries can't unpack beyond their size."""

import bz2
import functools
import os
import posixpath
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from typing import IO, Self

import numpy as np

from tfrecords.common.errors import UserError
from tfrecords.common.limits import check_expansion
from tfrecords.common.paths import check_regular_file
from tfrecords.common.text import printable
from tfrecords.pictures.kinds import HEAD_BYTES, kind_by_ending
from tfrecords.pictures.source import FileReader, Source
from tfrecords.sources import single_file
from tfrecords.sources.listing import PictureFiles, is_hidden, make_source, why_skipped

_ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_MOST_TEXT_BYTES = 2**27  # of a label file, enough for three million pictures
_LocalPath = str | single_file.TemporaryPath
# By path: place in the archive, size, and a value that changes with the bytes. Reasons by path.
_Found = tuple[dict[str, tuple[int, int, int]], dict[str, str]]

# Size of a header before a tar member, with its long name or extended attributes.
_MOST_HEADER_BYTES = 2**18
_HEADERS = (
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
)


def is_archive(path: str) -> bool:
    """Returns whether a file has the ending of an archive."""
    return path.lower().endswith(_ENDINGS)


def open_archive(file: str, labels: str | None = None) -> Source:
    """Finds the pictures in a local archive, in order of their paths.

    Skips hidden entries and files that are not pictures. Rejects entries named like a picture that
    are not files, such as links. Of entries with the same name, the last counts. A compressed tar
    is unpacked to a temporary file. For `labels` see `labels.find_labels`. Raises UserError if it
    is damaged, encrypted or without pictures, or if the labels do not fit.
    """
    check_regular_file(file)
    is_zip = file.lower().endswith(".zip")
    with single_file.user_error_on(f"{file}: cannot be read", ": is the archive complete?"):
        holder = file if is_zip else single_file.unpack(file)
        found, rejected = _find_in_zip(file) if is_zip else _find_in_tar(holder)
    paths = sorted(found)
    table = np.array([found[path] for path in paths], np.int64).reshape(-1, 3)
    entries = [[path, *row[1:]] for path, row in zip(paths, table.tolist(), strict=True)]
    starts, sizes, _ = table.T.copy()
    opener = functools.partial(single_file.open_encoded, holder, starts, sizes, file)
    if is_zip:
        opener = functools.partial(_open_zip, file, starts)
    read_text = functools.partial(_read_zip_text if is_zip else _read_tar_text, holder)
    identity = [single_file.file_identity(file), entries]
    files = PictureFiles(paths, identity, sorted(rejected.items()), opener, read_text)
    return make_source(file, os.path.basename(file).split(".")[0], files, labels)


def _find_in_zip(file: str) -> _Found:
    found: dict[str, tuple[int, int, int]] = {}
    rejected: dict[str, str] = {}
    unpacked = 0
    with zipfile.ZipFile(file) as archive:
        for position, info in enumerate(archive.infolist()):
            path = _clean(info.filename)
            if info.is_dir() or is_hidden(path):
                continue
            named = kind_by_ending(path)
            if named and info.flag_bits & 1:
                raise UserError(f"{file}: {printable(path)} is encrypted: unpack the archive first")
            why = "a link" if named else None
            if not stat.S_ISLNK(info.external_attr >> 16):
                read_head = functools.partial(_read_head, archive, info)
                why = why_skipped(path, read_head, info.file_size)
            found.pop(path, None)
            rejected.pop(path, None)
            if why:
                rejected[path] = why
            elif why == "":
                unpacked += info.file_size
                found[path] = position, info.file_size, info.CRC
    check_expansion(unpacked, os.path.getsize(file), file)
    return found, rejected


def _open_zip(file: str, positions: np.ndarray) -> FileReader:
    with single_file.user_error_on(f"{file}: cannot be read"):
        archive = zipfile.ZipFile(file)

    def read(index: int) -> bytes:
        info = archive.infolist()[positions[index]]
        with single_file.user_error_on(f"{printable(f'{file}/{info.filename}')}: cannot be read"):
            return _read_entry(archive, info)

    return read


def _read_zip_text(file: _LocalPath, path: str) -> bytes | None:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            if _clean(info.filename) == path:
                _check_text_size(info.file_size)
                return _read_entry(archive, info)
    return None


def _read_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Returns an entry's bytes, at most as many as its header says."""
    if info.compress_type == zipfile.ZIP_BZIP2:
        data = _unpack_bzip2(archive, info, info.file_size)
        if zlib.crc32(data) != info.CRC:
            raise zipfile.BadZipFile("other bytes than were written")
    else:
        # LZMA unpacks all its input at once, but 4 KiB give at most 28 MiB.
        bounded = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        block = max(1, info.file_size) if bounded else 2**12
        with archive.open(info) as entry:
            data = b"".join(iter(functools.partial(entry.read, block), b""))
    if len(data) != info.file_size:
        raise zipfile.BadZipFile(f"{len(data)} bytes, expected {info.file_size}")
    return data


def _read_head(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    try:
        if info.compress_type == zipfile.ZIP_BZIP2:
            return _unpack_bzip2(archive, info, HEAD_BYTES)
        with archive.open(info) as entry:
            return entry.read(HEAD_BYTES)
    except Exception:  # encrypted or broken, so there is no sign of a picture
        return b""


def _unpack_bzip2(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most_bytes: int) -> bytes:
    """Unpacks like zipfile, but with a limit, since 4 KiB may unpack to gigabytes."""
    with open(archive.filename or "", "rb") as packed:
        packed.seek(info.header_offset)
        sizes = struct.unpack("<26xHH", packed.read(30))  # of the name and the extra field
        packed.seek(sum(sizes), os.SEEK_CUR)
        size = min(info.compress_size, os.fstat(packed.fileno()).st_size)
        return bz2.BZ2Decompressor().decompress(packed.read(size), most_bytes)


class _Info(tarfile.TarInfo):
    """A member's header, refused if its size is implausible."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        info = super().frombuf(buf, encoding, errors)
        if info.size < 0 or (info.type in _HEADERS and info.size > _MOST_HEADER_BYTES):
            raise tarfile.ReadError(f"a header of {info.size} bytes")
        return info


def _read_members(path: _LocalPath) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """Yields the members in order, with open files. Damaged archives may raise anything."""
    last = -1
    with tarfile.open(path, "r:", tarinfo=_Info) as archive:
        while (member := archive.next()) is not None:
            # tarfile would keep 1 kB per member. (Its type stubs lack `members`.)
            archive.members = []  # type: ignore[attr-defined]
            if member.offset <= last or member.size < 0:
                raise tarfile.ReadError("a member that lies before another")
            last = member.offset
            is_file = member.isreg() and not member.issparse()
            yield member, archive.extractfile(member) if is_file else None
    # tarfile takes any unreadable header for the end, but the real end is a block of zeros.
    with open(path, "rb") as file:
        file.seek(archive.offset)
        if file.read(tarfile.BLOCKSIZE).strip(b"\0"):
            raise tarfile.ReadError("a damaged header")


def read_named(
    path: str, names: Collection[str], most_bytes: int, packed: IO[bytes] | None = None
) -> Iterator[tuple[str, bytes]]:
    """Yields name and bytes of each file with one of these names, in any folder.

    `packed` is the archive if already open. Raises UserError if it unpacks to far more, else any.
    """
    for member, file in _read_members(single_file.unpack(path, packed)):
        name = posixpath.basename(member.name)
        if file and name in names:
            if member.size > most_bytes:
                raise tarfile.ReadError(f"{name} has {member.size} bytes")
            yield name, file.read()


def _find_in_tar(holder: _LocalPath) -> _Found:
    places: dict[str, tuple[int, int, int]] = {}
    rejected: dict[str, str] = {}
    for member, opened in _read_members(holder):
        path, target = _clean(member.name), _clean(member.linkname)
        if is_hidden(path) or member.isdir():
            continue
        if member.islnk() and target in places:  # a second name for the same file
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
    return places, rejected


def _read_tar_text(holder: _LocalPath, path: str) -> bytes | None:
    for member, opened in _read_members(holder):
        if opened and _clean(member.name) == path:
            _check_text_size(member.size)
            return opened.read()
    return None


def _clean(path: str) -> str:
    """Returns the path of an entry relative to the archive, with slashes."""
    return posixpath.normpath(path.replace("\\", "/")).lstrip("/")


def _check_text_size(size: int) -> None:
    if size > _MOST_TEXT_BYTES:
        raise ValueError(f"expected at most {_MOST_TEXT_BYTES:,} bytes of labels, got {size:,}")
