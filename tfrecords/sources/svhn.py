"""SVHN's cropped digits, a MATLAB file of format 5, as a source.

A little-endian file is a sequence of elements: a type, a size, and that many bytes. An element may
be compressed. SciPy's reader trusts the file, and a damaged one crashes the process.
"""

import functools
import math
import os
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from tfrecords.common.errors import UserError
from tfrecords.common.limits import check_expansion
from tfrecords.common.paths import open_file
from tfrecords.pictures.source import Source, one_hot
from tfrecords.sources import single_file

_BLOCK = 1000  # pictures at a time
_HEADER_BYTES = 128
_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8"}
_NUMBERS |= {13: "u8"}
# Arrays may be stored in smaller types, such as whole doubles as uint8.
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8"}
_CLASSES |= {15: "u8"}
_MOST_NAME_BYTES, _MOST_DIMENSIONS = 64, 32


def open_svhn(path_and_split: str, labels: str | None = None) -> Source:
    """Opens `FILE.mat` (format 2), or `FOLDER[:train|test|extra]` with `train_32x32.mat` etc.

    Loading takes 0.2 GB of memory, or 1.6 GB for `extra`. The pictures are copied to a temporary
    file, which processes share. The labels are the digits. UserError if missing or damaged.
    """
    file, split = single_file.split_option(path_and_split, ("train", "test", "extra"))
    if os.path.isdir(file):
        file = os.path.join(file, f"{split}_32x32.mat")
    identity = single_file.file_identity(file)
    with open_file(file) as opened:
        content = read_arrays(opened, os.path.getsize(file), file, ("X", "y"))
    pictures, digits = (content.get(name, np.empty(0)) for name in ("X", "y"))
    are_pictures = pictures.dtype == np.uint8 and pictures.ndim == 4 and pictures.shape[2] == 3
    if not are_pictures or not digits.size == pictures.shape[3] > 0:
        raise UserError(f"{file}: expected X, uint8 (height, width, 3, pictures), and y, digits")
    if not ((digits >= 0) & (digits <= 10)).all():  # also catches NaN
        raise UserError(f"{file}: expected digits from 1 to 10, which is 0, got others")
    digits = digits.reshape(-1).astype(np.int64) % 10  # 10 means 0
    with single_file.new_temporary_file() as (write, temporary):
        for start in range(0, len(digits), _BLOCK):
            block = pictures[..., start : start + _BLOCK].transpose(3, 2, 0, 1)
            write(np.ascontiguousarray(block).data)
    shape = (len(digits), 3, *pictures.shape[:2])
    source = Source(
        name=f"svhn-{os.path.basename(file).split('.')[0]}",
        description=f"svhn:{file}",
        num_pictures=len(digits),
        open=functools.partial(single_file.open_raw, temporary, shape, file),
        identity=["svhn", identity],
        picture_name=lambda index: f"{file} picture {index}",
        sample_sizes=lambda: [(shape[3], shape[2])],
        labels=one_hot(digits, 10),
        label_names=tuple("0123456789"),
    )
    return single_file.with_own_labels(source, labels)


def read_arrays(
    file: BinaryIO, size: int, path: str, names: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Reads the numeric arrays with these names, if present, from an open file of `size` bytes.

    Raises ValueError, struct.error or zlib.error if damaged, UserError if it unpacks to far more.
    """
    header = file.read(_HEADER_BYTES)
    if len(header) < _HEADER_BYTES or header[-2:] != b"IM" or header[-3] != 1:
        raise ValueError("no MATLAB file of format 5")
    found: dict[str, np.ndarray] = {}
    unpacked = 0
    while len(tag := file.read(8)) == 8:
        kind, num_bytes = struct.unpack("<II", tag)
        if num_bytes > size - file.tell():
            raise ValueError("it ends early")
        data = file.read(num_bytes)
        if kind == _COMPRESSED:
            unpacker = zlib.decompressobj()
            kind, num_bytes = struct.unpack("<II", unpacker.decompress(data, 8))
            unpacked += num_bytes
            check_expansion(unpacked, size, path)
            data = unpacker.decompress(unpacker.unconsumed_tail, max(1, num_bytes))
            if len(data) != num_bytes:
                raise ValueError("it ends early")
        if kind == _MATRIX:
            found |= _read_matrix(data, names)
    return found


def _read_matrix(data: bytes, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Returns the array by its name; empty if the name is not in `names`."""
    elements = _elements(data)
    (_, flags), (_, sizes), (_, name_bytes) = (next(elements) for _ in range(3))
    name = bytes(name_bytes[:_MOST_NAME_BYTES]).decode("latin1")
    if name not in names:
        return {}
    if len(flags) < 4 or len(sizes) % 4 or len(sizes) > 4 * _MOST_DIMENSIONS:
        raise ValueError(f"{name} has no shape")
    shape = struct.unpack(f"<{len(sizes) // 4}i", sizes)
    kind, values = next(elements)
    known = flags[0] in _CLASSES and not flags[1] & 8 and kind in _NUMBERS
    if not known or min(shape, default=0) < 0:
        raise ValueError(f"expected numbers in {name}")
    stored = np.dtype(_NUMBERS[kind])
    if len(values) != math.prod(shape) * stored.itemsize:
        raise ValueError(f"{len(values)} bytes in {name} for the shape {shape}")
    array = np.frombuffer(values, stored).reshape(shape, order="F")
    return {name: array.astype(_CLASSES[flags[0]], copy=False)}


def _elements(data: bytes) -> Iterator[tuple[int, memoryview]]:
    """Yields type and bytes of each element. Raises ValueError or struct.error at the end."""
    view, at = memoryview(data), 0
    while True:
        kind, size = struct.unpack_from("<II", data, at)
        start = at + 8
        at = start + -(-size // 8) * 8
        if kind >> 16:  # at most four bytes, stored within the tag
            kind, size, start, at = kind & 0xFFFF, kind >> 16, start - 4, start
            if size > 4:
                raise ValueError("a damaged small element")
        if start + size > len(data):
            raise ValueError("it ends early")
        yield kind, view[start : start + size]
