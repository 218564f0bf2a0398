"""One entry of a .zip archive, which cannot unpack to more than its header says."""

import bz2
import os
import struct
import zipfile
import zlib


def read_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Returns an entry's bytes: as many as its header says, whatever there are."""
    if info.compress_type == zipfile.ZIP_BZIP2:
        data = _unpack_bzip2(archive.filename, info)
    else:
        # LZMA unpacks all that it is given at once: 4 KiB come to 28 MiB at most.
        bounded = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        block = max(1, info.file_size) if bounded else 2**12
        with archive.open(info) as entry:
            data = b"".join(iter(lambda: entry.read(block), b""))
    if len(data) != info.file_size:
        raise zipfile.BadZipFile(f"{len(data)} bytes, expected {info.file_size}")
    return data


def read_head(archive: zipfile.ZipFile, info: zipfile.ZipInfo, size: int) -> bytes:
    """Returns an entry's first bytes, and unpacks little more."""
    if info.compress_type == zipfile.ZIP_BZIP2:
        return _unpack_bzip2(archive.filename, info, size)
    with archive.open(info) as entry:
        return entry.read(size)


def _unpack_bzip2(file: str | None, info: zipfile.ZipInfo, most: int | None = None) -> bytes:
    """Does what zipfile does, which knows no limit: 4 KiB may come to gigabytes."""
    with open(file or "", "rb") as packed:
        packed.seek(info.header_offset)
        sizes = struct.unpack("<26xHH", packed.read(30))  # of the name and what follows it
        packed.seek(sum(sizes), os.SEEK_CUR)
        size = min(info.compress_size, os.fstat(packed.fileno()).st_size)
        wanted = info.file_size if most is None else most
        data = bz2.BZ2Decompressor().decompress(packed.read(size), wanted)
    if most is None and zlib.crc32(data) != info.CRC:
        raise zipfile.BadZipFile("other bytes than were written")
    return data
