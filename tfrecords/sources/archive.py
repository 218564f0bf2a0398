"""A .zip or .tar archive of picture files as a source."""

import os
import posixpath
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tfrecords import limits
from tfrecords.errors import UserError
from tfrecords.regular_file import check_regular_file
from tfrecords.source import Reader, Source
from tfrecords.sources.label_files import find_labels
from tfrecords.sources.listing import (
    has_picture_name,
    is_hidden,
    no_pictures,
    printable,
    sample_read_sides,
)
from tfrecords.sources.parts import Parts, file_identity, new_temporary_file
from tfrecords.sources.tar import TAR_ERRORS, is_compressed, open_tar, read_member, read_members
from tfrecords.sources.zip_entry import read_entry

_TAR_ENDINGS = (".tar",)
_COMPRESSED_ENDINGS = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")

# What broken archives make zipfile and tarfile raise.
ARCHIVE_ERRORS = (
    *TAR_ERRORS,
    OSError,
    RuntimeError,  # encryption, and NotImplementedError of rare compressions
    struct.error,
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
    check_regular_file(file)
    try:
        entries = _open_zip(file) if file.lower().endswith(".zip") else _open_tar(file)
    except UserError:
        raise
    except ARCHIVE_ERRORS as error:
        raise _damaged(file, error) from error
    paths = entries.paths
    if not paths:
        raise no_pictures(file)
    inside = _without_common_folder(paths) if labels == "folders" else paths
    rows, names = find_labels(labels, inside, file, (path for path, _ in entries.rejected))

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
        labels=rows,
        label_names=names,
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
                return read_entry(archive, info)
            except ARCHIVE_ERRORS as error:
                name = printable(f"{self.file}/{info.filename}")
                reason = printable(str(error))[:200]  # it may tell a name of any length
                raise UserError(f"{name}: cannot be read: {reason}") from error

        return read


def _load_zip(file: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except ARCHIVE_ERRORS as error:
        raise _damaged(file, error) from error


def _damaged(file: str, error: Exception) -> UserError:
    reason = printable(getattr(error, "strerror", None) or str(error) or type(error).__name__)[:200]
    return UserError(f"{file}: cannot be read, {reason}: is the archive complete?")


def _open_zip(file: str) -> _Entries:
    with _load_zip(file) as archive:
        infos = archive.infolist()
    found: dict[str, int] = {}
    rejected = {}
    unpacked = 0
    for position, info in enumerate(infos):
        path = _clean_path(info.filename)
        if info.is_dir() or not has_picture_name(path) or is_hidden(path):
            continue
        if info.flag_bits & 1:
            raise UserError(f"{file}: {printable(path)} is encrypted: unpack the archive first")
        too_large = limits.picture_too_large(info.file_size)
        if stat.S_ISLNK(info.external_attr >> 16):
            rejected[path] = "a link"
        elif too_large:
            rejected[path] = too_large
        else:
            unpacked += info.file_size
            found[path] = position
    limits.check_expansion(unpacked, os.path.getsize(file), file)
    paths = sorted(found)
    identity = [[path, infos[found[path]].file_size, infos[found[path]].CRC] for path in paths]
    positions = np.array([found[path] for path in paths], np.int64)
    return _Entries(_OpenZip(file, positions), paths, identity, sorted(rejected.items()))


def _open_tar(file: str) -> _Entries:
    return _spool_tar(file) if is_compressed(file) else _index_tar(file)


def _index_tar(file: str) -> _Entries:
    places: dict[str, tuple[int, int, int]] = {}
    rejected: dict[str, str] = {}
    with open_tar(file) as archive:
        for path, member in _picture_members(archive):
            if _is_picture(path, member, places, rejected):
                places[path] = (member.offset_data, member.size, int(member.mtime))
    return _tar_entries(file, file, places, rejected)


def _spool_tar(file: str) -> _Entries:
    places: dict[str, tuple[int, int, int]] = {}
    rejected: dict[str, str] = {}
    with new_temporary_file() as (spool, temporary):
        try:
            with open_tar(file) as archive:
                for path, member in _picture_members(archive):
                    if _is_picture(path, member, places, rejected):
                        places[path] = (spool.tell(), member.size, int(member.mtime))
                        spool.write(read_member(archive, member))
        except UserError:
            raise
        except TAR_ERRORS as error:  # an OSError is the disk's
            raise _damaged(file, error) from error
    return _tar_entries(file, temporary, places, rejected)


def _picture_members(archive: tarfile.TarFile) -> Iterator[tuple[str, tarfile.TarInfo]]:
    """Gives what is named like a picture, and its path."""
    for member in read_members(archive):
        path = _clean_path(member.name)
        if has_picture_name(path) and not is_hidden(path) and not member.isdir():
            yield path, member


def _is_picture(
    path: str,
    member: tarfile.TarInfo,
    places: dict[str, tuple[int, int, int]],
    rejected: dict[str, str],
) -> bool:
    """Says whether a member is to be read; else adds it to what it is."""
    too_large = limits.picture_too_large(member.size)
    if member.issparse():
        rejected[path] = "no regular file"
    elif member.isreg() and too_large:
        rejected[path] = too_large
    elif member.isreg():
        return True
    else:
        _add_link(path, member, places, rejected)
    return False


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


def _without_common_folder(paths: Sequence[str]) -> Sequence[str]:
    """Removes the folders that hold everything, as archives often have one."""
    common = posixpath.commonpath([posixpath.dirname(path) for path in paths])
    if not common:
        return paths
    inside = [path[len(common) + 1 :] for path in paths]
    return inside if all("/" in path for path in inside) else paths
