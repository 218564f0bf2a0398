"""Accesses files and folders, local or remote (`gs://…`, which loads TensorFlow)."""

import contextlib
import os
import re
import stat
import sys
from collections.abc import Iterator
from typing import Any

from tfrecords.common.errors import UserError
from tfrecords.common.text import printable, size_in_words

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_ADVICE = (
    (("no space left", "quota exceeded"), "make room"),
    (("permission denied", "not permitted"), "get the right to write there, or name another place"),
    (("read-only",), "name a place on a disk that can be written"),
    (("is a directory", "not a directory"), "move away what stands in its place"),
    (("name too long",), "choose a shorter name"),
    (("too large",), "name a place on a disk that takes files of that size"),
    (("no such file",), "check that the folder exists, and that nothing removes it meanwhile"),
    (("too many open files",), "close other programs, or raise the limit (ulimit -n)"),
)


def is_remote(path: str) -> bool:
    """Returns whether only TensorFlow can reach a path."""
    return "://" in path


def load_gfile() -> Any:
    """Returns `tf.io.gfile`."""
    import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)
    import tensorflow as tf

    return tf.io.gfile


def join(folder: str, name: str) -> str:
    """Returns the path of a file in a folder."""
    return f"{folder.rstrip('/')}/{name}" if is_remote(folder) else os.path.join(folder, name)


def exists(path: str) -> bool:
    """Returns whether a file or folder exists."""
    return load_gfile().exists(path) if is_remote(path) else os.path.exists(path)


def is_folder(path: str) -> bool:
    """Returns whether a folder exists."""
    return load_gfile().isdir(path) if is_remote(path) else os.path.isdir(path)


def list_names(folder: str) -> list[str]:
    """Returns the sorted names in a folder, empty if missing. UserError if it cannot be read."""
    with reading(folder):
        if not is_folder(folder):
            return []
        names = load_gfile().listdir(folder) if is_remote(folder) else os.listdir(folder)
        return sorted(name.rstrip("/") for name in names)


def size(path: str) -> int:
    """Returns a file's size in bytes. Raises UserError if it cannot be read."""
    with reading(path):
        return load_gfile().stat(path).length if is_remote(path) else os.path.getsize(path)


def dataset_name(folder: str) -> str:
    """Returns the name of a dataset's folder, without the suffix that the cache adds."""
    whole = folder.rstrip("/") if is_remote(folder) else os.path.abspath(folder)
    return re.sub(r"-\d+px-[0-9a-f]{8}$", "", os.path.basename(whole))


def check_regular_file(path: str | os.PathLike[str]) -> None:
    """Raises UserError for a folder, pipe, socket or device: opening one may wait forever.

    Accepts remote, missing and inaccessible paths, since opening them gives a better error.
    """
    if is_remote(os.fspath(path)):
        return
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)
    except (OSError, ValueError):  # ValueError: a zero byte in the name
        return
    if kind in _KINDS:
        shown = os.fspath(path).encode("utf-8", "backslashreplace").decode()
        raise UserError(f"{shown}: expected a file, got {_KINDS[kind]}: give the path of a file")


def read_bytes(path: str, limit: int = -1) -> bytes:
    """Returns a file's bytes, or only the first `limit`. UserError if unreadable."""
    with open_file(path) as file:
        return file.read(limit)


def read_whole(path: str, most_bytes: int) -> bytes:
    """Returns all bytes of a file. Raises UserError if unreadable or larger than `most_bytes`."""
    with open_file(path) as file:
        # Checks the size first, since reading "at most n bytes" allocates n bytes.
        num_bytes = file.size() if is_remote(path) else os.fstat(file.fileno()).st_size
        if num_bytes > most_bytes:
            most, got = size_in_words(most_bytes), size_in_words(num_bytes)
            problem = f"expected at most {most}, got {got}: is it the right file?"
            raise UserError(f"{printable(path)}: {problem}")
        return file.read(num_bytes)


@contextlib.contextmanager
def open_file(path: str) -> Iterator[Any]:
    """Opens a file to read its bytes. Turns all errors into UserError."""
    check_regular_file(path)
    open_it = load_gfile().GFile if is_remote(path) else open
    with reading(path), open_it(path, "rb") as file:
        yield file


@contextlib.contextmanager
def reading(path: str) -> Iterator[None]:
    """Turns all errors in the block into a UserError that names the path."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # TensorFlow has its own exceptions
        raise UserError(f"{printable(path)}: cannot be read: {reason(error)}") from error


@contextlib.contextmanager
def writing(what: str, then: str = "") -> Iterator[None]:
    """Turns file system errors into a UserError with advice, from `what` to `then`."""
    try:
        yield
    except Exception as error:
        tf = sys.modules.get("tensorflow")  # has its own exceptions for remote files
        if not isinstance(error, (OSError, tf.errors.OpError) if tf else OSError):
            raise
        why = reason(error).splitlines()[0]
        words = why.rpartition(";")[2].lower()  # without the path, which TensorFlow puts first
        matches = (advice for reasons, advice in _ADVICE if any(one in words for one in reasons))
        how = next(matches, "check that files can be written there") + then
        raise UserError(f"{what}: expected a place that can be written, got {why}: {how}") from None


def reason(error: Exception) -> str:
    """Returns the reason in an error of a local or remote file system."""
    return getattr(error, "strerror", None) or getattr(error, "message", None) or str(error)
