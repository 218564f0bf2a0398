"""Reads parts of a file, local or remote, in any order and from several threads."""

import os
import threading
from typing import Any

from tfrecords.common.paths import check_regular_file, is_remote, load_gfile, reading


class PositionedFile:
    """An open file, closed when nothing holds it any more."""

    path: str
    size: int  # in bytes, when it was opened

    def __init__(self, path: str) -> None:
        """Opens a file. Raises UserError if it is missing or cannot be read."""
        self.path = path
        self._turns = threading.Lock()
        self._file: Any = None
        check_regular_file(path)
        with reading(path):
            if is_remote(path):
                self._file = load_gfile().GFile(path, "rb")
                self.size = self._file.size()
            else:
                self._file = open(path, "rb", buffering=0)  # noqa: SIM115 - kept open
                self.size = os.fstat(self._file.fileno()).st_size

    def read(self, position: int, length: int) -> bytes:
        """Returns so many bytes, or fewer at the file's end. Raises UserError if it fails."""
        with reading(self.path):
            if is_remote(self.path) or not hasattr(os, "pread"):  # Windows has no pread
                with self._turns:
                    self._file.seek(position)
                    return self._file.read(length)
            return os.pread(self._file.fileno(), length, position)

    def is_still_there(self) -> bool:
        """Returns whether a local path still names this file; a remote one is taken to."""
        if is_remote(self.path):
            return True
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._file.fileno()))
        except OSError:
            return False

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()

    __del__ = close
