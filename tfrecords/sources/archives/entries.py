"""What .zip and .tar archives have in common."""

import lzma
import posixpath
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from tfrecords.common.errors import UserError
from tfrecords.common.text import printable

# What a broken .tar raises, but for the OSErrors of reading it.
TAR_ERRORS = (
    *(EOFError, ValueError, LookupError, ArithmeticError, zlib.error, lzma.LZMAError),
    tarfile.TarError,
    MemoryError,  # LZMA's header says how much it wants
    RecursionError,  # one long name after another
)
ARCHIVE_ERRORS = (
    *TAR_ERRORS,
    OSError,
    RuntimeError,  # encryption, and NotImplementedError of rare compressions
    struct.error,
    zipfile.BadZipFile,
)


@contextmanager
def archive_error_on(file: str, *errors: type[Exception]) -> Iterator[None]:
    """Turns what a broken archive raises into a UserError."""
    try:
        yield
    except UserError:
        raise
    except errors as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise UserError(
            f"{file}: cannot be read, {printable(reason)[:200]}: is the archive complete?"
        ) from error


def clean_path(path: str) -> str:
    """Returns an entry's path with slashes, below the archive."""
    return posixpath.normpath(path.replace("\\", "/")).lstrip("/")
