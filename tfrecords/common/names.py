"""Names of data sets and classes, which stand in paths, files and messages."""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np

from tfrecords.common.in_words import counted

_MOST_LETTERS = 255
_MOST_NAMES = 12  # in a message
_LONGEST_SHOWN = 40
# Of a name's UTF-8: file systems take 255, and files of a data set add theirs.
_MOST_BYTES = 220

_NO_TEXT = re.compile("[\ud800-\udfff]")
# Slashes of both kinds, and what steers a terminal.
_NO_NAME = re.compile("[\ud800-\udfff/\\\\\x00-\x1f\x7f-\x9f]")


def as_text(name: str) -> str:
    r"""Returns a name as text that can be written: bytes that are no UTF-8 become \x…."""
    return _NO_TEXT.sub(lambda found: ascii(found[0])[1:-1].replace("\\udc", "\\x"), name)


def as_file_name(name: str) -> str:
    """Returns a name, of whatever bytes, as one that a file in a folder can have."""
    name = _NO_NAME.sub("_", name).encode()[:_MOST_BYTES].decode(errors="ignore")
    return "_" if name in ("", ".", "..") else name


def is_file_name(name: object) -> bool:
    """Says whether a value from a file names a file in a folder, and nowhere else."""
    return (
        isinstance(name, str)
        and 0 < len(name) <= _MOST_LETTERS
        and name not in (".", "..")
        and not _NO_NAME.search(name)
    )


def is_text(value: object) -> bool:
    """Says whether a value from a file is text that can be written."""
    return isinstance(value, str) and not _NO_TEXT.search(value)


def printable(text: str) -> str:
    r"""Returns the text on one line; bytes that are no UTF-8 and the like become \x..."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else ascii(char)[1:-1].replace("\\udc", "\\x") for char in text
    )


def find_classes(wanted: Sequence[str], names: Sequence[str]) -> list[int]:
    """Returns for each name the index of its class, or -1.

    Accents may be in another Unicode form, as other systems write them.
    """
    known = {_composed(name): index for index, name in enumerate(names)}
    known |= {name: index for index, name in enumerate(names)}  # what is written so comes first
    return [known.get(name, known.get(_composed(name), -1)) for name in wanted]


def find_alike(names: Sequence[str]) -> str | None:
    """Returns a name that another one differs from in the Unicode form of its accents only."""
    known: set[str] = set()
    for name in map(_composed, names):
        if name in known:
            return name
        known.add(name)
    return None


def list_names(names: Sequence[str], most: int = _MOST_NAMES) -> str:
    """Returns the first names on one line, and how many there are if that is not all."""
    listed = ", ".join(_short(name) for name in names[:most])
    return listed if len(names) <= most else f"{listed}, … ({len(names):,} in all)"


def describe_classes(names: Sequence[str], counts: Sequence[int] | np.ndarray) -> str:
    """Returns a line on classes: `Classes: 2, cat (10 pictures), dog (7)`; the first of many.

    Args:
        names: of the classes, in order; their numbers stand for names that are not known.
        counts: how many pictures each has.
    """
    shown = [
        f"{_short(names[index]) if names else index} "
        f"({f'{count:,}' if index else counted(count, 'picture')})"
        for index, count in enumerate(counts[:_MOST_NAMES])
    ]
    more = [f"… {len(counts):,} classes"] if len(counts) > _MOST_NAMES else []
    return f"Classes: {len(counts):,}, {', '.join([*shown, *more])}"


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _short(name: str) -> str:
    text = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in name)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"
