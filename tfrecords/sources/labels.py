"""Labels of pictures that have paths: by their folders, or from a CSV or JSON file."""

import contextlib
import os
import posixpath
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
from tfrecords.sources.label_folders import folder_classes
from tfrecords.sources.single_file import user_error_on

_EXPECTED = "labels: expected 'none', 'folders' or the path of a CSV or JSON file"
_MOST_BYTES = 2**30


@dataclass(frozen=True)
class Labels:
    """The labels of some pictures."""

    rows: OneHot | np.ndarray | None = None  # float32 (pictures, label size)
    names: tuple[str, ...] = ()  # of the classes, sorted; none for vectors
    notes: tuple[str, ...] = ()  # lines for the user, on what was decided for them


def find_labels(
    labels: str | None,
    paths: Sequence[str],
    where: str,
    rejected: Sequence[str],
    read_own: Callable[[str], bytes | None],
) -> Labels:
    """Returns the labels of pictures that have paths.

    Files may be CSV (`.csv`, `.txt`; `.tsv` with tabs; or with semicolons), UTF-8 or UTF-16: the
    picture's path and the name of its class, in the order that a header names, or the path and
    two numbers or more, a vector. JSON: `{"path": class or [numbers], …}`, or
    `{"labels": [["path", class or [numbers]], …]}`. Classes that are all whole numbers are sorted
    as such, others as text. Paths are relative to the source; see also `match_paths`.

    Args:
        labels: None for the source's own, in a `dataset.json` such as StyleGAN2-ADA's, or none;
            `none`; `folders`: the first sub-folders are the classes; `wanted`: the source's own,
            or else its sub-folders; or the path of a file, local or remote (`gs://…`).
        paths: of the pictures, relative to the source, with slashes.
        where: the source, for errors.
        rejected: paths that a label file may name although they are no pictures.
        read_own: gives what another file of the source holds, by its path, or None.

    Raises UserError if they cannot be read, do not label just the pictures, mix classes with
    vectors, have one class only, or a vector holds values that are not finite.
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
        classes, notes = folder_classes(paths, where, insist=labels == "folders")
        return _class_labels(list(map(as_text, classes)), where, notes)
    if os.path.splitext(labels)[1].lower() not in ENDINGS:
        raise UserError(f"{_EXPECTED}, got {labels!r}")
    try:
        data = read_whole(labels, _MOST_BYTES)
    except UserError as error:
        raise UserError(f"{_EXPECTED}, got {labels!r}: {printable(str(error))}") from error
    return _read_labels(data, labels, paths, where, rejected)


def _own_labels(
    paths: Sequence[str],
    where: str,
    rejected: Sequence[str],
    read_own: Callable[[str], bytes | None],
) -> Labels | None:
    """Returns those of the source's own `dataset.json`, if it has one with labels."""
    common = posixpath.commonpath([posixpath.dirname(path) for path in paths])
    for folder in dict.fromkeys(("", common)):
        path = posixpath.join(folder, JSON_NAME)
        with user_error_on(f"{where}: its {path} cannot be read"):
            data = read_own(path) or b""
        pairs = None
        with contextlib.suppress(ValueError):  # it is about something else
            pairs = parse_json(data.decode("utf-8-sig"), only_labels=True)
        if pairs:
            file = f"{where}: its {path}"
            labels = _read_labels(data, file, paths, where, rejected, own=True)
            notes = (f"{file} has the labels that are taken", *labels.notes)
            return None if labels.rows is None else replace(labels, notes=notes)
    return None


def _read_labels(
    data: bytes,
    file: str,
    paths: Sequence[str],
    where: str,
    rejected: Sequence[str],
    own: bool = False,
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
            also = f" and {printable(path)}" if path != before else ""
            raise UserError(
                f"{file}: {printable(before)}{also} has two labels, {_short(its_label)} and "
                f"{_short(label)}: remove one of them"
            )
    extra = [path for (path, _), (picture, _) in zip(rows, matches, strict=True) if picture < 0]
    if rows and len(extra) == len(rows):
        raise UserError(
            f"{file}: expected the paths of pictures in {where}, relative to it: the file's first "
            f"path is {printable(rows[0][0])}, the source's is {printable(paths[0])}"
        )
    values = [labels.get(index, ("", None))[1] for index in range(len(paths))]
    missing = [path for path, value in zip(paths, values, strict=True) if value is None]
    if own and len(missing) == len(paths):
        return Labels()
    if missing:
        raise UserError(
            f"{file}: expected a label for every picture, {len(missing)} of {len(paths)} have "
            f"none, the first is {printable(missing[0])}: add them"
            + (" or give --labels=FILE or none" if own else "")
        )
    if extra and not own:
        raise UserError(
            f"{file}: expected labels of pictures in {where}, {len(extra)} name none, the first "
            f"is {printable(extra[0])}: remove those lines"
        )
    notes = []
    if extra:
        are = "are" if len(extra) > 1 else "is"
        notes.append(f"{file} names {counted(len(extra), 'file')} that {are} not there")
    loose = [row for row, (picture, words) in enumerate(matches) if picture >= 0 and words]
    if loose:
        differences = dict.fromkeys(word for row in loose for word in matches[row][1])
        first = known[matches[loose[0]][0]]
        notes.append(
            f"{file}: {len(loose):,} of {len(rows):,} paths differ in {', '.join(differences)} and "
            f"fit one picture: {printable(rows[loose[0]][0])} is taken for {printable(first)}"
        )
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
        if last - first <= 1000 * len(numbers):  # others are no class numbers, but such as years
            missing = [str(number) for number in range(first, last) if number not in numbers]
            if missing:
                notes.append(f"{file}: no picture has the class {list_names(missing)}: skipped")
    if alike := find_alike(ordered):
        notes.append(
            f"{file}: two classes are called {alike!r}, with the accents in two Unicode forms: "
            "rename one if they are the same"
        )
    indices = {name: index for index, name in enumerate(ordered)}
    rows = one_hot((indices[name] for name in values), len(ordered))
    return Labels(rows, tuple(ordered), tuple(notes))


def _vectors(values: Sequence[tuple[float, ...]], paths: Sequence[str], file: str) -> np.ndarray:
    size = len(values[0])
    for path, value in zip(paths, values, strict=True):
        if len(value) != size or not size:
            raise UserError(
                f"{file}: expected vectors of one length, got {size} numbers for "
                f"{printable(paths[0])} and {len(value)} for {printable(path)}"
            )
    with np.errstate(over="ignore"):  # what float32 cannot hold is reported below
        vectors = np.array(values, np.float32)
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        raise UserError(
            f"{file}: expected finite numbers (float32), got others for {len(bad)} pictures, "
            f"the first is {printable(paths[bad[0]])}: correct them"
        )
    return vectors


def _stem(path: str) -> str:
    return posixpath.splitext(path.replace("\\", "/").rpartition("/")[2])[0].casefold()


def _short(label: Any) -> str:
    return ascii(label)[:80] if not str(label).isprintable() else repr(label)[:80]
