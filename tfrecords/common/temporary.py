"""Temporary folders that do not outlive their process for long, even if it is killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator

from tfrecords.common.locking import BusyError, locked

_PREFIX = "pgan-tf-copy-"


@contextlib.contextmanager
def temporary_folder() -> Iterator[str]:
    """Gives a folder, below TMPDIR, that is removed when the block ends.

    It is locked until then: what processes that were killed left behind is not, and goes now.

    Raises:
        OSError: it can't be made.
    """
    parent = tempfile.gettempdir()
    for name in os.listdir(parent):
        if name.startswith(_PREFIX):
            _remove_left_over(os.path.join(parent, name))
    with contextlib.ExitStack() as until_the_end:
        yield _make(until_the_end)


def _make(until_the_end: contextlib.ExitStack) -> str:
    while True:
        folder = tempfile.mkdtemp(prefix=_PREFIX)
        with contextlib.suppress(BusyError), contextlib.ExitStack() as stack:
            stack.enter_context(locked(folder, folder, make=False))
            # Another process may have taken it for one that was left behind, before the lock.
            if os.path.isdir(folder):
                stack.callback(_remove, folder, os.getpid())
                until_the_end.enter_context(stack.pop_all())
                return folder


def _remove(folder: str, owner: int) -> None:
    if os.getpid() == owner:  # a forked process is none
        shutil.rmtree(folder, ignore_errors=True)


def _remove_left_over(folder: str) -> None:
    # Another user's can't be opened, nor removed.
    with contextlib.suppress(BusyError), locked(folder, folder, make=False):
        shutil.rmtree(folder, ignore_errors=True)
