"""What is said about the pictures of a conversion: of many that are alike in one line."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tfrecords.common.in_words import counted

# More kinds are in the list of rejected pictures.
_MOST_LINES = 6


class Remarks:
    """Remarks about pictures, counted."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[str, str]] = {}
        self._counts: dict[str, int] = {}

    def add(self, name: str, remark: str) -> None:
        """Adds a remark about a picture; remarks that differ in numbers alone are alike."""
        alike = re.sub(r"\d[\d,.]*", "0", remark.replace(name, ""))
        self._first.setdefault(alike, (name, remark))
        self._counts[alike] = self._counts.get(alike, 0) + 1

    def lines(self) -> Iterable[tuple[int, str, str]]:
        """Gives (count, first picture, its remark), the most frequent first."""
        most = sorted(self._counts, key=lambda alike: -self._counts[alike])
        for alike in most:
            yield self._counts[alike], *self._first[alike]


def describe_rejected(rejected: Iterable[tuple[str, str]]) -> list[str]:
    """Returns lines that count the rejected pictures by reason.

    Args:
        rejected: (name, reason).
    """
    remarks = Remarks()
    for name, reason in rejected:
        remarks.add(name, reason)
    lines = [
        f"Left out {_such_as(count, name)}: {reason}" for count, name, reason in remarks.lines()
    ]
    more = len(lines) - _MOST_LINES
    if more > 0:
        lines[_MOST_LINES:] = [f"Left out for {counted(more, 'more reason')}, see the list"]
    return lines


def describe_notes(notes: Remarks) -> list[str]:
    """Returns lines that say what is doubtful about pictures that were not left out."""
    return [f"{_such_as(count, name)}, {note}" for count, name, note in notes.lines()]


def _such_as(count: int, name: str) -> str:
    return f"{counted(count, 'picture')}, {'such as ' * (count > 1)}{name}"
