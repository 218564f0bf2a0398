"""Files and folders that are there whole or not at all, also when the power fails.

They are written under another name, brought to the disk, and get their own name then; the folder
that holds the name is brought to the disk last. Where a file system is remote (`gs://…`), which
brings files to its disks itself, only the renaming is left.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

from tfrecords.common import paths
from tfrecords.common.errors import UserError
from tfrecords.common.locking import BusyError, locked
from tfrecords.common.paths import check_regular_file, is_remote, load_gfile

_ENDING = ".partial"
_PREFIX = "partial-"
_TEMPORARY = "pgan-tf-copy-"
# Of file systems that bring no folders to the disk by request.
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)


@contextlib.contextmanager
def whole_file(path: str) -> Iterator[BinaryIO]:
    """Gives a file to write to, which becomes `path` when the block ends.

    If the block fails nothing of it is left, and what stood there stays.

    Args:
        path: local or remote; its folder is there.

    Raises:
        OSError: it can't be written, such as on a full disk; TensorFlow's errors if it is remote.
    """
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
            sync_folder(os.path.dirname(path))
    except BaseException:
        remove(partial)
        raise


def check_file_place(path: str, argument: str) -> None:
    """Checks, before the work that a file needs, that it can be written; writes nothing.

    Args:
        path: of the file, local or remote, of which nothing is known before.
        argument: what errors call it.

    Raises:
        UserError: its folder is not there or read-only, or it is a folder, a pipe or a device.
    """
    if is_remote(path):
        return
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK):
        reason = "read-only" if os.path.isdir(folder) else "no folder"
        raise UserError(
            f"{argument}: expected a file that can be written, got {path!r} ({folder} is "
            f"{reason}): name another"
        )
    try:
        check_regular_file(path)
    except UserError as error:
        raise UserError(f"{argument}: {error}") from None


def write_file(path: str, contents: bytes) -> None:
    """Writes a file of `whole_file`."""
    with whole_file(path) as file:
        file.write(contents)


def copy_file(source: str, path: str) -> None:
    """Copies a file, local or remote, to one of `whole_file`."""
    read = load_gfile().GFile if is_remote(source) else open
    with read(source, "rb") as whole, whole_file(path) as file:
        shutil.copyfileobj(whole, file, 2**20)


@contextlib.contextmanager
def whole_folder(path: str) -> Iterator[str]:
    """Gives an empty folder to write to, which becomes `path` when the block ends.

    What a killed process left of the same folder is removed first; if the block fails nothing of
    it is left.

    Args:
        path: local or remote; absent, or empty.

    Raises:
        BusyError: another process is writing it.
        OSError: it can't be written; TensorFlow's errors if it is remote.
    """
    partial = partial_folder(path)
    with locked(partial, f"{path}: another process is writing it: wait for it, or name another"):
        try:
            if is_remote(path):
                remove(partial)
                load_gfile().makedirs(partial)
                yield partial
                load_gfile().rename(partial, path)
            else:
                os.makedirs(partial, exist_ok=True)  # says why, where the lock could not
                for name in os.listdir(partial):
                    remove(os.path.join(partial, name))
                yield partial
                put_in_place(partial, path)
        except BaseException:
            remove(partial)
            raise


def partial_folder(path: str) -> str:
    """Returns what a folder of `whole_folder` is called while it is written."""
    parent, name = os.path.split(path.rstrip("/"))
    return paths.join(parent, _PREFIX + name)


def put_in_place(partial: str, path: str) -> None:
    """Brings all of a local folder to the disk, and gives it its name, for good.

    Args:
        partial: the folder.
        path: its name from now on; absent, or an empty folder.
    """
    for folder, _, names in os.walk(partial):
        for name in names:
            # Windows wants a file that may be written.
            with open(os.path.join(folder, name), "rb+") as file:
                os.fsync(file.fileno())
        sync_folder(folder)
    if os.path.isdir(path):
        os.rmdir(path)
    os.rename(partial, path)
    sync_folder(os.path.dirname(path))


def sync_folder(folder: str) -> None:
    """Waits until the names in a local folder are on the disk, where the system can tell."""
    try:
        descriptor = os.open(folder or ".", os.O_RDONLY)
    except PermissionError:  # Windows opens no folders
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(descriptor)


def remove_partial_files(folder: str) -> None:
    """Removes what killed processes left in a folder of files of `whole_file`.

    Only who has locked the folder knows that nobody is writing them.
    """
    for name in paths.list_names(folder):
        if name.endswith(_ENDING):
            remove(paths.join(folder, name))


def remove(path: str) -> None:
    """Removes a file or a folder, if it is there and that is possible."""
    if is_remote(path):
        files = load_gfile()
        with contextlib.suppress(Exception):  # TensorFlow has errors of its own
            files.rmtree(path) if files.isdir(path) else files.remove(path)
    elif os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            os.remove(path)


@contextlib.contextmanager
def temporary_folder() -> Iterator[str]:
    """Gives a folder, below TMPDIR, that is removed when the block ends.

    It is locked until then: what processes that were killed left behind is not, and goes now.

    Raises:
        OSError: it can't be made.
    """
    parent = tempfile.gettempdir()
    for name in os.listdir(parent):
        if name.startswith(_TEMPORARY):
            _remove_left_over(os.path.join(parent, name))
    with contextlib.ExitStack() as until_the_end:
        yield _make_temporary(until_the_end)


def _make_temporary(until_the_end: contextlib.ExitStack) -> str:
    while True:
        folder = tempfile.mkdtemp(prefix=_TEMPORARY)
        with contextlib.suppress(BusyError), contextlib.ExitStack() as stack:
            stack.enter_context(locked(folder, folder, make=False))
            # Another process may have taken it for one that was left behind, before the lock.
            if os.path.isdir(folder):
                stack.callback(_remove_own, folder, os.getpid())
                until_the_end.enter_context(stack.pop_all())
                return folder


def _remove_own(folder: str, owner: int) -> None:
    if os.getpid() == owner:  # a forked process is none
        shutil.rmtree(folder, ignore_errors=True)


def _remove_left_over(folder: str) -> None:
    # Another user's can't be opened, nor removed.
    with contextlib.suppress(BusyError), locked(folder, folder, make=False):
        shutil.rmtree(folder, ignore_errors=True)
