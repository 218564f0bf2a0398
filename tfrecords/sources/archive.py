"""A .zip or .tar archive of picture files as a source."""

import functools
import lzma
import os
import posixpath
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tfrecords.errors import UserError
from tfrecords.source import Reader, Source
from tfrecords.sources.archive_text import read_text
from tfrecords.sources.label_files import find_labels
from tfrecords.sources.listing import (
    has_picture_name,
    is_hidden,
    no_pictures,
    printable,
    sample_read_sides,
)
from tfrecords.sources.parts import Parts, file_identity, new_temporary_file

_TAR_ENDINGS = (".tar",)
_COMPRESSED_ENDINGS = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")

# What broken archives make zipfile and tarfile raise.
ARCHIVE_ERRORS = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,  # encryption, and NotImplementedError of rare compressions
    zlib.error,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
)


def is_archive(path: str) -> bool:
    """Says whether a file's ending is that of an archive."""
    return path.lower().endswith((".zip", *_TAR_ENDINGS, *_COMPRESSED_ENDINGS))


def open_archive(file: str, labels: str | None = None) -> Source:
    """Finds the pictures in a local archive, in order of their paths.

    Hidden entries, macOS's `__MACOSX` and other files are left out. What is named like a
    picture but is no file, such as a link, is rejected. Of entries of one name the last
    counts. The pictures of a compressed tar are copied to a temporary file, as only that
    can be read in any order.

    Args:
        file: .zip, .tar, .tar.gz, .tgz, .tar.bz2, .tbz2, .tar.xz or .txz.
        labels: see `label_files.find_labels`; a folder that holds everything is no class.

    Raises:
        UserError: it is damaged or encrypted, or holds no picture, or the labels do not fit.
    """
    entries = _open_zip(file) if file.lower().endswith(".zip") else _open_tar(file)
    paths = entries.paths
    if not paths:
        raise no_pictures(file)
    rejected = (path for path, _ in entries.rejected)
    found = find_labels(labels, paths, file, rejected, functools.partial(read_text, file))

    def picture_name(index: int) -> str:
        return printable(f"{file}/{paths[index]}")

    return Source(
        name=os.path.basename(file).split(".")[0] or "pictures",
        description=file,
        num_pictures=len(paths),
        open=entries.open,
        identity=[file_identity(file), entries.identity],
        picture_name=picture_name,
        sample_sides=lambda: sample_read_sides(len(paths), entries.open, picture_name, file),
        labels=found.rows,
        label_names=found.names,
        notes=found.notes,
        rejected=tuple((printable(f"{file}/{path}"), why) for path, why in entries.rejected),
    )


@dataclass(frozen=True, eq=False)
class _Entries:
    """The pictures in an archive: how to open them, their paths, and what is none."""

    open: Callable[[], Reader]
    paths: Sequence[str]
    identity: Sequence[Sequence[str | int]]
    rejected: Sequence[tuple[str, str]]


@dataclass(frozen=True, eq=False)
class _OpenZip:
    """Opens a zip; `positions` are those of the pictures in its list of entries."""

    file: str
    positions: np.ndarray

    def __call__(self) -> Reader:
        archive = _load_zip(self.file)
        infos = archive.infolist()

        def read(index: int) -> bytes:
            info = infos[self.positions[index]]
            try:
                return archive.read(info)
            except ARCHIVE_ERRORS as error:
                name = printable(f"{self.file}/{info.filename}")
                raise UserError(f"{name}: cannot be read: {error}") from error

        return read


def _load_zip(file: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except ARCHIVE_ERRORS as error:
        raise _damaged(file, error) from error


def _damaged(file: str, error: Exception) -> UserError:
    reason = printable(getattr(error, "strerror", None) or str(error) or type(error).__name__)
    return UserError(f"{file}: cannot be read, {reason}: is the archive complete?")


def _open_zip(file: str) -> _Entries:
    with _load_zip(file) as archive:
        infos = archive.infolist()
    found: dict[str, int] = {}
    rejected = {}
    for position, info in enumerate(infos):
        path = _clean_path(info.filename)
        if info.is_dir() or not has_picture_name(path) or is_hidden(path):
            continue
        if info.flag_bits & 1:
            raise UserError(f"{file}: {printable(path)} is encrypted: unpack the archive first")
        if stat.S_ISLNK(info.external_attr >> 16):
            rejected[path] = "a link"
        else:
            found[path] = position
    paths = sorted(found)
    identity = [[path, infos[found[path]].file_size, infos[found[path]].CRC] for path in paths]
    positions = np.array([found[path] for path in paths], np.int64)
    return _Entries(_OpenZip(file, positions), paths, identity, sorted(rejected.items()))


def _open_tar(file: str) -> _Entries:
    if file.lower().endswith(_TAR_ENDINGS):
        return _index_tar(file)
    return _spool_tar(file)


def _index_tar(file: str) -> _Entries:
    places: dict[str, tuple[int, int, int]] = {}
    rejected: dict[str, str] = {}
    try:
        with tarfile.open(file, "r:") as archive:
            for path, member in _members(archive):
                if member.isreg() and not member.issparse():
                    places[path] = (member.offset_data, member.size, int(member.mtime))
                else:
                    _add_link(path, member, places, rejected)
    except ARCHIVE_ERRORS as error:
        raise _damaged(file, error) from error
    return _tar_entries(file, file, places, rejected)


def _spool_tar(file: str) -> _Entries:
    places: dict[str, tuple[int, int, int]] = {}
    rejected: dict[str, str] = {}
    with new_temporary_file() as (spool, temporary):
        try:
            with tarfile.open(file, "r|*") as archive:
                for path, member in _members(archive):
                    if member.isreg():
                        places[path] = (spool.tell(), member.size, int(member.mtime))
                        data = _extract(archive, member)
                        spool.write(data)
                    else:
                        _add_link(path, member, places, rejected)
        except (EOFError, ValueError, zlib.error, tarfile.TarError) as error:
            raise _damaged(file, error) from error
    return _tar_entries(file, temporary, places, rejected)


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    try:
        return archive.extractfile(member).read()  # type: ignore[union-attr]
    except OSError as error:  # the archive's; that of writing tells of the disk
        raise tarfile.ReadError(str(error)) from error


def _members(archive: tarfile.TarFile) -> Iterator[tuple[str, tarfile.TarInfo]]:
    """Gives what is named like a picture, and its path."""
    while (member := archive.next()) is not None:
        archive.members = []  # tarfile would keep 1 kB for each
        path = _clean_path(member.name)
        if has_picture_name(path) and not is_hidden(path) and not member.isdir():
            yield path, member


def _add_link(
    path: str,
    member: tarfile.TarInfo,
    places: dict[str, tuple[int, int, int]],
    rejected: dict[str, str],
) -> None:
    """Adds a second name of a picture before it (tar writes hard links so)."""
    target = _clean_path(member.linkname)
    if member.islnk() and target in places:
        places[path] = places[target]
    else:
        rejected[path] = "a link" if member.islnk() or member.issym() else "no regular file"


def _tar_entries(
    file: str,
    spool: object,
    places: dict[str, tuple[int, int, int]],
    rejected: dict[str, str],
) -> _Entries:
    paths = sorted(places)
    table = np.array([places[path] for path in paths], np.int64).reshape(-1, 3)
    identity = [
        [path, int(size), int(time)] for path, (_, size, time) in zip(paths, table, strict=True)
    ]
    parts = Parts(spool, table[:, 0].copy(), table[:, 1].copy(), file)
    return _Entries(parts, paths, identity, sorted(rejected.items()))


def _clean_path(path: str) -> str:
    return posixpath.normpath(path.replace("\\", "/")).lstrip("/")
