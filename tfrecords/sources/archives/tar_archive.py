"""A .tar archive of picture files, compressed or not."""

import functools
import io
import tarfile
from collections.abc import Iterator

import numpy as np

from tfrecords.common import limits
from tfrecords.common.errors import UserError
from tfrecords.pictures.kinds import HEAD_BYTES
from tfrecords.sources.archives.entries import Entries, clean_path, damaged
from tfrecords.sources.archives.tar import (
    TAR_ERRORS,
    is_compressed,
    open_member,
    open_tar,
    read_member,
    read_members,
)
from tfrecords.sources.listing import has_picture_name, is_hidden, why_left_out
from tfrecords.sources.parts import Parts, TemporaryPath, new_temporary_file


def find_in_tar(file: str) -> Entries:
    """Finds the pictures in a tar; see `archive.open_archive`."""
    return _spool_tar(file) if is_compressed(file) else _index_tar(file)


def _index_tar(file: str) -> Entries:
    places: dict[str, tuple[int, int, int]] = {}
    rejected: dict[str, str] = {}
    with open_tar(file) as archive:
        for path, member, opened in _members(archive, rejected):
            if opened:
                places[path] = (member.offset_data, member.size, int(member.mtime))
            else:
                _add_link(path, member, places, rejected)
    return _tar_entries(file, file, places, rejected)


def _spool_tar(file: str) -> Entries:
    places: dict[str, tuple[int, int, int]] = {}
    rejected: dict[str, str] = {}
    with new_temporary_file() as (spool, temporary):
        try:
            with open_tar(file) as archive:
                for path, member, opened in _members(archive, rejected):
                    if opened:
                        places[path] = (spool.tell(), member.size, int(member.mtime))
                        spool.write(read_member(opened))
                    else:
                        _add_link(path, member, places, rejected)
        except UserError:
            raise
        except TAR_ERRORS as error:  # an OSError is the disk's
            raise damaged(file, error) from error
    return _tar_entries(file, temporary, places, rejected)


def _members(
    archive: tarfile.TarFile, rejected: dict[str, str]
) -> Iterator[tuple[str, tarfile.TarInfo, io.BufferedReader | None]]:
    """Gives the path of each picture and of links, and the file that reads it.

    What is not read here is added to `rejected`.
    """
    for member in read_members(archive):
        path = clean_path(member.name)
        if is_hidden(path) or member.isdir():
            continue
        if not member.isreg() or member.issparse():
            if member.islnk() or has_picture_name(path):
                yield path, member, None
            continue
        # One file for a look and for reading: a compressed archive does not go backwards.
        opened = open_member(archive, member)
        why = why_left_out(path, functools.partial(_tar_head, opened))
        if why == "":
            why = limits.picture_too_large(member.size) or ""
        if why == "":
            yield path, member, opened
        elif why:
            rejected[path] = why


def _tar_head(opened: io.BufferedReader) -> bytes:
    try:
        return opened.peek(HEAD_BYTES)
    except OSError as error:
        raise tarfile.ReadError(str(error)) from error


def _add_link(
    path: str,
    member: tarfile.TarInfo,
    places: dict[str, tuple[int, int, int]],
    rejected: dict[str, str],
) -> None:
    """Adds a second name of a picture before it (tar writes hard links so)."""
    target = clean_path(member.linkname)
    if member.islnk() and target in places:
        places[path] = places[target]
    elif has_picture_name(path):
        rejected[path] = "a link" if member.islnk() or member.issym() else "no regular file"


def _tar_entries(
    file: str,
    spool: str | TemporaryPath,
    places: dict[str, tuple[int, int, int]],
    rejected: dict[str, str],
) -> Entries:
    paths = sorted(places)
    table = np.array([places[path] for path in paths], np.int64).reshape(-1, 3)
    identity: list[list[str | int]] = [
        [path, int(size), int(time)] for path, (_, size, time) in zip(paths, table, strict=True)
    ]
    parts = Parts(spool, table[:, 0].copy(), table[:, 1].copy(), file)
    return Entries(parts, paths, identity, sorted(rejected.items()))
