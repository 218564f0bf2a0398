"""Labels by the sub-folders that pictures lie in, or from a CSV or JSON file."""

import csv
import io
import json
import math
import os
import posixpath
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tfrecords.errors import UserError
from tfrecords.remote import read_whole
from tfrecords.source import one_hot
from tfrecords.sources.listing import has_picture_name, printable

LABELS_HELP = "'none', 'folders' or the path of a CSV or JSON file"

_MOST_BYTES = 2**30
_DELIMITERS = {".csv": ",", ".txt": ",", ".tsv": "\t"}

Labels = tuple[np.ndarray | None, tuple[str, ...]]
_NO_LABELS: Labels = (None, ())


def find_labels(
    labels: str | None, paths: Sequence[str], where: str, rejected: Iterable[str] = ()
) -> Labels:
    """Returns the labels of pictures that have paths.

    Args:
        labels: None or `none` for none; `folders`: the first sub-folders are the
            classes; else the path of a CSV or JSON file, see `read_label_file`.
        paths: of the pictures, relative to the source, with slashes.
        where: the source, for errors.
        rejected: paths that a label file may name although they are no pictures.

    Returns:
        float32 (pictures, label size), one-hot rows or vectors, or None, and the names
        of the classes, sorted; none for vectors.

    Raises:
        UserError: the labels do not fit the pictures.
    """
    if labels is None or labels == "none":
        return _NO_LABELS
    if labels == "folders":
        return _folder_labels(paths, where)
    return read_label_file(labels, paths, where, rejected)


def own_labels(
    labels: str | None, array: np.ndarray | None, names: Sequence[str], where: str
) -> Labels:
    """Returns the labels of pictures without paths: their own, or none if asked.

    Raises:
        UserError: the user asked for folders or a file.
    """
    if labels is None:
        return array, tuple(names) if array is not None else ()
    if labels == "none":
        return _NO_LABELS
    raise UserError(
        f"labels: its pictures have no paths, so {where} takes its own labels or 'none', "
        f"got {labels!r}"
    )


def read_label_file(
    file: str, paths: Sequence[str], where: str, rejected: Iterable[str] = ()
) -> Labels:
    """Reads the labels of the pictures from a file.

    CSV (`.csv`, `.txt`; `.tsv` with tabs), with or without a header: the picture's path
    and the name of its class, or the path and two numbers or more, a vector. JSON:
    `{"path": class, …}`, `{"path": [numbers], …}`, or
    `{"labels": [["path", class or [numbers]], …]}`. Classes may be numbers; where all are
    whole numbers they are sorted as such, else as text. Paths are relative to the source, or
    to the folder in it that holds all pictures.

    Args:
        file: local or remote (`gs://…`).
        paths: see `find_labels`, as is the rest.
        where: the source, for errors.
        rejected: paths that may have a label although they are no pictures.

    Returns:
        See `find_labels`.

    Raises:
        UserError: the file cannot be read, does not label just the pictures, mixes classes
            with vectors, has one class only, or a vector holds values that are not finite.
    """
    ending = os.path.splitext(file)[1].lower()
    if ending not in (".json", *_DELIMITERS):
        raise UserError(f"labels: expected {LABELS_HELP}, got {file!r}")
    text = _read_text(file)
    pairs = _read_json(text, file) if ending == ".json" else _read_csv(text, file, ending, paths)
    by_path: dict[str, Any] = {}
    for path, value in pairs:
        path = posixpath.normpath(path)
        if path in by_path and by_path[path] != value:
            raise UserError(f"{file}: {printable(path)} has two labels: leave one of them out")
        by_path[path] = value
    by_path = _below_common_folder(by_path, paths)
    _check_paths(by_path, paths, file, where, rejected)
    values = [by_path[path] for path in paths]
    vectors = sum(isinstance(value, tuple) for value in values)
    if not vectors:
        return _class_labels(values, file)
    if vectors < len(values):
        raise UserError(f"{file}: expected classes or vectors, got {vectors} vectors and classes")
    return _vector_labels(values, paths, file), ()


def _folder_labels(paths: Sequence[str], where: str) -> Labels:
    loose = next((path for path in paths if "/" not in path), None)
    if loose is not None:
        raise UserError(
            f"{where}: labels need every picture in a sub-folder named after its class, "
            f"{printable(loose)} is in none: move it or turn labels off"
        )
    classes = [path.split("/")[0] for path in paths]
    names = tuple(sorted(set(classes)))
    if len(names) < 2:
        raise UserError(
            f"{where}: labels need two sub-folders or more, named after the classes, "
            f"got {printable(names[0])} only: turn labels off"
        )
    return _one_hot_by_name(classes, names)


def _one_hot_by_name(classes: Sequence[str], names: tuple[str, ...]) -> Labels:
    indices = {name: index for index, name in enumerate(names)}
    return one_hot((indices[name] for name in classes), len(names)), names


def _class_labels(values: Sequence[str], file: str) -> Labels:
    names = set(values)
    if len(names) < 2:
        raise UserError(f"{file}: expected two classes or more, got {values[0]!r} only")
    if all(name.removeprefix("-").isdecimal() for name in names):
        return _one_hot_by_name(values, tuple(sorted(names, key=lambda name: (int(name), name))))
    return _one_hot_by_name(values, tuple(sorted(names)))


def _vector_labels(
    values: Sequence[tuple[float, ...]], paths: Sequence[str], file: str
) -> np.ndarray:
    size = len(values[0])
    for path, value in zip(paths, values, strict=True):
        if len(value) != size or not size:
            raise UserError(
                f"{file}: expected vectors of one length, got {size} numbers for "
                f"{printable(paths[0])} and {len(value)} for {printable(path)}"
            )
    with np.errstate(over="ignore"):  # what float32 cannot hold is reported below
        labels = np.array(values, np.float32)
    bad = np.flatnonzero(~np.isfinite(labels).all(axis=1))
    if len(bad):
        raise UserError(
            f"{file}: expected finite numbers (float32), got others for {len(bad)} pictures, "
            f"the first is {printable(paths[bad[0]])}: mend them"
        )
    return labels


def _below_common_folder(by_path: dict[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """Adds the folder that holds all pictures, as archives often have one, where it lacks."""
    common = posixpath.commonpath([posixpath.dirname(path) for path in paths])
    if not common or any(path.startswith(f"{common}/") for path in by_path):
        return by_path
    below = {f"{common}/{path}": value for path, value in by_path.items()}
    return below if any(path in below for path in paths) else by_path


def _check_paths(
    by_path: dict[str, Any],
    paths: Sequence[str],
    file: str,
    where: str,
    rejected: Iterable[str],
) -> None:
    missing = [path for path in paths if by_path.get(path) is None]
    if missing:
        raise UserError(
            f"{file}: expected a label for every picture, {len(missing)} of {len(paths)} have "
            f"none, the first is {printable(missing[0])}: add them or leave the pictures out"
        )
    known = {*paths, *rejected}
    extra = [path for path in by_path if path not in known]
    if extra:
        raise UserError(
            f"{file}: expected labels of pictures in {where}, {len(extra)} name none, "
            f"the first is {printable(extra[0])}: paths are relative to the source"
        )


def _read_text(file: str) -> str:
    try:
        return read_whole(file, _MOST_BYTES).decode("utf-8-sig")
    except ValueError as error:  # a UserError, or no UTF-8
        reason = printable(str(error))
        raise UserError(f"labels: expected {LABELS_HELP}, got {file!r}: {reason}") from error


def _read_csv(
    text: str, file: str, ending: str, paths: Sequence[str]
) -> Iterable[tuple[str, str | tuple[float, ...]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_DELIMITERS[ending])
    try:
        rows = [
            (reader.line_num, [cell.strip() for cell in row])
            for row in reader
            if any(cell.strip() for cell in row)
        ]
    except csv.Error as error:
        raise UserError(f"{file}: cannot be read, line {reader.line_num}: {error}") from error
    if rows and not has_picture_name(rows[0][1][0]) and rows[0][1][0] not in set(paths):
        del rows[0]  # a header
    width = len(rows[0][1]) if rows else 2
    if width < 2:
        raise UserError(f"{file}: expected a picture's path and its class or numbers in each line")
    for line, row in rows:
        if len(row) != width:
            raise UserError(f"{file}, line {line}: expected {width} columns, got {len(row)}")
        if width > 2:
            try:
                yield row[0], tuple(float(cell) for cell in row[1:])
            except ValueError as error:
                raise UserError(f"{file}, line {line}: expected numbers: {error}") from error
        elif row[1]:
            yield row[0], row[1]


def _read_json(text: str, file: str) -> Iterable[tuple[str, str | tuple[float, ...] | None]]:
    try:
        # Pairs, as a path that occurs twice would go unnoticed in a dictionary.
        content = json.loads(text, object_pairs_hook=lambda pairs: ("object", pairs))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: cannot be read as JSON: {error}") from error
    pairs = content[1] if isinstance(content, tuple) else None
    if pairs is not None and len(pairs) == 1 and pairs[0][0] == "labels":
        pairs = pairs[0][1]
    if not isinstance(pairs, list):
        raise UserError(
            f'{file}: expected {{"path": label, …}} or {{"labels": [["path", label], …]}}'
        )
    for pair in pairs:
        if not (isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str)):
            raise UserError(f"{file}: expected a path and its label, got {json.dumps(pair)[:80]}")
        yield pair[0], _json_label(pair[1], pair[0], file)


def _json_label(value: Any, path: str, file: str) -> str | tuple[float, ...] | None:
    if isinstance(value, list) and all(isinstance(number, int | float) for number in value):
        try:
            return tuple(float(number) for number in value)
        except OverflowError:
            return (math.inf,) * len(value)
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return str(value)
    raise UserError(
        f"{file}: expected a class or finite numbers for {printable(path)}, "
        f"got {json.dumps(value)[:80]}"
    )
