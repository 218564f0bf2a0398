"""One process at a time writes a folder: a run, an export, a conversion, a temporary copy."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filelock import lock_descriptor

from tfrecords.common.errors import UserError
from tfrecords.common.paths import is_remote


class BusyError(UserError):
    """Another process has the folder."""


@contextlib.contextmanager
def locked(folder: str, busy: str, *, make: bool = True) -> Iterator[None]:
    """Keeps other processes from a local folder; raises BusyError(busy) if one has it.

    The lock is the operating system's, on the folder itself: it leaves no file, and ends with the
    process, however that ends. Remote folders, and those on systems without such locks, are not
    locked. With `make`, a missing folder is made, and removed again if nothing came into it.
    """
    made: list[Path] = []
    try:
        if make and not is_remote(folder):
            made = [path for path in (Path(folder), *Path(folder).parents) if not path.exists()]
            os.makedirs(folder, exist_ok=True)
        descriptor = _open(folder)
    except OSError:  # whoever writes the first file there says more
        yield
        return
    try:
        # Whoever had the lock may have moved or removed the folder meanwhile.
        if not _lock(descriptor) or not _is_at(descriptor, folder):
            raise BusyError(busy)
        yield
    finally:
        os.close(descriptor)
        for path in made:
            with contextlib.suppress(OSError):  # it is not empty, or gone
                path.rmdir()


def _open(folder: str) -> int:
    if os.name != "nt":
        return os.open(folder, os.O_RDONLY)
    # Windows opens no folders, and renames none with an open file in it.
    digest = hashlib.sha256(os.path.realpath(folder).encode()).hexdigest()[:32]
    path = os.path.join(tempfile.gettempdir(), f"pgan-tf-{digest}.lock")
    return os.open(path, os.O_RDWR | os.O_CREAT)


def _lock(descriptor: int) -> bool:
    try:
        return lock_descriptor(descriptor, blocking=False)
    except OSError:  # the file system has no locks
        return True


def _is_at(descriptor: int, folder: str) -> bool:
    try:
        return os.name == "nt" or os.path.samestat(os.fstat(descriptor), os.stat(folder))
    except OSError:
        return False
