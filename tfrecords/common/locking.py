"""One process at a time writes a folder: a run, an export, a conversion, a temporary copy."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator

from filelock import lock_descriptor

from tfrecords.common.errors import UserError
from tfrecords.common.paths import is_remote


class BusyError(UserError):
    """Another process has the folder."""


@contextlib.contextmanager
def locked(folder: str, busy: str, *, make: bool = True) -> Iterator[None]:
    """Keeps other processes from a local folder.

    The lock is the operating system's, on the folder itself: it leaves no file, and ends with the
    process, however that ends. Folders elsewhere (`gs://…`), and on systems that know no such
    locks, are not locked. A folder that was made for this goes again if nothing came into it.

    Args:
        folder: its path.
        busy: what to say, in a line, if another process has it.
        make: whether it is made if need be.

    Raises:
        BusyError: another process has it.
    """
    made: list[str] = []
    try:
        if make and not is_remote(folder):
            made = _missing(folder)
            os.makedirs(folder, exist_ok=True)
        descriptor = _open(folder)
    except OSError:  # of which whoever writes the first file tells more
        yield
        return
    try:
        _lock(descriptor, folder, busy)
        yield
    finally:
        os.close(descriptor)
        _remove_empty(made)


def _lock(descriptor: int, folder: str, busy: str) -> None:
    try:
        ours = lock_descriptor(descriptor, blocking=False)
    except OSError:  # such as of a file system without locks
        return
    # Whoever had the lock may have put the folder in another place, or removed it, meanwhile.
    if not ours or not _is_at(descriptor, folder):
        raise BusyError(busy)


def _is_at(descriptor: int, folder: str) -> bool:
    try:
        return os.name == "nt" or os.path.samestat(os.fstat(descriptor), os.stat(folder))
    except OSError:
        return False


def _open(folder: str) -> int:
    if os.name != "nt":
        return os.open(folder, os.O_RDONLY)
    # Windows opens no folders, and renames none with an open file in it.
    digest = hashlib.sha256(os.path.realpath(folder).encode()).hexdigest()[:32]
    path = os.path.join(tempfile.gettempdir(), f"pgan-tf-{digest}.lock")
    return os.open(path, os.O_RDWR | os.O_CREAT)


def _remove_empty(folders: list[str]) -> None:
    for folder in folders:
        with contextlib.suppress(FileNotFoundError):
            try:
                os.rmdir(folder)
            except OSError:
                return


def _missing(folder: str) -> list[str]:
    """Returns the folders that have to be made, the last one first."""
    missing = []
    while folder and not os.path.exists(folder):
        missing.append(folder)
        folder = os.path.dirname(folder.rstrip("/"))
    return missing
