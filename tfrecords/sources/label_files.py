"""Reads the rows of label files, paths with labels, and finds the pictures that paths mean."""

import codecs
import csv
import io
import json
import math
import posixpath
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tfrecords.common.text import list_names, printable
from tfrecords.pictures.kinds import kind_by_ending

# A class, a vector, or None for a picture without a label.
Label = str | tuple[float, ...] | None
Rows = Iterator[tuple[str, Label]]

_DELIMITERS = {".csv": ",", ".txt": ",", ".tsv": "\t"}
ENDINGS = (".json", *_DELIMITERS)

# Names of columns, reduced to lower-case letters and digits.
_PATH_COLUMN = re.compile(r"(file|image|img|picture|photo|path|name|id|f|rel){1,2}s?")
_LABEL_COLUMN = re.compile(r"(label|class|category|target|tag)(es|s)?(name|id|label)?s?|categories")

# Number of JSON lists and objects. Each takes a hundred bytes of memory; "[]" has only two.
_MOST_VALUES = 2**21
_MOST_LINES = 2**23
_AMBIGUOUS = -1  # instead of an index, if several pictures match


def read_rows(data: bytes, ending: str, is_picture: Callable[[str], bool]) -> Rows:
    """Yields the rows of a CSV, TSV or JSON file, chosen by its ending. ValueError if broken."""
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        got = f"cannot decode byte {error.start}: save it as UTF-8"
        raise ValueError(f"expected text in UTF-8 or UTF-16, {got}") from error
    return _read_json(text) if ending == ".json" else _read_csv(text, ending, is_picture)


def _read_csv(text: str, ending: str, is_picture: Callable[[str], bool]) -> Rows:
    if "\0" in text:
        raise ValueError("expected text in UTF-8, or UTF-16 with its mark: save it as UTF-8")
    if text.count("\n") > _MOST_LINES:
        raise ValueError(f"expected at most {_MOST_LINES:,} lines: is it the right file?")
    lines = _split_lines(text, _DELIMITERS[ending])
    header = lines[0][1] if lines else []
    width = len(header)
    if width == 1:
        raise ValueError("expected a picture's path and its class or numbers in each line")
    pictures = [cell for cell in header if kind_by_ending(cell)] or filter(is_picture, header)
    picture = next(iter(pictures), None)
    names = ["".join(filter(str.isalnum, cell.lower())) for cell in header]
    labels = [column for column, name in enumerate(names) if _LABEL_COLUMN.fullmatch(name)]
    if picture is None:  # the first line has names of columns
        del lines[:1]
        likely = [column for column, name in enumerate(names) if _PATH_COLUMN.fullmatch(name)]
        path_column = likely[0] if likely else int(width == 2 and 0 in labels)
    else:
        path_column = header.index(picture)
    for line, row in lines:
        if len(row) != width:
            raise ValueError(f"line {line}: expected {width} columns, got {len(row)}")
    two_columns = "two columns, a picture's path and its class, or a path and numbers"
    too_many = f"expected {two_columns}, got {list_names(header)}: remove all columns but two"
    if width > 2 and picture is None and labels:
        raise ValueError(too_many)
    for line, row in lines:
        path = row.pop(path_column)
        if width == 2:
            yield path, row[0] or None
            continue
        try:
            yield path, tuple(map(float, row))
        except ValueError as error:
            reason = f"line {line}: expected numbers: {error}"
            raise ValueError(too_many if picture is None else reason) from error


def _split_lines(text: str, own: str) -> list[tuple[int, list[str]]]:
    """Returns line numbers and cells, split at the delimiter that the first line uses."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = next((one for one in (own, *";\t,") if one in first), own)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        cells = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num} cannot be read: {error}") from error
    return [(line, row) for line, row in cells if any(row)]


class _Object(list):
    """A JSON object as pairs, since a dictionary would hide repeated paths."""


def parse_json(text: str, only_labels: bool = False) -> list[Any] | None:
    """Returns the pairs in a JSON file of labels, or None if it has none. ValueError if broken."""
    if (values := text.count("[") + text.count("{")) > _MOST_VALUES:
        most = f"at most {_MOST_VALUES:,} lists and objects, which CSV files do without"
        raise ValueError(f"expected {most}, got {values:,}: is it the right file?")
    try:
        content = json.loads(text, object_pairs_hook=_Object)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"cannot be read as JSON: {error}") from error
    if not isinstance(content, _Object):
        return None
    labels = [value for name, value in content if name == "labels"]
    if labels and not isinstance(labels[0], str | int | float):
        return labels[0] if isinstance(labels[0], list) else None
    return None if only_labels else content


def _read_json(text: str) -> Rows:
    pairs = parse_json(text)
    if pairs is None:
        raise ValueError('expected {"path": label, …} or {"labels": [["path", label], …]}')
    for pair in pairs:
        if not (isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str)):
            raise ValueError(f"expected a path and its label, got {json.dumps(pair)[:80]}")
        yield pair[0], _json_label(pair[1], pair[0])


def _json_label(value: Any, path: str) -> Label:
    if type(value) is list and all(isinstance(number, int | float) for number in value):
        try:
            return tuple(map(float, value))
        except OverflowError:
            return (math.inf,) * len(value)
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, int | float) and abs(value) < 2**63:  # NaN is not
        return str(value)
    shown = json.dumps(value)[:80]
    raise ValueError(f"expected a class or finite numbers for {printable(path)}, got {shown}")


def _plain_path(path: str) -> str:
    return posixpath.normpath(unicodedata.normalize("NFC", path).replace("\\", "/")).lstrip("/")


def _without_ending(path: str) -> str:
    return posixpath.splitext(_plain_path(path))[0]


# Differences between paths, and a function that removes them. The strictest match wins.
_READINGS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("", posixpath.normpath),
    ("slashes or accents", _plain_path),
    ("case", lambda path: _plain_path(path).casefold()),
    ("ending", _without_ending),
    ("ending and case", lambda path: _without_ending(path).casefold()),
)


def match_paths(given: Sequence[str], pictures: Sequence[str]) -> list[tuple[int, list[str]]]:
    """Finds the picture for each path in a label file: its index, and how the paths differ.

    A path may have more or fewer leading folders (`./a/0.png` for `0.png`), backslashes, accents
    in another Unicode form, no ending or another case. The index is -1 unless exactly one matches.
    """
    found: list[tuple[int, list[str]]] = [(-1, [])] * len(given)
    rest: Sequence[int] = range(len(given))
    for difference, read in _READINGS:
        if not rest:
            break
        index = _Index([read(path) for path in pictures])
        for row in rest:
            number, whole = index.find(read(given[row]))
            differences = filter(None, (difference, "" if whole else "leading folder"))
            found[row] = number, list(differences)
        rest = [row for row in rest if found[row][0] < 0]
    return found


class _Index:
    """Looks up pictures by whole paths and by the ends of paths."""

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
        """Returns a picture, or -1, and whether the whole path matched."""
        if path in self.whole:
            return self.whole[path], True
        names = path.split("/")
        for count in range(min(self.depth, len(names) - 1), 0, -1):
            end = "/".join(names[-count:])
            if end in self.whole:
                return self.whole[end], False
        return self.ends.get(path, _AMBIGUOUS), False
