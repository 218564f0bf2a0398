"""Where the values lie in an LMDB database, version 1, as 64-bit machines write it.

A B-tree in pages: two that say where its root is, branches, leaves, and runs of pages for values
that are long. It is read here because the library maps the file and believes it: a damaged one
ends the process. Here each place is compared with the file's end, and each page is read once.
"""

import mmap
import struct
from collections.abc import Iterator

from tfrecords.common.paths import check_regular_file

_MAGIC, _VERSION = 0xBEEFC0DE, 1
_HEADER_BYTES = 16  # of a page: number, padding, flags, and the ends of its two parts
_BRANCH, _LEAF, _LONG, _META = 1, 2, 4, 8
_NO_PAGE = 2**64 - 1


class DamagedError(ValueError):
    """A file that is no such database, or makes no sense."""


def find_values(path: str) -> Iterator[tuple[int, int]]:
    """Gives where each value begins in the file and its size in bytes, in order of the keys.

    Raises:
        DamagedError: it is no database, or damaged.
        OSError: it cannot be read.
        UserError: it is a pipe or a device.
    """
    check_regular_file(path)
    with open(path, "rb") as file:
        try:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:
            raise DamagedError("the file is empty") from None
        with data:
            try:
                yield from _walk(data)
            except (struct.error, IndexError) as error:
                raise DamagedError("it is cut, or points where nothing is") from error


def _walk(data: mmap.mmap) -> Iterator[tuple[int, int]]:
    page_bytes, root = _read_meta(data)
    todo = [] if root == _NO_PAGE else [root]
    seen = set()
    while todo:
        number = todo.pop()
        if number in seen:
            raise DamagedError("a page is used twice")
        seen.add(number)
        start = number * page_bytes
        page = data[start : start + page_bytes]
        flags, lower = struct.unpack_from("<HH", page, 10)
        offsets = struct.unpack_from(f"<{max(0, lower - _HEADER_BYTES) // 2}H", page, _HEADER_BYTES)
        if flags & _BRANCH:
            below = (struct.unpack_from("<HHH", page, offset) for offset in offsets)
            todo += reversed([low | middle << 16 | high << 32 for low, middle, high in below])
        elif flags & _LEAF:
            for offset in offsets:
                yield _find_value(data, page, start, offset)
        else:
            raise DamagedError("a page of an unknown kind")


def _find_value(data: mmap.mmap, page: bytes, start: int, offset: int) -> tuple[int, int]:
    low, high, flags, key_bytes = struct.unpack_from("<HHHH", page, offset)
    size, place = low | high << 16, offset + 8 + key_bytes
    if flags == 1:
        (number,) = struct.unpack_from("<Q", page, place)
        start, place = number * len(page), _HEADER_BYTES
        if not struct.unpack_from("<H", data[start : start + _HEADER_BYTES], 10)[0] & _LONG:
            raise DamagedError("a long value is not where it should be")
    elif flags or place + size > len(page):
        raise DamagedError("a value of an unknown kind")
    if start + place + size > len(data):
        raise DamagedError("a value ends after the file")
    return start + place, size


def _read_meta(data: mmap.mmap) -> tuple[int, int]:
    """Returns the pages' size and the number of the root's, by the newer of two."""
    changes = []
    page_bytes = 0
    for number in range(2):
        meta = data[number * page_bytes : number * page_bytes + 152]
        (flags,) = struct.unpack_from("<H", meta, 10)
        magic, version, page_bytes = struct.unpack_from("<II16xI", meta, _HEADER_BYTES)
        root, change = struct.unpack_from("<112xQ8xQ", meta, _HEADER_BYTES)
        if not flags & _META or magic != _MAGIC or version != _VERSION:
            raise DamagedError("no LMDB database of version 1, of a 64-bit machine")
        if page_bytes not in (2**power for power in range(9, 17)):
            raise DamagedError(f"pages of {page_bytes} bytes")
        changes.append((change, root))
    return page_bytes, max(changes, key=lambda one: one[0])[1]
