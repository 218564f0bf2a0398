"""A text beside the pictures of an archive, such as their labels."""

import posixpath
import tarfile
import zipfile

from tfrecords.errors import UserError

_MOST_BYTES = 2**27  # three million pictures' labels


def read_text(file: str, path: str) -> bytes | None:
    """Returns what a file in an archive holds; None if there is none.

    Nothing is found in compressed tars, which would have to be read a second time for it.

    Args:
        file: a local .zip or .tar.
        path: of the file in it, with slashes.

    Raises:
        UserError: it is larger than labels are.
    """
    try:
        if file.lower().endswith(".zip"):
            with zipfile.ZipFile(file) as archive:
                entries = {_clean(info.filename): info for info in archive.infolist()}
                if path not in entries:
                    return None
                _check_size(file, path, entries[path].file_size)
                with archive.open(entries[path]) as opened:
                    return opened.read(_MOST_BYTES)
        if file.lower().endswith(".tar"):
            with tarfile.open(file, "r:") as archive:
                while (member := archive.next()) is not None:
                    archive.members = []  # tarfile would keep 1 kB for each
                    if _clean(member.name) == path and member.isreg():
                        _check_size(file, path, member.size)
                        return archive.extractfile(member).read()  # type: ignore[union-attr]
    except UserError:
        raise
    except Exception:  # damaged archives raise all sorts, and their pictures tell of it
        return None
    return None


def _check_size(file: str, path: str, size: int) -> None:
    if size > _MOST_BYTES:
        raise UserError(
            f"{file}: its {path} has {size:,} bytes, labels have {_MOST_BYTES:,} at most"
        )


def _clean(path: str) -> str:
    return posixpath.normpath(path.replace("\\", "/")).lstrip("/")
