"""A .zip or .tar archive of picture files as a source."""

import functools
import os
import zipfile

from tfrecords.common.errors import UserError
from tfrecords.common.paths import check_regular_file
from tfrecords.pictures.source import Source
from tfrecords.sources.archives.entries import ARCHIVE_ERRORS, archive_error_on, clean_path
from tfrecords.sources.archives.tar import find_in_tar, open_member, open_tar, read_members
from tfrecords.sources.archives.zip import find_in_zip, read_entry
from tfrecords.sources.listing import make_source

_ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_MOST_TEXT_BYTES = 2**27  # three million pictures' labels


def is_archive(path: str) -> bool:
    """True if a file's ending is that of an archive."""
    return path.lower().endswith(_ENDINGS)


def open_archive(file: str, labels: str | None = None) -> Source:
    """Finds the pictures in a local archive, in order of their paths.

    Hidden entries, macOS's `__MACOSX` and other files are left out. What is named like a
    picture but is no file, such as a link, is rejected. Of entries of one name the last
    counts. The pictures of a compressed tar are copied to a temporary file, as only that
    can be read in any order. For `labels` see `labels.files.find_labels`.

    Raises UserError if it is damaged or encrypted, or holds no picture, or the labels do not fit.
    """
    check_regular_file(file)
    with archive_error_on(file, *ARCHIVE_ERRORS):
        files = find_in_zip(file) if file.lower().endswith(".zip") else find_in_tar(file)
    name = os.path.basename(file).split(".")[0]
    return make_source(file, name, files, labels, functools.partial(_read_text, file))


def _read_text(file: str, path: str) -> bytes | None:
    """Returns what a file in the archive holds, or None. Raises UserError if it is too large."""
    try:
        if file.lower().endswith(".zip"):
            with zipfile.ZipFile(file) as archive:
                for info in archive.infolist():
                    if clean_path(info.filename) == path:
                        _check_text_size(file, path, info.file_size)
                        return read_entry(archive, info)
        else:
            with open_tar(file) as tar:
                for member in read_members(tar):
                    if clean_path(member.name) == path and member.isreg():
                        _check_text_size(file, path, member.size)
                        return open_member(tar, member).read()
    except UserError:
        raise
    except ARCHIVE_ERRORS:  # its pictures tell of it
        return None
    return None


def _check_text_size(file: str, path: str, size: int) -> None:
    if size > _MOST_TEXT_BYTES:
        raise UserError(
            f"{file}: its {path} has {size:,} bytes, labels have {_MOST_TEXT_BYTES:,} at most"
        )
