"""A category of LSUN, an LMDB database of encoded pictures, as a source.

LMDB, version 1, as written by 64-bit machines, is a B-tree of pages: two that point to the root,
branches, leaves, and runs of pages for long values. Its own library trusts the file, and a damaged
one crashes the process. Here all offsets are checked, and each page is read only once.
"""

import functools
import mmap
import os
import struct
from collections.abc import Iterator

import numpy as np

from tfrecords.common.errors import UserError
from tfrecords.common.paths import check_regular_file
from tfrecords.pictures.source import Source
from tfrecords.sources import single_file
from tfrecords.sources.listing import sample_sizes

_MAGIC, _VERSION = 0xBEEFC0DE, 1
_HEADER_BYTES = 16  # of a page: number, padding, flags, and bounds of the free space
_BRANCH, _LEAF, _LONG, _META = 1, 2, 4, 8
_NO_PAGE = 2**64 - 1


def open_lsun(folder: str, labels: str | None = None) -> Source:
    """Opens a folder with `data.mdb`, or such a file, in order of keys. UserError if damaged."""
    file = folder if os.path.isfile(folder) else os.path.join(folder, "data.mdb")
    name = f"lsun:{folder}"
    identity = single_file.file_identity(file)
    check_regular_file(file)
    with single_file.user_error_on(f"{name}: cannot be read as an LMDB database"):
        places = np.fromiter(_find_values(file), np.dtype((np.int64, 2)))
    starts, sizes = places.T.copy()
    if sizes.sum(dtype=np.float64) > os.path.getsize(file):
        raise UserError(f"{name}: expected pictures stored apart, got some that share bytes")
    if not len(places):
        raise UserError(f"{name}: expected pictures, found none")
    pictures = functools.partial(single_file.open_encoded, file, starts, sizes, name)
    picture_name = functools.partial("{} picture {}".format, name)
    source = Source(
        name=os.path.basename(os.path.abspath(folder)).removesuffix("_lmdb"),
        description=name,
        num_pictures=len(places),
        open=pictures,
        identity=["lsun", identity, len(places)],
        picture_name=picture_name,
        opens_fast=True,
        sample_sizes=lambda: sample_sizes(len(places), pictures(), picture_name, folder),
    )
    return single_file.with_own_labels(source, labels)


def _find_values(path: str) -> Iterator[tuple[int, int]]:
    """Yields start and size of each value, in bytes, by key. ValueError or struct.error if bad."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        page_bytes, root = _read_meta(data)
        todo = [] if root == _NO_PAGE else [root]
        seen = set()
        while todo:
            if (number := todo.pop()) in seen:
                raise ValueError("a page is used twice")
            seen.add(number)
            start = number * page_bytes
            page = data[start : start + page_bytes]
            flags, lower = struct.unpack_from("<HH", page, 10)
            count = max(0, lower - _HEADER_BYTES) // 2
            offsets = struct.unpack_from(f"<{count}H", page, _HEADER_BYTES)
            if flags & _BRANCH:
                below = (struct.unpack_from("<HHH", page, offset) for offset in offsets)
                todo += reversed([low | middle << 16 | high << 32 for low, middle, high in below])
            elif flags & _LEAF:
                for offset in offsets:
                    yield _find_value(data, page, start, offset)
            else:
                raise ValueError("a page of an unknown kind")


def _find_value(data: mmap.mmap, page: bytes, start: int, offset: int) -> tuple[int, int]:
    low, high, flags, key_bytes = struct.unpack_from("<HHHH", page, offset)
    size, place = low | high << 16, offset + 8 + key_bytes
    if flags == 1:
        (number,) = struct.unpack_from("<Q", page, place)
        start, place = number * len(page), _HEADER_BYTES
        if not struct.unpack_from("<H", data[start : start + _HEADER_BYTES], 10)[0] & _LONG:
            raise ValueError("a long value is missing")
    elif flags or place + size > len(page):
        raise ValueError("a value of an unknown kind")
    if start + place + size > len(data):
        raise ValueError("a value ends after the file")
    return start + place, size


def _read_meta(data: mmap.mmap) -> tuple[int, int]:
    """Returns the page size, and the root according to the newer of the first two pages."""
    roots, page_bytes = [], 0
    for number in range(2):
        meta = data[number * page_bytes : number * page_bytes + 152]
        (flags,) = struct.unpack_from("<H", meta, 10)
        magic, version, page_bytes = struct.unpack_from("<II16xI", meta, _HEADER_BYTES)
        root, change = struct.unpack_from("<112xQ8xQ", meta, _HEADER_BYTES)
        if not flags & _META or magic != _MAGIC or version != _VERSION:
            raise ValueError("no LMDB database of version 1, of a 64-bit machine")
        if page_bytes not in (2**power for power in range(9, 17)):
            raise ValueError(f"pages of {page_bytes} bytes")
        roots.append((change, root))
    # The first page wins if both have the same transaction number.
    return page_bytes, max(roots, key=lambda one: one[0])[1]
