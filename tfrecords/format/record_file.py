"""Writes the frames of TFRecord files and reads them in any order.

A frame has the record's length (little-endian uint64), a checksum of it (4 bytes), the record, and
the record's checksum (4 bytes). Checksums are CRC-32C, rotated and shifted. Reading by position
lets training resume anywhere at once, and skips a bad record without losing its neighbors.
"""

import struct

import google_crc32c
import numpy as np

from tfrecords.common.errors import UserError
from tfrecords.common.positioned import PositionedFile

_HEADER_BYTES = 12
_FOOTER_BYTES = 4
FRAME_BYTES = _HEADER_BYTES + _FOOTER_BYTES  # how much longer a frame is than its record
# Headers are found in runs of so many bytes where records are shorter than the second.
_RUN_BYTES, _SHORT_BYTES = 2**20, 2**16


class BadRecordError(ValueError):
    """A record whose bytes have changed since they were written."""


def frame(record: bytes) -> bytes:
    """Returns the frame of a record, as in a TFRecord file."""
    length = struct.pack("<Q", len(record))
    return length + _checksum(length) + record + _checksum(record)


def unframe(data: bytes) -> bytes | None:
    """Returns the record of a frame; None if the bytes are not what was written."""
    body = data[_HEADER_BYTES:-_FOOTER_BYTES]
    is_whole = (
        len(data) >= FRAME_BYTES
        and struct.unpack("<Q", data[:8])[0] == len(body)
        and _checksum(body) == data[-_FOOTER_BYTES:]
    )
    return body if is_whole else None


def read_first_record(path: str) -> bytes:
    """Returns a file's first record; UserError if it or the file is missing, empty or damaged."""
    file = RecordFile(path, find_all=False)
    try:
        return file.read(0)
    except BadRecordError as error:
        raise UserError(f"{error}: copy the file or make the dataset again") from error
    finally:
        file.close()


class RecordFile:
    """The records of one file, local or remote, by index."""

    path: str
    offsets: np.ndarray  # int64 (num_records + 1,), start of each frame and end of the file

    def __init__(self, path: str, num_records: int | None = None, *, find_all: bool = True) -> None:
        """Opens a file and finds its records, or only the first, by reading frame headers.

        If `num_records` is known and all frames are as long as the first, it reads no others.
        Raises UserError if the file is missing or empty, or ends within a record.
        """
        self.path = path
        self._file = PositionedFile(path)
        self._size = self._file.size
        first = self._frame_bytes(0, self._read(0, _HEADER_BYTES))
        if num_records is not None and self._size == first * num_records:
            self.offsets = np.arange(num_records + 1, dtype=np.int64) * first
            return
        self.offsets = np.array(self._walk(first) if find_all else [0, first], np.int64)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def read(self, index: int) -> bytes:
        """Returns a record. Raises BadRecordError if its bytes are changed or missing."""
        start, end = int(self.offsets[index]), int(self.offsets[index + 1])
        body = unframe(self._read(start, end - start))
        if body is None or len(body) + FRAME_BYTES != end - start:
            where = f"{self.path}: record {index}, at byte {start}"
            raise BadRecordError(f"{where}, is not what was written")
        return body

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _walk(self, first: int) -> list[int]:
        """Returns where each frame begins, and the file's end."""
        offsets, begin, run = [0, first], 0, b""
        while (position := offsets[-1]) < self._size:
            header = run[position - begin : position - begin + _HEADER_BYTES]
            if len(header) < _HEADER_BYTES:
                is_short = position - offsets[-2] < _SHORT_BYTES
                run = self._read(position, _RUN_BYTES if is_short else _HEADER_BYTES)
                begin, header = position, run[:_HEADER_BYTES]
            offsets.append(position + self._frame_bytes(position, header))
        return offsets

    def _frame_bytes(self, position: int, header: bytes) -> int:
        if self._size == 0:
            raise UserError(f"{self.path}: the file is empty: make the dataset again")
        if len(header) == _HEADER_BYTES and _checksum(header[:8]) == header[8:]:
            length = struct.unpack("<Q", header[:8])[0] + FRAME_BYTES
            if position + length <= self._size:
                return length
        problem = f"expected whole records, the one at byte {position} is cut or damaged"
        raise UserError(f"{self.path}: {problem}: copy the file or make the dataset again")

    def _read(self, position: int, length: int) -> bytes:
        return self._file.read(position, length)


def _checksum(data: bytes) -> bytes:
    """Returns TensorFlow's masked CRC-32C of some bytes."""
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
