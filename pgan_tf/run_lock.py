"""One process at a time writes a run folder."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

from tfrecords.errors import UserError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


@contextlib.contextmanager
def locked(run_dir: str) -> Iterator[None]:
    """Keeps other processes from a local run folder, which is made if need be.

    The lock is the operating system's, on the folder itself: it leaves no file, and ends with the
    process, however that ends. Folders elsewhere (`gs://…`), and on systems that know no
    such locks, are not locked.

    Raises:
        UserError: another process has it.
    """
    if fcntl is None:
        yield
        return
    try:
        if "://" not in run_dir:
            os.makedirs(run_dir, exist_ok=True)
        folder = os.open(run_dir, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:  # of which whoever writes the first file tells more
        yield
        return
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise UserError(
                    f"--run_dir: another process is training {run_dir}: wait until it has ended, "
                    f"or name another"
                ) from None
        yield
    finally:
        os.close(folder)
