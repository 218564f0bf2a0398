"""The frames of a TFRecord file, walked without reading the pictures.

A frame is the record's length (little-endian uint64), a checksum of 4 bytes, the
record, and another checksum of 4 bytes. Checksums are left to TensorFlow, which
checks them whenever it reads a record.
"""

import struct

import tensorflow as tf

from tfrecords.errors import UserError

_HEADER_BYTES = 12
_FOOTER_BYTES = 4


def read_first_record(path: str) -> bytes:
    """Returns the first record of a file, local or remote.

    Raises:
        UserError: the file is empty or cut short.
    """
    size = tf.io.gfile.stat(path).length
    with tf.io.gfile.GFile(path, "rb") as file:
        length = _read_length(file, path, 0, size)
        return file.read(length)


def count_records(path: str) -> int:
    """Counts the records of a file, local or remote.

    Records that are all as long as the first, which uncompressed pictures are, are
    counted by the file's size, others one by one.

    Raises:
        UserError: the file is empty, or ends within a record.
    """
    size = tf.io.gfile.stat(path).length
    with tf.io.gfile.GFile(path, "rb") as file:
        first = _HEADER_BYTES + _read_length(file, path, 0, size) + _FOOTER_BYTES
        if size % first == 0:
            file.seek(size - first)
            if struct.unpack("<Q", file.read(8))[0] + _HEADER_BYTES + _FOOTER_BYTES == first:
                return size // first
        count, position = 0, 0
        while position < size:
            file.seek(position)
            position += _HEADER_BYTES + _read_length(file, path, position, size) + _FOOTER_BYTES
            count += 1
        return count


def _read_length(file: tf.io.gfile.GFile, path: str, position: int, size: int) -> int:
    """Reads the header at `position`; the file's position is then the record's start."""
    if position == size == 0:
        raise UserError(f"{path}: expected pictures, the file is empty: make the dataset again")
    header = file.read(_HEADER_BYTES)
    if len(header) == _HEADER_BYTES:
        length = struct.unpack("<Q", header[:8])[0]
        if position + _HEADER_BYTES + length + _FOOTER_BYTES <= size:
            return length
    raise UserError(
        f"{path}: expected whole records, the file ends within the one at byte {position}: "
        "copy it or make the dataset again"
    )
