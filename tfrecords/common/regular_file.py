"""Files that users name are looked at before they are opened."""

import os
import stat

from tfrecords.common.errors import UserError

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (lambda mode: stat.S_ISCHR(mode) or stat.S_ISBLK(mode), "a device"),
)


def check_regular_file(path: str | os.PathLike[str]) -> None:
    """Refuses a folder, a pipe, a socket or a device: opening one may wait for ever.

    Nothing is opened. A remote path (`gs://…`) passes, and so does one where nothing is or
    that cannot be asked for: opening it tells why.

    Args:
        path: links in it are followed.

    Raises:
        UserError: there is something else than a file.
    """
    if "://" in os.fspath(path):
        return
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):  # ValueError: a zero byte in the name
        return
    for is_kind, words in _KINDS:
        if is_kind(mode):
            shown = os.fspath(path).encode("utf-8", "backslashreplace").decode()
            raise UserError(f"{shown}: expected a file, got {words}: give the path of a file")
