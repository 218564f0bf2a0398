"""Which picture a path in a label file means, where it is written otherwise."""

import posixpath
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

_AMBIGUOUS = -1


def _plain(path: str) -> str:
    return posixpath.normpath(unicodedata.normalize("NFC", path).replace("\\", "/")).lstrip("/")


def _without_ending(path: str) -> str:
    return posixpath.splitext(_plain(path))[0]


# How paths may differ, and what is equal then; the strictest that fits holds.
_READINGS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("", posixpath.normpath),
    ("slashes or accents", _plain),
    ("case", lambda path: _plain(path).casefold()),
    ("ending", _without_ending),
    ("ending and case", lambda path: _without_ending(path).casefold()),
)


@dataclass(frozen=True)
class Matches:
    """What `match_paths` found."""

    pictures: list[int]  # for each path the index of its picture, or -1
    loose: list[int] = field(default_factory=list)  # paths that are written otherwise
    differences: dict[str, None] = field(default_factory=dict)  # of those, such as `case`, in order


def match_paths(given: Sequence[str], pictures: Sequence[str]) -> Matches:
    """Finds the picture that each path of a label file means.

    A path may have folders before the picture's, or lack some of them (`./a/0.png` for
    `0.png`), have backslashes, accents in another Unicode form, no ending or another case. Only
    what fits one picture is matched.
    """
    found = Matches([-1] * len(given))
    rest: Sequence[int] = range(len(given))
    for difference, read in _READINGS:
        if not rest:
            break
        index = _Index([read(path) for path in pictures])
        for row in rest:
            number, whole = index.find(read(given[row]))
            if number < 0:
                continue
            found.pictures[row] = number
            words = list(filter(None, (difference, "" if whole else "leading folder")))
            found.differences.update(dict.fromkeys(words))
            found.loose.extend([row] if words else [])
        rest = [row for row in rest if found.pictures[row] < 0]
    return found


class _Index:
    """Pictures by their paths, and by the ends of their paths."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.depth = max((path.count("/") for path in paths), default=0) + 1
        self.whole: dict[str, int] = {}
        self.ends: dict[str, int] = {}
        for number, path in enumerate(paths):
            self.whole[path] = _AMBIGUOUS if path in self.whole else number
            while "/" in path:
                path = path.partition("/")[2]
                self.ends[path] = _AMBIGUOUS if path in self.ends else number

    def find(self, path: str) -> tuple[int, bool]:
        """Returns a picture, or -1, and whether the path is all of the picture's."""
        if path in self.whole:
            return self.whole[path], True
        names = path.split("/")
        for count in range(min(self.depth, len(names) - 1), 0, -1):
            end = "/".join(names[-count:])
            if end in self.whole:
                return self.whole[end], False
        return self.ends.get(path, _AMBIGUOUS), False
