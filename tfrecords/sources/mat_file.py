"""Arrays of numbers in a MATLAB file of format 5, of little-endian machines.

Such a file is a row of elements: a kind, a size, and so many bytes. One may be the rest of the
file, compressed. It is read here because the compiled reader of SciPy believes what it is told,
and a damaged file ended the process.
"""

import math
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from tfrecords.common.limits import check_expansion

_HEADER_BYTES = 128
_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8"}
_NUMBERS |= {13: "u8"}
# What an array is of may be told in fewer bytes: doubles that are whole as uint8.
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8"}
_CLASSES |= {15: "u8"}
_MOST_NAME_BYTES, _MOST_DIMENSIONS = 64, 32


def read_arrays(file: BinaryIO, size: int, path: str, names: tuple[str, ...]) -> dict:
    """Reads arrays of numbers by their names.

    Args:
        file: open.
        size: of the file, in bytes.
        path: what errors call it.
        names: of those that are wanted.

    Returns:
        Name to array, for those that are there.

    Raises:
        ValueError: it is no such file, or damaged; struct.error or zlib.error: the same.
        UserError: it unpacks to far more than its size.
    """
    header = file.read(_HEADER_BYTES)
    if len(header) < _HEADER_BYTES or header[-2:] != b"IM" or header[-3] != 1:
        raise ValueError("no MATLAB file of format 5")
    found = {}
    unpacked = 0
    while len(tag := file.read(8)) == 8:
        kind, num_bytes = struct.unpack("<II", tag)
        if num_bytes > size - file.tell():
            raise ValueError("it ends early")
        data = file.read(num_bytes)
        if kind == _COMPRESSED:
            unpacker = zlib.decompressobj()
            head = unpacker.decompress(data, 8)
            if len(head) < 8:
                raise ValueError("it ends early")
            kind, num_bytes = struct.unpack("<II", head)
            unpacked += num_bytes
            check_expansion(unpacked, size, path)
            data = unpacker.decompress(unpacker.unconsumed_tail, max(1, num_bytes))
            if len(data) != num_bytes:
                raise ValueError("it ends early")
        if kind == _MATRIX:
            name, array = _read_matrix(data, names)
            if array is not None:
                found[name] = array
    return found


def _read_matrix(data: bytes, names: tuple[str, ...]) -> tuple[str, np.ndarray | None]:
    parts = _elements(data)
    (_, flags), (_, sizes), (_, name_bytes) = (next(parts) for _ in range(3))
    name = bytes(name_bytes[:_MOST_NAME_BYTES]).decode("latin1")
    if name not in names:
        return name, None
    if len(flags) < 4 or len(sizes) % 4 or len(sizes) > 4 * _MOST_DIMENSIONS:
        raise ValueError(f"{name} has no shape")
    if flags[0] not in _CLASSES or flags[1] & 8:
        raise ValueError(f"expected numbers in {name}")
    shape = struct.unpack(f"<{len(sizes) // 4}i", sizes)
    kind, values = next(parts)
    if kind not in _NUMBERS or min(shape, default=0) < 0:
        raise ValueError(f"expected numbers in {name}")
    stored = np.dtype(_NUMBERS[kind])
    if len(values) != math.prod(shape) * stored.itemsize:
        raise ValueError(f"{len(values)} bytes in {name} for the shape {shape}")
    array = np.frombuffer(values, stored).reshape(shape, order="F")
    return name, array.astype(_CLASSES[flags[0]], copy=False)


def _elements(data: bytes) -> Iterator[tuple[int, memoryview]]:
    """Gives the kind and bytes of each element; raises ValueError where they end early."""
    view, at = memoryview(data), 0
    while True:
        if at + 8 > len(data):
            raise ValueError("it ends early")
        kind, size = struct.unpack_from("<II", data, at)
        begin = at + 8
        at = begin + -(-size // 8) * 8
        if kind >> 16:  # of four bytes at most, within the tag
            kind, size, begin, at = kind & 0xFFFF, kind >> 16, begin - 4, begin
            if size > 4:
                raise ValueError("a small element that is none")
        if begin + size > len(data):
            raise ValueError("it ends early")
        yield kind, view[begin : begin + size]
