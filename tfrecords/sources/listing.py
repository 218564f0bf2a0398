"""Lists of picture files in a folder or an archive, and sources made from them."""

import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tfrecords.common.errors import UserError
from tfrecords.common.limits import picture_too_large
from tfrecords.common.text import printable
from tfrecords.pictures.images import size_of
from tfrecords.pictures.kinds import KINDS, find_kind
from tfrecords.pictures.source import FileReader, Source
from tfrecords.sources.labels import find_labels

SAMPLED_PICTURES = 1000


@dataclass(frozen=True, eq=False)
class PictureFiles:
    """The picture files in a folder or an archive."""

    paths: list[str]  # relative to the folder or archive, with slashes, sorted
    identity: list[Any]  # see `Source`
    rejected: list[tuple[str, str]]  # path and reason, for names or kinds of pictures not usable
    open: Callable[[], FileReader]
    read_text: Callable[[str], bytes | None]  # returns the bytes of another file, by its path
    # Returns enough bytes of picture i to find its size, or its path; None means all bytes.
    read_for_size: Callable[[int], bytes | str] | None = None


def make_source(where: str, name: str, files: PictureFiles, labels: str | None) -> Source:
    """Returns a source of the files. UserError if there are no pictures or labels do not fit."""
    paths, root = files.paths, where.rstrip("/")
    if not paths:
        known = ", ".join(kind.name for kind in KINDS if kind.is_read())
        why = "; skipped: {}: {}".format(*files.rejected[0]) if files.rejected else ""
        raise UserError(f"{where}: expected pictures ({known}), found none in it{why}")
    found = find_labels(labels, paths, where, [path for path, _ in files.rejected], files.read_text)

    def picture_name(index: int) -> str:
        return printable(f"{root}/{paths[index]}")

    def find_sizes() -> list[tuple[int, int]]:
        return sample_sizes(len(paths), files.read_for_size or files.open(), picture_name, where)

    return Source(
        name=name or "pictures",
        description=where,
        num_pictures=len(paths),
        open=files.open,
        identity=files.identity,
        picture_name=picture_name,
        opens_fast=True,
        sample_sizes=find_sizes,
        labels=found.rows,
        label_names=found.names,
        notes=found.notes,
        rejected=tuple((printable(f"{root}/{path}"), why) for path, why in files.rejected),
        file_name=lambda index: printable(paths[index]),
    )


def sample_sizes(
    count: int, read: Callable[[int], bytes | str], name: Callable[[int], str], where: str
) -> list[tuple[int, int]]:
    """Returns (width, height), in pixels, of up to 1000 readable pictures, spread over all."""
    sizes, first_error = [], None
    for index in range(0, count, max(1, -(-count // SAMPLED_PICTURES))):
        try:
            sizes.append(size_of(read(index), name(index)))
        except UserError as error:
            first_error = first_error or error
    if not sizes:
        raise UserError(f"{where}: no picture can be read; the first: {first_error}")
    return sizes


def why_skipped(path: str, read_head: Callable[[], bytes], size: int = 0) -> str | None:
    """Returns "" for a usable picture, the reason for a rejected one, or None for other files."""
    try:
        kind = find_kind(path, read_head)
    except UserError as error:
        return str(error)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if kind is None:
        return None
    return (picture_too_large(size) or "") if kind.is_read() else kind.reason()


def is_hidden(path: str) -> bool:
    """Returns whether a path has a name that starts with a dot or is `__MACOSX`, added by macOS."""
    names = posixpath.normpath(path).split("/")
    return any(name == "__MACOSX" or (name.startswith(".") and name != "..") for name in names)
