"""Finds labels for pictures that have paths, from folders or from a CSV or JSON file."""

import contextlib
import os
import posixpath
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tfrecords.common.errors import UserError
from tfrecords.common.paths import read_whole
from tfrecords.common.text import as_text, counted, find_alike, list_names, printable
from tfrecords.format.dataset_json import JSON_NAME
from tfrecords.pictures.kinds import kind_by_ending
from tfrecords.pictures.source import OneHot, one_hot
from tfrecords.sources.label_files import ENDINGS, match_paths, parse_json, read_rows
from tfrecords.sources.single_file import user_error_on

_EXPECTED = "labels: expected 'none', 'folders' or the path of a CSV or JSON file"
_MOST_BYTES = 2**30
_SPLITS = {"train", "training", "val", "valid", "validation", "dev", "test", "testing", "eval"}
_SHARD = re.compile(r"\d{4,}|(part|shard|chunk|batch|fold)s?[-_ ]?\d+", re.IGNORECASE)
_Paths = Sequence[str]  # relative to the source, with slashes
_Read = Callable[[str], bytes | None]  # returns the bytes of another file in the source, by path


@dataclass(frozen=True)
class Labels:
    """Labels of pictures."""

    rows: OneHot | np.ndarray | None = None  # float32 (pictures, label size)
    names: tuple[str, ...] = ()  # names of the classes, sorted; empty for vectors
    notes: tuple[str, ...] = ()  # lines for the user about automatic decisions


def find_labels(
    labels: str | None, paths: _Paths, where: str, rejected: _Paths, read_own: _Read
) -> Labels:
    """Returns the labels of the pictures with these paths in the source `where`.

    `labels` is None for the source's own in a `dataset.json` like StyleGAN2-ADA's, if any; `none`;
    `folders` if the first subfolders are the classes; `wanted` for the source's own or else its
    subfolders; or the path of a local or remote file, which may also name `rejected` pictures.

    CSV files (`.csv`, `.txt`; `.tsv` with tabs; semicolons work, too) are UTF-8 or UTF-16. A row
    has a picture's path and its class, in the order that a header gives, or the path and a vector
    of two or more numbers. JSON files are `{"path": class or [numbers], …}` or
    `{"labels": [["path", class or [numbers]], …]}`. Classes that are all whole numbers are sorted
    by number, others as text. Paths are relative to the source; see also `match_paths`.

    Raises UserError if labels can't be read, do not match the pictures, mix classes and vectors,
    have only one class, or if a vector has values that are not finite.
    """
    if labels == "none":
        return Labels()
    if labels in (None, "wanted"):
        try:
            own = _own_labels(paths, where, rejected, read_own)
        except UserError as error:
            if labels:
                raise
            return Labels(notes=(f"{error}. Continuing without labels",))
        if own or not labels:
            return own or Labels()
    if labels in ("folders", "wanted"):
        classes, notes = _folder_classes(paths, where, insist=labels == "folders")
        return _class_labels(list(map(as_text, classes)), where, notes)
    if os.path.splitext(labels)[1].lower() not in ENDINGS:
        raise UserError(f"{_EXPECTED}, got {labels!r}")
    try:
        data = read_whole(labels, _MOST_BYTES)
    except UserError as error:
        raise UserError(f"{_EXPECTED}, got {labels!r}: {printable(str(error))}") from error
    return _read_labels(data, labels, paths, where, rejected)


def _own_labels(paths: _Paths, where: str, rejected: _Paths, read_own: _Read) -> Labels | None:
    """Returns the labels in the source's own `dataset.json`, if it has one with labels."""
    common = posixpath.commonpath([posixpath.dirname(path) for path in paths])
    for folder in dict.fromkeys(("", common)):
        path = posixpath.join(folder, JSON_NAME)
        with user_error_on(f"{where}: its {path} cannot be read"):
            data = read_own(path) or b""
        pairs = None
        with contextlib.suppress(ValueError):  # an unrelated file
            pairs = parse_json(data.decode("utf-8-sig"), only_labels=True)
        if pairs:
            file = f"{where}: its {path}"
            labels = _read_labels(data, file, paths, where, rejected, own=True)
            notes = (f"{file} has the labels that are taken", *labels.notes)
            return None if labels.rows is None else replace(labels, notes=notes)
    return None


def _read_labels(
    data: bytes, file: str, paths: _Paths, where: str, rejected: _Paths, own: bool = False
) -> Labels:
    known = [*paths, *rejected]
    stems = {_stem(path) for path in known}

    def is_picture(cell: str) -> bool:
        return bool(kind_by_ending(cell)) or _stem(cell) in stems

    with user_error_on(file):
        rows = list(read_rows(data, os.path.splitext(file)[1].lower(), is_picture))
    matches = match_paths([path for path, _ in rows], known)
    labels: dict[int, tuple[str, Any]] = {}
    for (path, label), (picture, _) in zip(rows, matches, strict=True):
        before, its_label = labels.setdefault(picture, (path, label))
        if picture >= 0 and its_label != label:
            both = printable(before) + (f" and {printable(path)}" if path != before else "")
            two = f"two labels, {_short(its_label)} and {_short(label)}"
            raise UserError(f"{file}: {both} has {two}: remove one of them")
    extra = [path for (path, _), (picture, _) in zip(rows, matches, strict=True) if picture < 0]
    if rows and len(extra) == len(rows):
        theirs, ours = printable(rows[0][0]), printable(paths[0])
        got = f"the file's first path is {theirs}, the source's is {ours}"
        raise UserError(f"{file}: expected paths of pictures, relative to {where}: {got}")
    values = [labels.get(index, ("", None))[1] for index in range(len(paths))]
    missing = [path for path, value in zip(paths, values, strict=True) if value is None]
    if own and len(missing) == len(paths):
        return Labels()
    if missing:
        none = f"{len(missing)} of {len(paths)} have none, the first is {printable(missing[0])}"
        then = "add them or give --labels=FILE or none" if own else "add them"
        raise UserError(f"{file}: expected a label for every picture, {none}: {then}")
    if extra and not own:
        none = f"{len(extra)} name none, the first is {printable(extra[0])}"
        raise UserError(f"{file}: expected labels of pictures in {where}, {none}: remove them")
    notes = []
    if extra:
        are = "are" if len(extra) > 1 else "is"
        notes.append(f"{file} names {counted(len(extra), 'file')} that {are} not there")
    loose = [row for row, (picture, words) in enumerate(matches) if picture >= 0 and words]
    if loose:
        ways = ", ".join(dict.fromkeys(word for row in loose for word in matches[row][1]))
        differ = f"{len(loose):,} of {len(rows):,} paths differ in {ways} and fit one picture"
        first, taken_for = printable(rows[loose[0]][0]), printable(known[matches[loose[0]][0]])
        notes.append(f"{file}: {differ}: {first} is taken for {taken_for}")
    vectors = sum(isinstance(value, tuple) for value in values)
    if not vectors:
        return _class_labels(values, file, notes)
    if vectors < len(values):
        raise UserError(f"{file}: expected classes or vectors, got {vectors} vectors and classes")
    return Labels(_vectors(values, paths, file), notes=tuple(notes))


def _class_labels(values: Sequence[str], file: str, notes: list[str]) -> Labels:
    names = set(values)
    if len(names) < 2:
        raise UserError(f"{file}: expected two classes or more, got {_short(values[0])} only")
    broken = next((name for name in names if as_text(name) != name), None)
    if broken is not None:
        raise UserError(f"{file}: expected the names of classes as text, got {_short(broken)}")
    ordered = sorted(names)
    if all(name.removeprefix("-").isdecimal() and len(name) < 20 for name in names):
        ordered.sort(key=int)
        numbers = set(map(int, names))
        first, last = min(0, *numbers), max(numbers)
        if last - first <= 1000 * len(numbers):  # others are not class numbers, but years or such
            missing = [str(number) for number in range(first, last) if number not in numbers]
            if missing:
                notes.append(f"{file}: no picture has the class {list_names(missing)}: skipped")
    if alike := find_alike(ordered):
        advice = "with the accents in two Unicode forms: rename one if they are the same"
        notes.append(f"{file}: two classes are called {alike!r}, {advice}")
    indices = {name: index for index, name in enumerate(ordered)}
    rows = one_hot((indices[name] for name in values), len(ordered))
    return Labels(rows, tuple(ordered), tuple(notes))


def _vectors(values: Sequence[tuple[float, ...]], paths: _Paths, file: str) -> np.ndarray:
    size = len(values[0])
    for path, value in zip(paths, values, strict=True):
        if len(value) != size or not size:
            got = f"{size} numbers for {printable(paths[0])}, {len(value)} for {printable(path)}"
            raise UserError(f"{file}: expected vectors of one length, got {got}")
    with np.errstate(over="ignore"):  # overflow is reported below
        vectors = np.array(values, np.float32)
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        others = f"others for {len(bad)} pictures, the first is {printable(paths[bad[0]])}"
        raise UserError(f"{file}: expected finite numbers (float32), got {others}: correct them")
    return vectors


def _stem(path: str) -> str:
    return posixpath.splitext(path.replace("\\", "/").rpartition("/")[2])[0].casefold()


def _short(label: Any) -> str:
    return ascii(label)[:80] if not str(label).isprintable() else repr(label)[:80]


def _folder_classes(paths: _Paths, where: str, insist: bool) -> tuple[list[str], list[str]]:
    """Returns the class of each picture, which is its first subfolder, and lines for the user.

    Folders that contain everything are not classes. Nor are train, val and test, or shards such as
    00000 and 00001: if they contain folders, those are the classes. With `insist`, the user asked
    for folders, and shards without folders count as classes. Raises UserError if a picture is in no
    class, if there is only one class, or if the folders are parts of the dataset.
    """
    notes: list[str] = []
    # Archives often have one folder that contains everything.
    common = posixpath.commonpath([posixpath.dirname(path) for path in paths])
    inside = [path[len(common) + 1 :] if common else path for path in paths]
    if not all("/" in path for path in inside):
        inside = list(paths)
    while True:
        loose = next((index for index, path in enumerate(inside) if "/" not in path), None)
        if loose is not None:
            got = f"{printable(paths[loose])} is in none: move it, or give --labels=FILE or none"
            raise UserError(f"{where}: labels need each picture in its class's folder, {got}")
        tops = sorted({path.split("/")[0] for path in inside})
        splits = [top for top in tops if top.lower() in _SPLITS]
        shards = all(_SHARD.fullmatch(top) for top in tops) and len({*map(len, tops)}) == 1
        if splits != tops and not shards:
            break
        kind, these = "shards" if shards else "parts of a dataset", f"{where}: {list_names(tops)}"
        flat = next((path for path in inside if path.count("/") < 2), None)
        if flat is None:
            parts: dict[str, set[str]] = {}
            for part, name, _ in (path.split("/", 2) for path in inside):
                parts.setdefault(part, set()).add(name)
            if not set.intersection(*parts.values()):  # classes would be in each part
                each = (f"{printable(one)} holds {list_names(sorted(parts[one]))}" for one in parts)
                held = f"{' and '.join(each)}: convert one of them, or give --labels=FILE or none"
                raise UserError(f"{where}: expected the same classes in each part, {held}")
            notes.append(f"{these} are taken for {kind}, and the folders in them for classes")
            inside = [path.partition("/")[2] for path in inside]
        elif shards and insist:
            notes.append(f"{these} look like shards; they are classes as --labels=folders says so")
            break
        else:
            insisting = ", --labels=folders if they are classes" if shards else ""
            flat_one = f"{printable(flat)} is in no class's folder"
            advice = f"give --labels=FILE of labels{insisting} or --labels=none"
            raise UserError(f"{these} look like {kind}, not like classes, and {flat_one}: {advice}")
    if splits and splits != tops:
        others = list_names([top for top in tops if top not in splits])
        notes.append(f"{where}: {list_names(splits)} counts as a class, as it lies beside {others}")
    if len(tops) < 2:
        got = f"got {printable(tops[0])} only: turn labels off"
        raise UserError(f"{where}: labels need two sub-folders or more, one per class, {got}")
    return [path.split("/")[0] for path in inside], notes
