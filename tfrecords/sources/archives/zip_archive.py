"""A .zip archive of picture files."""

import functools
import os
import stat
import zipfile
from dataclasses import dataclass

import numpy as np

from tfrecords.common import limits
from tfrecords.common.errors import UserError
from tfrecords.common.names import printable
from tfrecords.pictures.kinds import HEAD_BYTES
from tfrecords.pictures.source import FileReader
from tfrecords.sources.archives.entries import ARCHIVE_ERRORS, Entries, clean_path, damaged
from tfrecords.sources.archives.zip_entry import read_entry, read_head
from tfrecords.sources.listing import has_picture_name, is_hidden, why_left_out


@dataclass(frozen=True, eq=False)
class _OpenZip:
    """Opens a zip; `positions` are those of the pictures in its list of entries."""

    file: str
    positions: np.ndarray

    def __call__(self) -> FileReader:
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
        raise damaged(file, error) from error


def open_zip(file: str) -> Entries:
    """Finds the pictures in a zip; see `archive.open_archive`."""
    found: dict[str, int] = {}
    rejected: dict[str, str] = {}
    unpacked = 0
    with _load_zip(file) as archive:
        infos = archive.infolist()
        for position, info in enumerate(infos):
            path = clean_path(info.filename)
            if info.is_dir() or is_hidden(path):
                continue
            named = has_picture_name(path)
            if named and info.flag_bits & 1:
                raise UserError(f"{file}: {printable(path)} is encrypted: unpack the archive first")
            if stat.S_ISLNK(info.external_attr >> 16):
                why = "a link" if named else None
            else:
                why = why_left_out(path, functools.partial(_zip_head, archive, info))
            if why == "":
                why = limits.picture_too_large(info.file_size) or ""
            found.pop(path, None)
            rejected.pop(path, None)
            if why == "":
                unpacked += info.file_size
                found[path] = position
            elif why:
                rejected[path] = why
    limits.check_expansion(unpacked, os.path.getsize(file), file)
    paths = sorted(found)
    identity: list[list[str | int]] = [
        [path, infos[found[path]].file_size, infos[found[path]].CRC] for path in paths
    ]
    positions = np.array([found[path] for path in paths], np.int64)
    return Entries(_OpenZip(file, positions), paths, identity, sorted(rejected.items()))


def _zip_head(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    try:
        return read_head(archive, info, HEAD_BYTES)
    except ARCHIVE_ERRORS:  # encrypted or broken: nothing says that it is a picture
        return b""
