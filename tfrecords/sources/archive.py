"""A .zip or .tar archive of picture files as a source.

Of a zip, no entry unpacks to more than its header says; for tar see `tar.py`.
"""

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
from tfrecords.common.paths import check_regular_file
from tfrecords.common.text import printable
from tfrecords.pictures.kinds import HEAD_BYTES, kind_by_ending
from tfrecords.pictures.source import FileReader, Source
from tfrecords.sources.listing import (
    PictureFiles,
    check_text_size,
    clean_path,
    is_hidden,
    make_source,
    why_skipped,
)
from tfrecords.sources.single_file import file_identity, user_error_on
from tfrecords.sources.tar import find_in_tar

_ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")


def is_archive(path: str) -> bool:
    """True if a file's ending is that of an archive."""
    return path.lower().endswith(_ENDINGS)


def open_archive(file: str, labels: str | None = None) -> Source:
    """Finds the pictures in a local archive, in order of their paths.

    Skips hidden entries, macOS's `__MACOSX` and other files. What is named like a
    picture but is no file, such as a link, is rejected. Of entries of one name the last
    counts. A compressed tar is unpacked to a temporary file, as only that can be read in any
    order. For `labels` see `labels.files.find_labels`.

    Raises UserError if it is damaged or encrypted, or holds no picture, or the labels do not fit.
    """
    check_regular_file(file)
    with user_error_on(f"{file}: cannot be read", ": is the archive complete?"):
        files = _find_in_zip(file) if file.lower().endswith(".zip") else find_in_tar(file)
    return make_source(file, os.path.basename(file).split(".")[0], files, labels)


def _find_in_zip(file: str) -> PictureFiles:
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
                why = why_skipped(path, read_head, info.file_size)
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
    return PictureFiles(
        paths,
        [file_identity(file), entries],
        sorted(rejected.items()),
        functools.partial(_open_zip, file, positions),
        functools.partial(_read_text, file),
    )


def _open_zip(file: str, positions: np.ndarray) -> FileReader:
    """Opens the pictures at these positions in the list of entries."""
    with user_error_on(f"{file}: cannot be read", ": is the archive complete?"):
        archive = zipfile.ZipFile(file)
    infos = archive.infolist()

    def read(index: int) -> bytes:
        info = infos[positions[index]]
        with user_error_on(f"{printable(f'{file}/{info.filename}')}: cannot be read"):
            return _read_entry(archive, info)

    return read


def _read_text(file: str, path: str) -> bytes | None:
    on_error = user_error_on(f"{file}: its {path} cannot be read")
    with on_error, zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            if clean_path(info.filename) == path:
                check_text_size(file, path, info.file_size)
                return _read_entry(archive, info)
    return None


def _read_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
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
    except Exception:  # encrypted or broken: nothing says that it is a picture
        return b""


def _unpack_bzip2(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most_bytes: int) -> bytes:
    """Does what zipfile does, which knows no limit: 4 KiB may come to gigabytes."""
    with open(archive.filename or "", "rb") as packed:
        packed.seek(info.header_offset)
        sizes = struct.unpack("<26xHH", packed.read(30))  # of the name and what follows it
        packed.seek(sum(sizes), os.SEEK_CUR)
        size = min(info.compress_size, os.fstat(packed.fileno()).st_size)
        return bz2.BZ2Decompressor().decompress(packed.read(size), most_bytes)
