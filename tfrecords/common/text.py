"""Formats text for people: amounts, and names of datasets, classes and files."""

import collections
import difflib
import functools
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from tfrecords.common.errors import escape

_MOST_LETTERS = 255
_MOST_BYTES = 220  # file systems allow 255, and a dataset's files add suffixes
_MOST_NAMES = 12  # number of names in a message
_LONGEST_SHOWN = 40
_composed = functools.partial(unicodedata.normalize, "NFC")
_NO_TEXT = re.compile("[\ud800-\udfff]")
# Slashes, backslashes and control characters.
_NO_NAME = re.compile("[\ud800-\udfff/\\\\\x00-\x1f\x7f-\x9f]")


def counted(count: int, noun: str) -> str:
    """Returns a count with its noun, such as `1 picture`, `3,888 pictures` or `2 classes`."""
    ending = "es" if noun.endswith("s") else "s"
    return f"{count:,} {noun}{'' if count == 1 else ending}"


def size_in_words(num_bytes: float) -> str:
    """Returns a number of bytes with its unit, such as `340 MiB`, `1.5 KiB` or `12 bytes`."""
    value = float(num_bytes)
    for unit in ("bytes", "KiB", "MiB"):
        if value < 1023.5:
            return f"{value:.3g} {unit}" if value < 999.5 else f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:,.1f} GiB"


def duration_in_words(seconds: float) -> str:
    """Returns seconds as `5:17`, `3:04:05` or `2 d 3 h`."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def as_text(name: str) -> str:
    r"""Returns a name as valid text, with bytes that are not UTF-8 as \x…."""
    return _NO_TEXT.sub(lambda found: escape(found[0]), name)


def as_file_name(name: str) -> str:
    """Turns any name into a valid file name."""
    name = _NO_NAME.sub("_", name).encode()[:_MOST_BYTES].decode(errors="ignore")
    return "_" if name in ("", ".", "..") else name


def is_file_name(name: object) -> bool:
    """Returns whether an untrusted value is a plain file name that does not leave its folder."""
    if not isinstance(name, str) or name in (".", "..") or _NO_NAME.search(name):
        return False
    return 0 < len(name) <= _MOST_LETTERS


def is_text(value: object) -> bool:
    """Returns whether an untrusted value is valid text."""
    return isinstance(value, str) and not _NO_TEXT.search(value)


def printable(text: str) -> str:
    """Returns the text on one line, with everything unprintable escaped."""
    return "".join(char if char.isprintable() else escape(char) for char in text)


def find_classes(wanted: Sequence[str], names: Sequence[str]) -> list[int]:
    """Returns the index of each wanted class, or -1. Ignores differences in Unicode form."""
    known = {_composed(name): index for index, name in enumerate(names)}
    known |= {name: index for index, name in enumerate(names)}  # an exact match wins
    return [known.get(name, known.get(_composed(name), -1)) for name in wanted]


def find_alike(names: Sequence[str]) -> str | None:
    """Returns a name that differs from another only in the Unicode form of its accents."""
    counts = collections.Counter(map(_composed, names))
    return next((name for name, count in counts.items() if count > 1), None)


def list_names(names: Sequence[str]) -> str:
    """Returns the first names on one line, followed by the total if there are more."""
    listed = ", ".join(_short(name) for name in names[:_MOST_NAMES])
    return listed if len(names) <= _MOST_NAMES else f"{listed}, … ({len(names):,} in all)"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Returns `: did you mean train?` with the closest known word, or "" if none is close."""
    nearest = difflib.get_close_matches(word[:_LONGEST_SHOWN], list(known), n=1)
    return f": did you mean {nearest[0]}?" if nearest else ""


def describe_classes(names: Sequence[str], counts: Sequence[int] | np.ndarray) -> str:
    """Returns `Classes: 2, cat (10 pictures), dog (7)`, only the first few if there are many."""
    shown = []
    for index, count in enumerate(counts[:_MOST_NAMES]):
        number = f"{count:,}" if index else counted(count, "picture")
        shown.append(f"{_short(names[index]) if names else index} ({number})")
    if len(counts) > _MOST_NAMES:
        shown.append(f"… {len(counts):,} classes")
    return f"Classes: {len(counts):,}, {', '.join(shown)}"


def _short(name: str) -> str:
    text = printable(name)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"


def align(rows: Sequence[Sequence[str]], justify: Callable[..., str] = str.rjust) -> list[str]:
    """Returns the lines of a table, with two spaces between columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(justify, row, widths)) for row in rows]
