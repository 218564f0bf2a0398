"""The journal of a conversion records what is safely on disk, so that it can be resumed.

The first line is the conversion's key, everything that determines the files' bytes. Each further
line describes what a chunk of pictures added, and is written after the chunk is on disk.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from io import FileIO
from typing import Any

from tfrecords.common.errors import UserError
from tfrecords.common.files import locked
from tfrecords.common.paths import check_regular_file
from tfrecords.common.text import is_file_name
from tfrecords.format.dataset_json import JOURNAL_NAME

Sizes = dict[str, tuple[int, int]]  # from file name to (bytes, records)
Rejected = tuple[int, str, str]  # a picture's index in the source, name and reason


class Journal:
    """An open journal; see `open_journal`."""

    restarted = ""  # why earlier work cannot be used; empty if it can

    def __init__(self, folder: str, key: dict[str, Any], file: FileIO) -> None:
        self.folder, self._key, self._file = folder, key, file
        self._clear()
        lines, num_bytes = read_lines(folder)
        if not lines:
            self.restart("")
        elif _without_name(lines[0].get("key")) != _without_name(key):
            self.restart("it is of a conversion of other pictures or with other options")
        else:
            file.truncate(num_bytes)
            for line in lines[1:]:
                self._add(line)

    def append(self, position: int, files: Sizes, rejected: list[Rejected]) -> None:
        """Adds a chunk whose records are on disk. The next chunk starts at `position`."""
        self._write(line := {"next": position, "files": files, "rejected": rejected})
        self._add(line)

    def restart(self, reason: str) -> None:
        """Starts over and removes all other files in the folder."""
        for name in os.listdir(self.folder):
            if name != JOURNAL_NAME:
                os.remove(os.path.join(self.folder, name))
        self._file.truncate(0)
        self._write({"key": self._key})
        self._clear()
        self.restarted = reason

    def close(self) -> None:
        """Closes the file but keeps the lock. Some systems can't move a folder with open files."""
        self._file.close()

    def _clear(self) -> None:
        self.position = 0  # number of pictures converted, in the dataset's order
        self.files: Sizes = {}
        self.rejected: list[Rejected] = []

    def _add(self, line: dict[str, Any]) -> None:
        self.position = line["next"]
        self.files |= {name: tuple(sizes) for name, sizes in line["files"].items()}
        self.rejected += [tuple(one) for one in line["rejected"]]

    def _write(self, line: dict[str, Any]) -> None:
        write_all(self._file, json.dumps(line, sort_keys=True).encode() + b"\n")
        os.fsync(self._file.fileno())


@contextlib.contextmanager
def open_journal(folder: str, key: dict[str, Any]) -> Iterator[Journal]:
    """Opens and locks the journal in a local folder, creating it if missing, for a conversion.

    Removes files of another conversion. Raises BusyError if another process has the folder open,
    and UserError if it has files that do not belong to a conversion.
    """
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, JOURNAL_NAME)
    check_regular_file(path)
    foreign = os.listdir(folder)
    if foreign and not os.path.exists(path):
        found = f"{min(foreign)}: move it away or choose another name for the dataset"
        raise UserError(f"{folder}: expected an unfinished conversion, found {found}")
    busy = "another process is converting into it: wait for it, or choose another name"
    with locked(folder, f"{folder}: {busy}"), FileIO(path, "a") as file:
        yield Journal(folder, key, file)


def read_lines(folder: str) -> tuple[list[dict[str, Any]], int]:
    """Returns the lines of a folder's journal up to a damaged one, and their size in bytes."""
    path = os.path.join(folder, JOURNAL_NAME)
    check_regular_file(path)
    lines: list[dict[str, Any]] = []
    num_bytes, position = 0, 0
    with open(path, "rb") as file:
        for line in file:
            try:
                content = json.loads(line)
                if lines:
                    _check_line(content, position)
                    position = content["next"]
            except (AttributeError, LookupError, RecursionError, TypeError, ValueError):
                break
            if not isinstance(content, dict) or not line.endswith(b"\n"):
                break
            lines.append(content)
            num_bytes += len(line)
    return lines, num_bytes


def write_all(file: FileIO, data: bytes) -> None:
    """Writes all bytes to an unbuffered file, which may accept only some at a time."""
    while data:
        data = data[file.write(data) :]


def _without_name(key: Any) -> Any:
    """Returns a key without the dataset's name, which older versions derived from OUT."""
    return {**key, "name": None} if isinstance(key, dict) else key


def _check_line(line: dict[str, Any], position: int) -> None:
    """Raises an exception unless a line describes a chunk that starts at `position`."""
    numbers = [line["next"] - position]
    for name, (num_bytes, num_records) in line["files"].items():
        if not is_file_name(name):
            raise ValueError(name)
        numbers += [num_bytes, num_records]
    for index, name, reason in line["rejected"]:
        if not isinstance(name, str) or not isinstance(reason, str):
            raise TypeError(name)
        numbers.append(index)
    if not all(type(number) is int and 0 <= number < 2**63 for number in numbers):
        raise ValueError(numbers)
