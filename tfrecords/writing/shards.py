"""The files of one resolution while they are written: shards of limited size."""

from __future__ import annotations

import hashlib
import os
import re
from io import FileIO

from tfrecords.writing.journal import write_all


class Shards:
    """The shards of one resolution, of which the last is written.

    They have names of their own until all are complete, when it is known how many there are.
    """

    def __init__(
        self, folder: str, resolution: int, shard_bytes: int, found: dict[str, tuple[int, int]]
    ) -> None:
        """Goes on where a conversion ended.

        A record that would make a file larger than `shard_bytes` begins another. `found` is what
        a journal tells of files, of other resolutions too: name to (bytes, records). What a file
        has more is cut off. Raises ValueError if one is missing, or holds less.
        """
        self._folder = folder
        self._log2 = resolution.bit_length() - 1
        self._shard_bytes = shard_bytes
        self._file: FileIO | None = None
        self._hash = hashlib.sha256()
        self._changed: set[int] = set()
        # Of each shard.
        self._bytes: list[int] = []
        self._records: list[int] = []
        self._digests: list[str] = []  # but not of the one that is open
        while (name := self._name(len(self._bytes))) in found:
            num_bytes, num_records = found[name]
            path = os.path.join(folder, name)
            if not os.path.exists(path) or os.path.getsize(path) < num_bytes:
                self.close()
                raise ValueError(f"{path} holds less than was written")
            os.truncate(path, num_bytes)
            self._begin(num_bytes, num_records)

    @property
    def num_records(self) -> int:
        """How many records all files have."""
        return sum(self._records)

    def write(self, frames: list[bytes]) -> None:
        """Appends records, as they stand in a file."""
        waiting: list[bytes] = []
        for frame in frames:
            if not self._bytes or (
                self._bytes[-1] and self._bytes[-1] + len(frame) > self._shard_bytes
            ):
                self._flush(waiting)
                waiting = []
                self._begin()
            waiting.append(frame)
            self._bytes[-1] += len(frame)
            self._records[-1] += 1
        self._flush(waiting)

    def sync(self) -> dict[str, tuple[int, int]]:
        """Waits until all is on the disk.

        Returns name to (bytes, records) of the files that changed since the last time.
        """
        if self._file and self._changed:
            os.fsync(self._file.fileno())
        changed = {self._name(i): (self._bytes[i], self._records[i]) for i in self._changed}
        self._changed.clear()
        return changed

    def finish(self, name: str) -> list[dict[str, int | str]]:
        """Gives all files the names that a finished dataset called `name` has.

        Returns what `dataset.json` tells of them, in order.
        """
        self._end()
        entries: list[dict[str, int | str]] = []
        for i, digest in enumerate(self._digests):
            shard = f"-{i:05}-of-{len(self._digests):05}" if len(self._digests) > 1 else ""
            file = f"{name}-r{self._log2:02}{shard}.tfrecords"
            os.rename(os.path.join(self._folder, self._name(i)), os.path.join(self._folder, file))
            entries.append(
                {
                    "file": file,
                    "resolution": 2**self._log2,
                    "records": self._records[i],
                    "bytes": self._bytes[i],
                    "sha256": digest,
                }
            )
        return entries

    def close(self) -> None:
        """Closes the file that is open, if one is."""
        if self._file:
            self._file.close()
            self._file = None

    def _begin(self, num_bytes: int = 0, num_records: int = 0) -> None:
        """Ends the last shard, and opens the next, which holds so much already."""
        self._end()
        path = os.path.join(self._folder, self._name(len(self._bytes)))
        self._hash = hashlib.sha256()
        if num_bytes:
            with open(path, "rb") as file:
                self._hash = hashlib.file_digest(file, "sha256")
        # Nothing that the journal does not tell of may stay in a new one.
        self._file = FileIO(path, "ab" if num_bytes else "wb")
        self._bytes.append(num_bytes)
        self._records.append(num_records)

    def _flush(self, frames: list[bytes]) -> None:
        if frames and self._file:
            data = b"".join(frames)
            write_all(self._file.fileno(), data)
            self._hash.update(data)
            self._changed.add(len(self._bytes) - 1)

    def _end(self) -> None:
        if self._file:
            os.fsync(self._file.fileno())
            self.close()
            self._digests.append(self._hash.hexdigest())

    def _name(self, index: int) -> str:
        return f"r{self._log2:02}-{index:05}.part"


def undo_finish(folder: str) -> None:
    """Gives files that `Shards.finish` named their names in the making back."""
    for name in os.listdir(folder):
        match = re.fullmatch(r".*-r(\d\d)(?:-(\d{5})-of-\d{5})?\.tfrecords", name, re.DOTALL)
        if match:
            part = f"r{match[1]}-{match[2] or '00000'}.part"
            os.rename(os.path.join(folder, name), os.path.join(folder, part))
