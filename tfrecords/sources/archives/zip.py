"""A .zip archive of picture files, none of which can unpack to more than its header says."""

import bz2
import functools
import os
import stat
import struct
import zipfile
import zlib

import numpy as np

from tfrecords.common.errors import UserError
from tfrecords.common.limits import check_expansion
from tfrecords.common.text import printable
from tfrecords.pictures.kinds import HEAD_BYTES, kind_by_ending
from tfrecords.pictures.source import FileReader
from tfrecords.sources.archives.entries import ARCHIVE_ERRORS, archive_error_on, clean_path
from tfrecords.sources.listing import PictureFiles, is_hidden, why_left_out
from tfrecords.sources.parts import file_identity


def find_in_zip(file: str) -> PictureFiles:
    """Finds the pictures in a zip. Raises UserError if one is encrypted."""
    found: dict[str, int] = {}
    rejected: dict[str, str] = {}
    unpacked = 0
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        for position, info in enumerate(infos):
            path = clean_path(info.filename)
            if info.is_dir() or is_hidden(path):
                continue
            named = kind_by_ending(path)
            if named and info.flag_bits & 1:
                raise UserError(f"{file}: {printable(path)} is encrypted: unpack the archive first")
            if stat.S_ISLNK(info.external_attr >> 16):
                why = "a link" if named else None
            else:
                read_head = functools.partial(_read_head, archive, info)
                why = why_left_out(path, read_head, info.file_size)
            found.pop(path, None)
            rejected.pop(path, None)
            if why:
                rejected[path] = why
            elif why == "":
                unpacked += info.file_size
                found[path] = position
    check_expansion(unpacked, os.path.getsize(file), file)
    paths = sorted(found)
    entries = [[path, infos[found[path]].file_size, infos[found[path]].CRC] for path in paths]
    positions = np.array([found[path] for path in paths], np.int64)
    reader = functools.partial(_open_zip, file, positions)
    return PictureFiles(paths, [file_identity(file), entries], sorted(rejected.items()), reader)


def _open_zip(file: str, positions: np.ndarray) -> FileReader:
    """Opens the pictures at these positions in the list of entries."""
    with archive_error_on(file, *ARCHIVE_ERRORS):
        archive = zipfile.ZipFile(file)
    infos = archive.infolist()

    def read(index: int) -> bytes:
        info = infos[positions[index]]
        try:
            return read_entry(archive, info)
        except ARCHIVE_ERRORS as error:
            name = printable(f"{file}/{info.filename}")
            reason = printable(str(error))[:200]  # it may tell a name of any length
            raise UserError(f"{name}: cannot be read: {reason}") from error

    return read


def read_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Returns an entry's bytes: as many as its header says, whatever there are."""
    if info.compress_type == zipfile.ZIP_BZIP2:
        data = _unpack_bzip2(archive, info, info.file_size)
        if zlib.crc32(data) != info.CRC:
            raise zipfile.BadZipFile("other bytes than were written")
    else:
        # LZMA unpacks all that it is given at once: 4 KiB come to 28 MiB at most.
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
    except ARCHIVE_ERRORS:  # encrypted or broken: nothing says that it is a picture
        return b""


def _unpack_bzip2(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most_bytes: int) -> bytes:
    """Does what zipfile does, which knows no limit: 4 KiB may come to gigabytes."""
    with open(archive.filename or "", "rb") as packed:
        packed.seek(info.header_offset)
        sizes = struct.unpack("<26xHH", packed.read(30))  # of the name and what follows it
        packed.seek(sum(sizes), os.SEEK_CUR)
        size = min(info.compress_size, os.fstat(packed.fileno()).st_size)
        return bz2.BZ2Decompressor().decompress(packed.read(size), most_bytes)
