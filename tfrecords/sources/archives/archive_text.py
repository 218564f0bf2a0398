"""A text beside the pictures of an archive, such as their labels."""

import zipfile

from tfrecords.common.errors import UserError
from tfrecords.sources.archives.entries import ARCHIVE_ERRORS, clean_path
from tfrecords.sources.archives.tar import open_member, open_tar, read_member, read_members
from tfrecords.sources.archives.zip_entry import read_entry

_MOST_BYTES = 2**27  # three million pictures' labels


def read_text(file: str, path: str) -> bytes | None:
    """Returns what a file in an archive holds; None if there is none.

    Args:
        file: a local archive.
        path: of the file in it, with slashes.

    Raises:
        UserError: it is larger than labels are.
    """
    try:
        if file.lower().endswith(".zip"):
            with zipfile.ZipFile(file) as archive:
                for info in archive.infolist():
                    if clean_path(info.filename) == path:
                        _check_size(file, path, info.file_size)
                        return read_entry(archive, info)
        else:
            with open_tar(file) as tar:
                for member in read_members(tar):
                    if clean_path(member.name) == path and member.isreg():
                        _check_size(file, path, member.size)
                        return read_member(open_member(tar, member))
    except UserError:
        raise
    except ARCHIVE_ERRORS:  # its pictures tell of it
        return None
    return None


def _check_size(file: str, path: str, size: int) -> None:
    if size > _MOST_BYTES:
        raise UserError(
            f"{file}: its {path} has {size:,} bytes, labels have {_MOST_BYTES:,} at most"
        )
