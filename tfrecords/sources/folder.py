"""A folder of picture files as a source."""

import concurrent.futures
import functools
import os
import stat
from collections.abc import Iterator

from tfrecords.common.errors import UserError
from tfrecords.common.limits import MOST_PICTURE_BYTES
from tfrecords.common.paths import is_remote, join, load_gfile, read_bytes, read_whole
from tfrecords.pictures.images import size_of
from tfrecords.pictures.kinds import HEAD_BYTES, kind_by_ending
from tfrecords.pictures.source import FileReader, Source, SourceFile
from tfrecords.sources.listing import PictureFiles, is_hidden, make_source, why_skipped

_HEADER_BYTES = 2**18  # of a remote picture, enough to find the size of most
_REMOTE_THREADS = 32  # threads for remote requests, which mostly wait
_MOST_TEXT_BYTES = 2**27  # of a label file, enough for three million pictures

_Found = tuple[str, int, int]  # path in the folder, bytes, time of the last change in ns
_Rejected = list[tuple[str, str]]  # path and reason


def open_folder(folder: str, labels: str | None = None) -> Source:
    """Finds the pictures in a folder and its subfolders, in order of their paths.

    Skips hidden files and folders, and files without a picture's ending or first bytes. Follows
    links, except to a folder that contains them. Rejects pictures of unsupported kinds, and names
    with a picture's ending that are not files (dangling links, folders without pictures, pipes).
    The folder may be remote (`gs://…`). For `labels` see `labels.find_labels`. Raises UserError if
    the folder is missing or has no pictures, or if the labels do not fit.
    """
    remote = is_remote(folder)
    files = _list_remote(folder) if remote else list_folder(folder)
    whole = folder if remote else os.path.abspath(folder)  # gives "." a name
    return make_source(folder, whole.rstrip("/").split("/")[-1], files, labels)


def list_folder(folder: str) -> PictureFiles:
    """Lists the pictures in a local folder; see `open_folder`. UserError if it can't be read."""
    rejected: _Rejected = []
    try:
        status = os.stat(folder)
        found = sorted(_walk(folder, "", {(status.st_dev, status.st_ino)}, rejected))
    except OSError as error:
        raise UserError(f"{folder}: cannot be listed: {error.strerror}") from error
    return _picture_files(folder, found, rejected)


def _walk(
    folder: str, prefix: str, ancestors: set[tuple[int, int]], rejected: _Rejected
) -> Iterator[_Found]:
    """Yields the pictures below folder/prefix, and adds to `rejected`."""
    with os.scandir(os.path.join(folder, prefix)) as scan:
        entries = [entry for entry in scan if not is_hidden(entry.name)]
    for entry in entries:
        path = prefix + entry.name
        named = kind_by_ending(entry.name)
        try:
            is_dir = entry.is_dir()
            status = entry.stat()
        except OSError as error:
            if named:
                why = error.strerror or str(error)
                rejected.append((path, "a link that leads nowhere" if entry.is_symlink() else why))
            continue
        key = (status.st_dev, status.st_ino)
        if is_dir and key in ancestors:
            continue
        if is_dir:
            reason = "a folder, and no picture in it" if named else None
            try:
                for found in _walk(folder, f"{path}/", ancestors | {key}, rejected):
                    reason = None
                    yield found
            except OSError as error:
                reason = f"a folder that cannot be listed: {error.strerror}"
        elif stat.S_ISREG(status.st_mode):
            reason = why_skipped(path, functools.partial(_read_head, join(folder, path)))
        else:  # pipes and devices are never opened
            reason = "no regular file" if named else None
        if reason:
            rejected.append((path, reason))
        elif reason == "":
            yield path, status.st_size, status.st_mtime_ns


def _read_head(file: str) -> bytes:
    with open(file, "rb", buffering=0) as opened:
        return opened.read(HEAD_BYTES)


def _list_remote(folder: str) -> PictureFiles:
    gfile = load_gfile()
    if not gfile.isdir(folder):
        raise UserError(f"source: expected a folder, got {folder!r}: no such folder")
    root = folder.rstrip("/")
    files = (
        f"{directory.rstrip('/')}/{name}"[len(root) :].lstrip("/")
        for directory, _, names in gfile.walk(root)
        for name in names
    )

    def look(path: str) -> tuple[str | None, _Found]:
        file = join(folder, path)
        why = why_skipped(path, lambda: read_bytes(file, HEAD_BYTES))
        status = gfile.stat(file) if why == "" else None
        return why, (path, status.length, status.mtime_nsec) if status else (path, 0, 0)

    with concurrent.futures.ThreadPoolExecutor(_REMOTE_THREADS) as threads:
        looks = list(threads.map(look, sorted(path for path in files if not is_hidden(path))))
    rejected = [(path, why) for why, (path, _, _) in looks if why]
    return _picture_files(folder, [found for why, found in looks if why == ""], rejected)


def _picture_files(folder: str, found: list[_Found], rejected: _Rejected) -> PictureFiles:
    files = [SourceFile(join(folder, path), size, time) for path, size, time in found]
    paths = [path for path, _, _ in found]
    opener = functools.partial(_open_reader, folder, paths)
    read_text = functools.partial(_read_text, folder)
    for_size = functools.partial(_read_for_size, folder, paths)
    return PictureFiles(paths, files, sorted(rejected), opener, read_text, for_size)


def _open_reader(folder: str, paths: list[str]) -> FileReader:
    return lambda index: read_whole(join(folder, paths[index]), MOST_PICTURE_BYTES)


def _read_text(folder: str, path: str) -> bytes | None:
    file = join(folder, path)
    there = load_gfile().exists(file) if is_remote(folder) else os.path.isfile(file)
    return read_whole(file, _MOST_TEXT_BYTES) if there else None


def _read_for_size(folder: str, paths: list[str], index: int) -> bytes | str:
    path = join(folder, paths[index])
    if not is_remote(folder):
        return path
    head = read_bytes(path, _HEADER_BYTES)
    try:
        size_of(head)
    except UserError:  # some formats need the whole file, or start with large metadata
        return read_whole(path, MOST_PICTURE_BYTES)
    return head
