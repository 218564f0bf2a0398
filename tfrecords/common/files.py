"""Writes files and folders whole or not at all, even if the power fails, and locks folders.

They are written under another name, flushed to disk, and renamed; their parent folder is flushed
last. Remote file systems (`gs://…`) flush by themselves, so there they are only renamed.
"""

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from filelock import lock_descriptor

from tfrecords.common import paths
from tfrecords.common.errors import UserError
from tfrecords.common.paths import check_regular_file, is_remote, load_gfile

_ENDING = ".partial"
_PREFIX = "partial-"
_TEMPORARY = "pgan-tf-copy-"
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)  # from file systems that can't flush folders


class BusyError(UserError):
    """Another process has locked the folder."""


@contextlib.contextmanager
def whole_file(path: str) -> Iterator[BinaryIO]:
    """Yields a file to write. It becomes `path` if the block succeeds; otherwise it is removed."""
    partial = path + _ENDING
    try:
        with load_gfile().GFile(partial, "wb") if is_remote(path) else open(partial, "wb") as file:
            yield file
            if not is_remote(path):
                file.flush()
                os.fsync(file.fileno())
        if is_remote(path):
            load_gfile().rename(partial, path, overwrite=True)
        else:
            os.replace(partial, path)
            _sync_folder(os.path.dirname(path))
    except BaseException:
        remove(partial)
        raise


def write_file(path: str, contents: bytes) -> None:
    """Writes a file atomically; see `whole_file`."""
    with whole_file(path) as file:
        file.write(contents)


def copy_file(source: str, path: str) -> None:
    """Copies a local or remote file atomically; see `whole_file`."""
    read = load_gfile().GFile if is_remote(source) else open
    with read(source, "rb") as whole, whole_file(path) as file:
        shutil.copyfileobj(whole, file, 2**20)


def check_file_place(path: str, argument: str) -> None:
    """Raises a UserError that starts with `argument` if a local file could not be written."""
    if is_remote(path):
        return
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK):
        got = f"{path!r} ({folder} is {'read-only' if os.path.isdir(folder) else 'no folder'})"
        raise UserError(f"{argument}: expected a file that can be written, got {got}: name another")
    try:
        check_regular_file(path)
    except UserError as error:
        raise UserError(f"{argument}: {error}") from None


@contextlib.contextmanager
def whole_folder(path: str) -> Iterator[str]:
    """Yields an empty folder to fill. It becomes `path`, so far missing or empty, after the block.

    Removes leftovers of a killed process first, and everything if the block fails. Raises BusyError
    if another process is writing it, and otherwise as `whole_file`.
    """
    parent, name = os.path.split(path.rstrip("/"))
    partial = paths.join(parent, _PREFIX + name)
    with locked(partial, f"{path}: another process is writing it: wait for it, or name another"):
        try:
            if is_remote(path):
                remove(partial)
                load_gfile().makedirs(partial)
                yield partial
                load_gfile().rename(partial, path)
            else:
                os.makedirs(partial, exist_ok=True)  # raises an error if the lock could not make it
                for entry in os.listdir(partial):
                    remove(os.path.join(partial, entry))
                yield partial
                put_in_place(partial, path)
        except BaseException:
            remove(partial)
            raise


def put_in_place(partial: str, path: str) -> None:
    """Flushes a local folder to disk and renames it to `path`, which is missing or empty."""
    for folder, _, names in os.walk(partial):
        for name in names:
            # On Windows, flushing requires a writable file.
            with open(os.path.join(folder, name), "rb+") as file:
                os.fsync(file.fileno())
        _sync_folder(folder)
    if os.path.isdir(path):
        os.rmdir(path)
    os.rename(partial, path)
    _sync_folder(os.path.dirname(path))


def _sync_folder(folder: str) -> None:
    """Waits until the names in a local folder are on disk, if the system supports that."""
    try:
        descriptor = os.open(folder or ".", os.O_RDONLY)
    except PermissionError:  # Windows cannot open folders
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(descriptor)


def remove_partial_files(folder: str) -> None:
    """Removes partial files of killed processes from a folder that this process has locked."""
    for name in paths.list_names(folder):
        if name.endswith(_ENDING):
            remove(paths.join(folder, name))


def remove(path: str) -> None:
    """Removes a file or a folder, if it exists and can be removed."""
    if is_remote(path):
        files = load_gfile()
        with contextlib.suppress(Exception):  # TensorFlow has its own exceptions
            files.rmtree(path) if files.isdir(path) else files.remove(path)
    elif os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            os.remove(path)


@contextlib.contextmanager
def temporary_folder() -> Iterator[str]:
    """Yields a locked temporary folder, removed in the end. Removes those of killed processes."""
    parent = tempfile.gettempdir()
    for name in os.listdir(parent):
        left_over = os.path.join(parent, name)
        if name.startswith(_TEMPORARY):
            # Another user's folder can be neither opened nor removed.
            with contextlib.suppress(BusyError), locked(left_over, "", make=False):
                shutil.rmtree(left_over, ignore_errors=True)
    owner = os.getpid()
    with contextlib.ExitStack() as lock:
        while True:
            folder = tempfile.mkdtemp(prefix=_TEMPORARY)
            # Until it is locked, another process may mistake it for a leftover.
            with contextlib.suppress(BusyError):
                lock.enter_context(locked(folder, "", make=False))
                if os.path.isdir(folder):
                    break
        try:
            yield folder
        finally:
            if os.getpid() == owner:  # not in a forked process
                shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def locked(folder: str, busy: str, *, make: bool = True) -> Iterator[None]:
    """Locks a local folder against other processes. Raises BusyError(busy) if one has locked it.

    The operating system holds the lock until the process ends. Remote folders, and systems without
    locks, are not locked. `make` creates the folder, and removes it again if it stays empty.
    """
    made: list[Path] = []
    try:
        if make and not is_remote(folder):
            made = [path for path in (Path(folder), *Path(folder).parents) if not path.exists()]
            os.makedirs(folder, exist_ok=True)
        descriptor = _open(folder)
    except OSError:  # writing the first file there will give a better error
        yield
        return
    try:
        if not _lock(descriptor, folder):
            raise BusyError(busy)
        yield
    finally:
        os.close(descriptor)
        for path in made:
            with contextlib.suppress(OSError):  # if not empty, or missing
                path.rmdir()


def _open(folder: str) -> int:
    if os.name != "nt":
        return os.open(folder, os.O_RDONLY)
    # Windows cannot open folders, or rename one that has an open file.
    digest = hashlib.sha256(os.path.realpath(folder).encode()).hexdigest()[:32]
    path = os.path.join(tempfile.gettempdir(), f"pgan-tf-{digest}.lock")
    return os.open(path, os.O_RDWR | os.O_CREAT)


def _lock(descriptor: int, folder: str) -> bool:
    try:
        if not lock_descriptor(descriptor, blocking=False):
            return False
    except OSError:  # the file system has no locks
        pass
    try:  # The previous owner of the lock may have moved or removed the folder.
        return os.name == "nt" or os.path.samestat(os.fstat(descriptor), os.stat(folder))
    except OSError:
        return False
