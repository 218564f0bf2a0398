"""Writes the TFRecord files of a dataset, in shards of limited size."""

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from io import FileIO
from typing import Any

from tfrecords.writing.journal import Sizes, write_all


@dataclass
class _Shard:
    name: str
    bytes: int = 0
    records: int = 0
    hash: Any = field(default_factory=hashlib.sha256)  # of the bytes written so far


class Shards:
    """The shards of each resolution; records are appended to the last one.

    They have temporary names until all are complete and their number is known. A record that would
    make a file larger than `shard_bytes` starts a new one.
    """

    def __init__(self, folder: str, sides: Iterable[int], shard_bytes: int, found: Sizes) -> None:
        """Truncates files to their sizes in the journal, `found`. ValueError if one is shorter."""
        self._folder, self._shard_bytes = folder, shard_bytes
        self._shards: dict[int, list[_Shard]] = {side: [] for side in sorted(sides)}
        self._files: dict[int, FileIO] = {}  # the open file of each resolution
        for resolution, shards in self._shards.items():
            while (name := _part_name(resolution, len(shards))) in found:
                shards.append(self._read_back(name, *found[name]))

    def num_records(self) -> set[int]:
        """Returns the numbers of records per resolution, which should all be the same."""
        return {sum(one.records for one in shards) for shards in self._shards.values()}

    def write(self, frames: dict[int, list[bytes]]) -> Sizes:
        """Appends framed records and flushes them to disk. Returns the sizes of changed files."""
        changed = {}
        for resolution, records in frames.items():
            for record in records:
                shard = self._shard_for(resolution, len(record))
                write_all(self._files[resolution], record)
                shard.hash.update(record)
                shard.bytes += len(record)
                shard.records += 1
                changed[shard.name] = shard
            os.fsync(self._files[resolution].fileno())
        return {name: (shard.bytes, shard.records) for name, shard in changed.items()}

    def finish(self, name: str) -> list[dict]:
        """Gives all files their final names, and returns their entries for `dataset.json`."""
        self.close()
        entries: list[dict] = []
        for resolution, shards in self._shards.items():
            for i, shard in enumerate(shards):
                of = f"-{i:05}-of-{len(shards):05}" if len(shards) > 1 else ""
                file = f"{name}-r{resolution.bit_length() - 1:02}{of}.tfrecords"
                os.rename(self._path(shard.name), self._path(file))
                entry = {"file": file, "resolution": resolution, "records": shard.records}
                entries.append(entry | {"bytes": shard.bytes, "sha256": shard.hash.hexdigest()})
        return entries

    def close(self) -> None:
        """Closes all open files."""
        for file in self._files.values():
            file.close()

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)

    def _read_back(self, name: str, num_bytes: int, num_records: int) -> _Shard:
        path = self._path(name)
        if not os.path.exists(path) or os.path.getsize(path) < num_bytes:
            raise ValueError(f"{path} holds less than was written")
        os.truncate(path, num_bytes)
        with open(path, "rb") as file:
            return _Shard(name, num_bytes, num_records, hashlib.file_digest(file, "sha256"))

    def _shard_for(self, resolution: int, num_bytes: int) -> _Shard:
        """Returns the shard for the next record, with its file open."""
        shards = self._shards[resolution]
        if not shards or (shards[-1].bytes and shards[-1].bytes + num_bytes > self._shard_bytes):
            if resolution in self._files:
                with self._files.pop(resolution) as file:
                    os.fsync(file.fileno())
            shards.append(_Shard(_part_name(resolution, len(shards))))
        if resolution not in self._files:
            # A new file must not keep bytes that the journal does not list.
            mode = "ab" if shards[-1].bytes else "wb"
            self._files[resolution] = FileIO(self._path(shards[-1].name), mode)
        return shards[-1]


def undo_finish(folder: str) -> None:
    """Gives files that `Shards.finish` renamed their temporary names again."""
    for name in os.listdir(folder):
        pattern = r".*-r(\d\d)(?:-(\d{5})-of-\d{5})?\.tfrecords"
        if match := re.fullmatch(pattern, name, re.DOTALL):
            part = _part_name(2 ** int(match[1]), int(match[2] or 0))
            os.rename(os.path.join(folder, name), os.path.join(folder, part))


def _part_name(resolution: int, index: int) -> str:
    return f"r{resolution.bit_length() - 1:02}-{index:05}.part"
