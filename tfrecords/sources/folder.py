"""A folder of picture files as a source."""

import concurrent.futures
import functools
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tfrecords.common.errors import UserError
from tfrecords.common.limits import MOST_PICTURE_BYTES
from tfrecords.common.names import printable
from tfrecords.common.paths import is_remote, load_gfile, read_bytes, read_whole
from tfrecords.pictures.images import smaller_side
from tfrecords.pictures.kinds import HEAD_BYTES
from tfrecords.pictures.source import Reader, Source, SourceFile
from tfrecords.sources.labels.files import find_labels
from tfrecords.sources.listing import (
    has_picture_name,
    is_hidden,
    no_pictures,
    sample_sides,
    why_left_out,
)

_HEADER_BYTES = 2**18  # of a remote picture: most tell their size within these
_REMOTE_THREADS = 32  # that ask for files at a time: each waits for its answer

_TEXT_BYTES = 2**27  # of labels: of three million pictures


@dataclass(frozen=True)
class Listing:
    """What a folder holds.

    Attributes:
        paths: of the pictures, relative to the folder, with slashes, sorted.
        sizes: in bytes.
        times: of the last change, in nanoseconds.
        rejected: (path, reason) of what is a picture that is not read here, or is named
            like a picture and is none.
    """

    paths: list[str]
    sizes: list[int]
    times: list[int]
    rejected: list[tuple[str, str]]


def open_folder(folder: str, labels: str | None = None) -> Source:
    """Finds the pictures in a folder and its sub-folders, in order of their paths.

    Hidden files and folders are left out, and files that neither are named like a picture
    nor begin like one. Links are followed, but for those to a folder that they lie in.
    Pictures of a kind that is not read here are rejected, and so is what is named like a
    picture but is no file (a dangling link, a folder that holds no picture, a pipe).

    Args:
        folder: local or remote (`gs://…`).
        labels: see `labels.files.find_labels`.

    Raises:
        UserError: there is no such folder, or no picture in it, or the labels do not fit.
    """
    remote = is_remote(folder)
    listing = _list_remote(folder) if remote else list_folder(folder)
    paths = listing.paths
    if not paths:
        raise no_pictures(folder, listing.rejected)
    rejected = (path for path, _ in listing.rejected)
    found = find_labels(labels, paths, folder, rejected, functools.partial(_read_if_there, folder))
    identity = [
        SourceFile(_join(folder, path), size, time)
        for path, size, time in zip(paths, listing.sizes, listing.times, strict=True)
    ]

    def picture_name(index: int) -> str:
        return printable(_join(folder, paths[index]))

    def find_side(index: int) -> int:
        path = _join(folder, paths[index])
        return _remote_side(path) if remote else smaller_side(path, printable(path))

    return Source(
        name=_base_name(folder),
        description=folder,
        num_pictures=len(paths),
        open=functools.partial(_open_reader, folder, paths),
        identity=identity,
        picture_name=picture_name,
        opens_fast=True,
        sample_sides=lambda: sample_sides(len(paths), find_side, folder),
        labels=found.rows,
        label_names=found.names,
        notes=found.notes,
        rejected=tuple(
            (printable(_join(folder, path)), reason) for path, reason in listing.rejected
        ),
    )


def list_folder(folder: str) -> Listing:
    """Lists a local folder's pictures; see `open_folder`.

    Raises:
        UserError: the folder cannot be listed.
    """
    try:
        status = os.stat(folder)
        os.scandir(folder).close()
    except OSError as error:
        raise UserError(f"{folder}: cannot be listed: {error.strerror}") from error
    rejected: list[tuple[str, str]] = []
    ancestors = frozenset([(status.st_dev, status.st_ino)])
    found = sorted(_walk(folder, "", ancestors, rejected))
    return Listing(
        [path for path, _, _ in found],
        [size for _, size, _ in found],
        [time for _, _, time in found],
        sorted(rejected),
    )


def _walk(
    folder: str,
    prefix: str,
    ancestors: frozenset[tuple[int, int]],
    rejected: list[tuple[str, str]],
) -> Iterator[tuple[str, int, int]]:
    """Gives (path, size, time) of each picture below folder/prefix; adds to `rejected`."""
    with os.scandir(os.path.join(folder, prefix)) as scan:
        entries = [entry for entry in scan if not is_hidden(entry.name)]
    for entry in entries:
        path = prefix + entry.name
        named = has_picture_name(entry.name)
        try:
            is_dir = entry.is_dir()
            status = entry.stat()
        except OSError as error:
            if named:
                why = error.strerror or str(error)
                rejected.append((path, "a link that leads nowhere" if entry.is_symlink() else why))
            continue
        if not is_dir:
            if not stat.S_ISREG(status.st_mode):  # pipes and devices are never opened
                reason = "no regular file" if named else None
            else:
                reason = why_left_out(path, functools.partial(_local_head, folder, path))
            if reason == "":
                yield path, status.st_size, status.st_mtime_ns
            elif reason:
                rejected.append((path, reason))
            continue
        key = (status.st_dev, status.st_ino)
        if key in ancestors:
            continue
        count = 0
        try:
            for found in _walk(folder, f"{path}/", ancestors | {key}, rejected):
                count += 1
                yield found
        except OSError as error:
            rejected.append((path, f"a folder that cannot be listed: {error.strerror}"))
            continue
        if named and not count:
            rejected.append((path, "a folder, and no picture in it"))


def _list_remote(folder: str) -> Listing:
    gfile = load_gfile()
    if not gfile.isdir(folder):
        raise UserError(f"source: expected a folder, got {folder!r}: no such folder")
    root = folder.rstrip("/")
    files = []
    for directory, _, names in gfile.walk(root):
        relative = directory[len(root) :].strip("/")
        found = (f"{relative}/{name}" if relative else name for name in names)
        files += [path for path in found if not is_hidden(path)]
    files.sort()
    with concurrent.futures.ThreadPoolExecutor(_REMOTE_THREADS) as threads:
        reasons = list(threads.map(functools.partial(_why_not_remote, folder), files))
        paths = [path for path, why in zip(files, reasons, strict=True) if why == ""]
        stats = list(threads.map(gfile.stat, (_join(folder, path) for path in paths)))
    return Listing(
        paths,
        [status.length for status in stats],
        [status.mtime_nsec for status in stats],
        [(path, why) for path, why in zip(files, reasons, strict=True) if why],
    )


def _why_not_remote(folder: str, path: str) -> str | None:
    return why_left_out(path, lambda: read_bytes(_join(folder, path), HEAD_BYTES))


def _local_head(folder: str, path: str) -> bytes:
    with open(os.path.join(folder, path), "rb", buffering=0) as file:
        return file.read(HEAD_BYTES)


def _remote_side(path: str) -> int:
    try:
        return smaller_side(read_bytes(path, _HEADER_BYTES), path)
    except UserError:  # some formats need the whole file, or hold large metadata first
        return smaller_side(read_whole(path, MOST_PICTURE_BYTES), path)


def _open_reader(folder: str, paths: Sequence[str]) -> Reader:
    return lambda index: read_whole(_join(folder, paths[index]), MOST_PICTURE_BYTES)


def _read_if_there(folder: str, path: str) -> bytes | None:
    file = _join(folder, path)
    there = load_gfile().exists(file) if is_remote(folder) else os.path.isfile(file)
    return read_whole(file, _TEXT_BYTES) if there else None


def _join(folder: str, path: str) -> str:
    return f"{folder.rstrip('/')}/{path}"


def _base_name(folder: str) -> str:
    path = folder if is_remote(folder) else os.path.abspath(folder)  # so that "." has a name
    return path.rstrip("/").split("/")[-1] or "pictures"
