"""The journal of a conversion: what is safely on the disk, so that it can go on from there.

The first line is the key of the conversion, all that decides the files' bytes. Each other line
tells what one more chunk of pictures added. A line counts when it is whole, and what it tells of
was on the disk before it was written. The folder is locked, so that no two processes write it.
"""

import contextlib
import json
import os
from typing import Any, Self

from tfrecords.common.errors import UserError
from tfrecords.common.files import locked
from tfrecords.common.paths import check_regular_file
from tfrecords.common.text import is_file_name
from tfrecords.format.dataset_json import JOURNAL_NAME


class Journal:
    """An open, locked journal."""

    restarted = ""  # why what was there before cannot be used

    def __init__(self, folder: str, key: dict[str, Any]) -> None:
        """Opens the journal of a local folder, made if need be, for a conversion with this key.

        What the folder holds of another conversion is removed. Raises BusyError if another
        process has it open, and UserError if it holds files, but not those of a conversion.
        """
        self._folder = folder
        self._key = key
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, JOURNAL_NAME)
        check_regular_file(path)
        foreign = sorted(os.listdir(folder))
        if foreign and not os.path.exists(path):
            raise UserError(
                f"{folder}: expected an unfinished conversion, found {foreign[0]}: "
                "move it away or take another name for the data set"
            )
        with contextlib.ExitStack() as stack:
            busy = "another process is converting into it: wait for it, or take another name"
            stack.enter_context(locked(folder, f"{folder}: {busy}"))
            self._file = open(path, "ab", buffering=0)  # noqa: SIM115 - kept open
            stack.callback(self.close)
            self._forget()
            self._read()
            self._until_the_end = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._until_the_end.close()

    def close(self) -> None:
        """Closes the file, but keeps the lock: some systems move no folder with an open file."""
        self._file.close()

    def append(
        self, position: int, files: dict[str, tuple[int, int]], rejected: list[tuple[int, str, str]]
    ) -> None:
        """Adds a chunk whose records are on the disk; the next one begins at `position`."""
        line = {"next": position, "files": files, "rejected": rejected}
        self._write(line)
        self._add(line)

    def restart(self, reason: str) -> None:
        """Forgets everything, and removes all other files of the folder."""
        for name in os.listdir(self._folder):
            if name != JOURNAL_NAME:
                os.remove(os.path.join(self._folder, name))
        self._file.truncate(0)
        self._write({"key": self._key})
        self._forget()
        self.restarted = reason

    def _forget(self) -> None:
        self.position = 0  # how many pictures of the dataset's order are converted
        self.files: dict[str, tuple[int, int]] = {}  # name to (bytes, records)
        self.rejected: list[tuple[int, str, str]] = []  # (index in the source, name, reason)

    def _add(self, line: dict[str, Any]) -> None:
        self.position = line["next"]
        self.files |= {name: tuple(sizes) for name, sizes in line["files"].items()}
        self.rejected += [tuple(one) for one in line["rejected"]]

    def _write(self, line: dict[str, Any]) -> None:
        write_all(self._file.fileno(), json.dumps(line, sort_keys=True).encode() + b"\n")
        os.fsync(self._file.fileno())

    def _read(self) -> None:
        lines, num_bytes = read_lines(self._folder)
        if not lines:
            self.restart("")
        elif _without_name(lines[0].get("key")) != _without_name(self._key):
            self.restart("it was left by a conversion of other pictures or with other options")
        else:
            self._file.truncate(num_bytes)
            for line in lines[1:]:
                self._add(line)


def _without_name(key: Any) -> Any:
    """Returns a key without the dataset's name, which was in it when it was OUT's."""
    return {**key, "name": None} if isinstance(key, dict) else key


def read_lines(folder: str) -> tuple[list[dict[str, Any]], int]:
    """Reads the whole lines of a folder's journal, and how many bytes they are.

    A line that is cut or damaged does not count, and neither do those after it. Raises UserError
    for a pipe or a device.
    """
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


def _check_line(line: dict[str, Any], position: int) -> None:
    """Raises something if a line does not tell of a chunk after `position`."""
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


def write_all(file: int, data: bytes) -> None:
    """Writes all the bytes to a file descriptor."""
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
