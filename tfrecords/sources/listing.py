"""What folders and archives have in common."""

import importlib
import posixpath
from collections.abc import Callable, Sequence
from typing import Any

from tfrecords.common.errors import UserError
from tfrecords.pictures.images import smaller_side
from tfrecords.pictures.kinds import KINDS, find_kind, kind_by_ending
from tfrecords.pictures.source import FileReader

_SAMPLED_PICTURES = 1000


def has_picture_name(path: str) -> bool:
    """Says whether a file's ending is that of a picture, of a kind that is read or not."""
    return kind_by_ending(path) is not None


def why_left_out(path: str, read_head: Callable[[], bytes]) -> str | None:
    """Returns "" for a picture, why it is rejected, or None for what is no picture.

    Args:
        path: of the file, for its ending.
        read_head: reads its first `HEAD_BYTES`; called where the ending does not tell.
    """
    try:
        kind = find_kind(path, read_head)
    except UserError as error:
        return str(error)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if kind is None:
        return None
    return "" if kind.is_read() else kind.reason()


def is_hidden(path: str) -> bool:
    """Says whether a path, with slashes, or a folder on it starts with a dot.

    macOS adds a folder `__MACOSX` to the archives it writes; it counts as hidden.
    """
    parts = posixpath.normpath(path).split("/")
    return any(part == "__MACOSX" or (part.startswith(".") and part != "..") for part in parts)


def spread(num_pictures: int, limit: int = _SAMPLED_PICTURES) -> range:
    """Returns at most `limit` indices, evenly spread."""
    return range(0, num_pictures, max(1, -(-num_pictures // limit)))


def sample_sides(
    num_pictures: int, find_side: Callable[[int], int], description: str
) -> Sequence[int]:
    """Returns the smaller sides, in pixels, of up to 1000 pictures spread over all.

    Pictures that cannot be read are left out: the conversion rejects them later.

    Args:
        num_pictures: how many there are.
        find_side: gives the side of picture i, or raises UserError.
        description: the source, for the error.

    Raises:
        UserError: none of them can be read.
    """
    sides, first_error = [], None
    for index in spread(num_pictures):
        try:
            sides.append(find_side(index))
        except UserError as error:
            first_error = first_error or error
    if not sides:
        raise UserError(f"{description}: no picture can be read; the first: {first_error}")
    return sides


def sample_read_sides(
    num_pictures: int,
    open_reader: Callable[[], FileReader],
    picture_name: Callable[[int], str],
    description: str,
) -> Sequence[int]:
    """Does the same by reading whole picture files with a reader."""
    read = open_reader()

    def find_side(index: int) -> int:
        return smaller_side(read(index), picture_name(index))

    return sample_sides(num_pictures, find_side, description)


def no_pictures(description: str, rejected: Sequence[tuple[str, str]] = ()) -> UserError:
    """Returns the error about a source without pictures.

    Args:
        description: the source.
        rejected: (name, reason) of what is left out.
    """
    known = ", ".join(kind.name for kind in KINDS if kind.is_read())
    why = f"; left out: {rejected[0][0]}: {rejected[0][1]}" if rejected else ""
    return UserError(f"{description}: expected pictures ({known}), found none in it{why}")


def split_option(rest: str, choices: Sequence[str]) -> tuple[str, str]:
    """Splits `PATH[:CHOICE]`; without a choice it is the first.

    Args:
        rest: what follows the kind of source and its colon.
        choices: such as the parts of a dataset.
    """
    path, _, choice = rest.rpartition(":")
    return (path, choice) if path and choice in choices else (rest, choices[0])


def load_package(module: str, package: str, source: str) -> Any:
    """Imports what only one kind of source needs.

    Raises:
        UserError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UserError(f"{source}: {module} is not installed: pip install {package}") from error
