"""What a conversion reports about its pictures: one line for many that are alike."""

import re
from collections.abc import Iterable

from tfrecords.common.text import counted

_MOST_LINES = 6  # more kinds are in the list of rejected pictures


class Tally:
    """Counts reasons and notes about pictures; those that differ only in numbers are alike."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, str, str]] = {}

    def add(self, name: str, reason: str) -> None:
        """Counts what is said about a picture."""
        alike = re.sub(r"\d[\d,.]*", "0", reason.replace(name, ""))
        count, first, its_reason = self._found.get(alike, (0, name, reason))
        self._found[alike] = (count + 1, first, its_reason)

    def lines(self) -> list[tuple[str, str]]:
        """Returns (how many pictures and the first one, its reason), the most frequent first."""
        return [
            (f"{counted(count, 'picture')}, {'such as ' * (count > 1)}{name}", reason)
            for count, name, reason in sorted(self._found.values(), key=lambda one: -one[0])
        ]


def describe_rejected(rejected: Iterable[tuple[str, str]]) -> list[str]:
    """Returns lines that count rejected pictures, (name, reason), by reason."""
    tally = Tally()
    for name, reason in rejected:
        tally.add(name, reason)
    lines = [f"Skipped {pictures}: {reason}" for pictures, reason in tally.lines()]
    if (more := len(lines) - _MOST_LINES) > 0:
        lines[_MOST_LINES:] = [f"Skipped for {counted(more, 'more reason')}, see the list"]
    return lines
