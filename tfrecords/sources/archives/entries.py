"""What opening a .zip and a .tar archive of pictures have in common."""

import posixpath
import struct
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tfrecords.common.errors import UserError
from tfrecords.common.names import printable
from tfrecords.pictures.source import FileReader
from tfrecords.sources.archives.tar import TAR_ERRORS

ARCHIVE_ERRORS = (
    *TAR_ERRORS,
    OSError,
    RuntimeError,  # encryption, and NotImplementedError of rare compressions
    struct.error,
    zipfile.BadZipFile,
)


@dataclass(frozen=True, eq=False)
class Entries:
    """The pictures in an archive: how to open them, their paths, and what is none."""

    open: Callable[[], FileReader]
    paths: Sequence[str]
    identity: Sequence[Sequence[str | int]]
    rejected: Sequence[tuple[str, str]]


def damaged(file: str, error: Exception) -> UserError:
    """Returns the error about an archive that cannot be read."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    reason = printable(reason)[:200]
    return UserError(f"{file}: cannot be read, {reason}: is the archive complete?")


def clean_path(path: str) -> str:
    """Returns an entry's path with slashes, below the archive."""
    return posixpath.normpath(path.replace("\\", "/")).lstrip("/")
