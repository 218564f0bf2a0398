"""The files of one resolution while they are written: shards of limited size."""

from __future__ import annotations

import hashlib
import os
import re

from tfrecords.writing.journal import write_all

_HASH_BLOCK_BYTES = 2**22


class Shards:
    """The shards of one resolution, of which the last is written.

    They have names of their own until all are complete, when it is known how many there are.
    """

    def __init__(
        self, folder: str, resolution: int, shard_bytes: int, found: dict[str, tuple[int, int]]
    ) -> None:
        """Goes on where a conversion ended.

        Args:
            folder: where the files are.
            resolution: in pixels.
            shard_bytes: a record that would make a file larger than this begins another.
            found: name to (bytes, records) of the files that a journal tells of, those of
                other resolutions too. What a file has more is cut off.

        Raises:
            ValueError: a file is not there, or holds less.
        """
        self._folder = folder
        self._log2 = resolution.bit_length() - 1
        self._shard_bytes = shard_bytes
        self._file = -1  # none
        self._changed: set[int] = set()
        # Of each shard.
        self._bytes: list[int] = []
        self._records: list[int] = []
        self._digests: list[str] = []  # but not of the last
        self._hash = hashlib.sha256()
        while (name := self._name(len(self._bytes))) in found:
            num_bytes, num_records = found[name]
            if self._file >= 0:
                self._close()
            self._reopen(name, num_bytes)
            self._bytes.append(num_bytes)
            self._records.append(num_records)

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

        Returns:
            Name to (bytes, records) of the files that changed since the last time.
        """
        if self._file >= 0 and self._changed:
            os.fsync(self._file)
        changed = {self._name(i): (self._bytes[i], self._records[i]) for i in self._changed}
        self._changed.clear()
        return changed

    def finish(self, name: str) -> list[dict[str, int | str]]:
        """Closes the files and gives them their names in a data set called `name`.

        Returns:
            What `dataset.json` tells of each file, in order.
        """
        self._close()
        entries = []
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
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _begin(self) -> None:
        if self._file >= 0:
            self._close()
        path = os.path.join(self._folder, self._name(len(self._bytes)))
        # Nothing that the journal does not tell of may stay in it.
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o666)
        self._hash = hashlib.sha256()
        self._bytes.append(0)
        self._records.append(0)

    def _flush(self, frames: list[bytes]) -> None:
        if not frames:
            return
        data = b"".join(frames)
        write_all(self._file, data)
        self._hash.update(data)
        self._changed.add(len(self._bytes) - 1)

    def _close(self) -> None:
        if self._file >= 0:
            os.fsync(self._file)
            self.close()
            self._digests.append(self._hash.hexdigest())

    def _reopen(self, name: str, num_bytes: int) -> None:
        path = os.path.join(self._folder, name)
        if not os.path.exists(path) or os.path.getsize(path) < num_bytes:
            raise ValueError(f"{path} holds less than was written")
        os.truncate(path, num_bytes)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND)
        self._hash = hashlib.sha256()
        with open(path, "rb") as file:
            while block := file.read(_HASH_BLOCK_BYTES):
                self._hash.update(block)

    def _name(self, index: int) -> str:
        return f"r{self._log2:02}-{index:05}.part"


def undo_finish(folder: str) -> None:
    """Gives files that `Shards.finish` named their names in the making back."""
    for name in os.listdir(folder):
        match = re.fullmatch(r".*-r(\d\d)(?:-(\d{5})-of-\d{5})?\.tfrecords", name, re.DOTALL)
        if match:
            part = f"r{match[1]}-{match[2] or '00000'}.part"
            os.rename(os.path.join(folder, name), os.path.join(folder, part))
