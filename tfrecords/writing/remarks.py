"""What is said about the pictures of a conversion: of many that are alike in one line."""

import re
from collections.abc import Iterable

from tfrecords.common.text import counted

# More kinds are in the list of rejected pictures.
_MOST_LINES = 6


class Remarks:
    """Counts remarks about pictures; those that differ only in numbers are alike."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, str, str]] = {}

    def add(self, name: str, remark: str) -> None:
        """Adds a remark about a picture."""
        alike = re.sub(r"\d[\d,.]*", "0", remark.replace(name, ""))
        count, first, its_remark = self._found.get(alike, (0, name, remark))
        self._found[alike] = (count + 1, first, its_remark)

    def lines(self) -> list[tuple[str, str]]:
        """Returns (how many pictures and the first one, its remark), the most frequent first."""
        return [
            (f"{counted(count, 'picture')}, {'such as ' * (count > 1)}{name}", remark)
            for count, name, remark in sorted(self._found.values(), key=lambda one: -one[0])
        ]


def describe_rejected(rejected: Iterable[tuple[str, str]]) -> list[str]:
    """Returns lines that count rejected pictures, (name, reason), by reason."""
    remarks = Remarks()
    for name, reason in rejected:
        remarks.add(name, reason)
    lines = [f"Left out {pictures}: {reason}" for pictures, reason in remarks.lines()]
    more = len(lines) - _MOST_LINES
    if more > 0:
        lines[_MOST_LINES:] = [f"Left out for {counted(more, 'more reason')}, see the list"]
    return lines


def describe_notes(notes: Remarks) -> list[str]:
    """Returns lines on what is doubtful about pictures that were not left out."""
    return [f"{pictures}, {note}" for pictures, note in notes.lines()]
