"""The rows of a label file: pairs of a picture's path and its label."""

import codecs
import csv
import io
import json
import math
import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tfrecords.common.errors import UserError
from tfrecords.common.text import list_names, printable
from tfrecords.pictures.kinds import kind_by_ending

# A class, a vector, or None for a picture without a label.
Label = str | tuple[float, ...] | None
Rows = Iterator[tuple[str, Label]]

_DELIMITERS = {".csv": ",", ".txt": ",", ".tsv": "\t"}
ENDINGS = (".json", *_DELIMITERS)

# Names of columns, as `_plain` writes them.
_PATH_COLUMN = re.compile(r"(file|image|img|picture|photo|path|name|id|f|rel){1,2}s?")
_LABEL_COLUMN = re.compile(r"(label|class|category|target|tag)(es|s)?(name|id|label)?s?|categories")

# Lists and objects of JSON: each takes a hundred bytes, an empty one of the file only two.
_MOST_VALUES = 2**21
_MOST_LINES = 2**23


def read_rows(data: bytes, file: str, is_picture: Callable[[str], bool]) -> Rows:
    """Gives the rows of a CSV, TSV or JSON file, whose path ends so; see `labels.files`.

    `is_picture` tells a row of a CSV file from its header. Raises UserError for a broken file.
    """
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{file}: expected text in UTF-8 or UTF-16, cannot decode byte {error.start}: save it "
            "as UTF-8"
        ) from error
    if file.lower().endswith(".json"):
        return _read_json(text, file)
    return _read_csv(text, file, is_picture)


def _read_csv(text: str, file: str, is_picture: Callable[[str], bool]) -> Rows:
    if "\0" in text:
        raise UserError(
            f"{file}: expected text in UTF-8, or UTF-16 with its mark: save it as UTF-8"
        )
    if text.count("\n") > _MOST_LINES:
        raise UserError(f"{file}: expected at most {_MOST_LINES:,} lines: is it the right file?")
    lines = _split_lines(text, file)
    header = lines[0][1] if lines else []
    width = len(header)
    if width == 1:
        raise UserError(f"{file}: expected a picture's path and its class or numbers in each line")
    pictures = [cell for cell in header if kind_by_ending(cell)] or filter(is_picture, header)
    picture = next(iter(pictures), None)
    path_column = _find_path_column(header) if picture is None else header.index(picture)
    if picture is None:  # the first line has names of columns
        del lines[:1]
    for line, row in lines:
        if len(row) != width:
            raise UserError(f"{file}, line {line}: expected {width} columns, got {len(row)}")
    too_many_columns = (
        f"{file}: expected two columns, a picture's path and its class, or a path and numbers, got "
        f"{list_names(header)}: remove all columns but two"
    )
    named_label = picture is None and any(_LABEL_COLUMN.fullmatch(_plain(name)) for name in header)
    if width > 2 and named_label:
        raise UserError(too_many_columns)
    for line, row in lines:
        path = row.pop(path_column)
        if width == 2:
            yield path, row[0] or None
            continue
        try:
            yield path, tuple(float(cell) for cell in row)
        except ValueError as error:
            reason = f"{file}, line {line}: expected numbers: {error}"
            raise UserError(too_many_columns if picture is None else reason) from error


def _split_lines(text: str, file: str) -> list[tuple[int, list[str]]]:
    """Returns the numbers and cells of the lines, with the delimiter that the first one has."""
    own = _DELIMITERS[os.path.splitext(file)[1].lower()]
    first = next((line for line in text.splitlines() if line.strip()), "")
    others = (delimiter for delimiter in ";\t," if delimiter in first)
    delimiter = own if own in first else next(others, own)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        cells = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise UserError(f"{file}: cannot be read, line {reader.line_num}: {error}") from error
    return [(line, row) for line, row in cells if any(row)]


def _find_path_column(header: Sequence[str]) -> int:
    plain = [_plain(name) for name in header]
    likely = [column for column, name in enumerate(plain) if _PATH_COLUMN.fullmatch(name)]
    if not likely and len(header) == 2 and _LABEL_COLUMN.fullmatch(plain[0]):
        return 1
    return likely[0] if likely else 0


def _plain(name: str) -> str:
    return "".join(char for char in name.lower() if char.isalnum())


class _Object(list):
    """A JSON object's pairs: a path that occurs twice would go unnoticed in a dictionary."""


def parse_json(text: str, file: str, only_labels: bool = False) -> list[Any] | None:
    """Returns the pairs of a JSON file of labels, None where it holds none.

    With `only_labels` only a value `labels` counts, and not the object itself. Raises UserError
    if it is no JSON.
    """
    values = text.count("[") + text.count("{")
    if values > _MOST_VALUES:
        raise UserError(
            f"{file}: expected at most {_MOST_VALUES:,} lists and objects, got {values:,}: is it "
            "the right file? A CSV file has no such limit"
        )
    try:
        content = json.loads(text, object_pairs_hook=_Object)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: cannot be read as JSON: {error}") from error
    if not isinstance(content, _Object):
        return None
    labels = [value for name, value in content if name == "labels"]
    if labels and not isinstance(labels[0], str | int | float):
        return labels[0] if isinstance(labels[0], list) else None
    return None if only_labels else content


def _read_json(text: str, file: str) -> Rows:
    pairs = parse_json(text, file)
    if pairs is None:
        raise UserError(
            f'{file}: expected {{"path": label, …}} or {{"labels": [["path", label], …]}}'
        )
    for pair in pairs:
        if not (isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str)):
            shown = json.dumps(pair)[:80]
            raise UserError(f"{file}: expected a path and its label, got {shown}")
        yield pair[0], _json_label(pair[1], pair[0], file)


def _json_label(value: Any, path: str, file: str) -> Label:
    vector = isinstance(value, list) and not isinstance(value, _Object)
    if vector and all(isinstance(number, int | float) for number in value):
        try:
            return tuple(float(number) for number in value)
        except OverflowError:
            return (math.inf,) * len(value)
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, int | float) and abs(value) < 2**63:  # NaN is not
        return str(value)
    raise UserError(
        f"{file}: expected a class or finite numbers for {printable(path)}, got "
        f"{json.dumps(value)[:80]}"
    )
