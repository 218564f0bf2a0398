"""Questions about files and folders, local or remote (`gs://…`).

TensorFlow, which takes seconds to load, is asked only about remote ones.
"""

import os
import re

from tfrecords.common.errors import UserError
from tfrecords.common.remote import is_remote, load_gfile


def join(folder: str, name: str) -> str:
    """Returns the path of a file in a folder."""
    return f"{folder.rstrip('/')}/{name}" if is_remote(folder) else os.path.join(folder, name)


def exists(path: str) -> bool:
    """Says whether there is such a file or folder."""
    return load_gfile().exists(path) if is_remote(path) else os.path.exists(path)


def is_folder(path: str) -> bool:
    """Says whether there is such a folder."""
    return load_gfile().isdir(path) if is_remote(path) else os.path.isdir(path)


def list_names(folder: str) -> list[str]:
    """Lists a folder's names, sorted; none if there is no such folder.

    Raises:
        UserError: it cannot be read.
    """
    try:
        if not is_folder(folder):
            return []
        names = load_gfile().listdir(folder) if is_remote(folder) else os.listdir(folder)
    except Exception as error:  # TensorFlow has errors of its own
        raise UserError(f"{folder}: cannot be read: {reason(error)}") from error
    return sorted(name.rstrip("/") for name in names)


def size(path: str) -> int:
    """Returns a file's size in bytes.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return load_gfile().stat(path).length if is_remote(path) else os.path.getsize(path)
    except Exception as error:  # as above
        raise UserError(f"{path}: cannot be read: {reason(error)}") from error


def reason(error: Exception) -> str:
    """Returns what an error of a local or a remote file system says."""
    return getattr(error, "strerror", None) or getattr(error, "message", None) or str(error)


def dataset_name(folder: str) -> str:
    """Returns the name of a dataset's folder, without what the cache adds to it."""
    whole = folder.rstrip("/") if is_remote(folder) else os.path.abspath(folder)
    return re.sub(r"-\d+px-[0-9a-f]{8}$", "", os.path.basename(whole))
