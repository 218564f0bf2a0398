"""The generators that a web page shows: their names, and which run has which place."""

from __future__ import annotations

import json
import posixpath
import re
import unicodedata
from typing import Any

import tensorflow as tf

from pgan_tf.exporting.manifest import (
    list_folder,
    list_versions,
    read_description,
    read_manifest,
    source_of,
)
from pgan_tf.exporting.model_card import describe
from pgan_tf.runs.small_files import read_json
from pgan_tf.runs.trained import Trained
from tfrecords.common.errors import UserError
from tfrecords.common.files import write_file

_LIST = "models.json"  # of `models/<name>/<version>/`
_MOST_BYTES = 200  # of a name; file systems take 255
# Of `describe`: what tells an older export's run where no manifest does.
_OF_A_RUN = ("training_data", "network")


def default_name(trained: Trained) -> str:
    """Returns the name of the run or file that a generator comes from, fit for an address."""
    *_, run, folder, name = ("", "", *trained.source.split("/"))  # RUN/checkpoints/FILE
    name = run if run and folder == "checkpoints" else re.sub(r"\.(pkl|npz)$", "", name)
    name = unicodedata.normalize("NFC", name).replace(".", "-")
    name = "".join(one if _is_allowed(one) else "-" for one in name)
    name = re.sub("--+", "-", name).strip("-")
    return name.encode()[:_MOST_BYTES].decode(errors="ignore") or "generator"


def is_name(name: str) -> bool:
    """True for a name that is fit for an address and for a folder of any system."""
    return (
        all(map(_is_allowed, name))
        and bool(name.strip(".-"))
        and not name.startswith(".")
        and not name.endswith(".")
        and unicodedata.is_normalized("NFC", name)
        and len(name.encode()) <= _MOST_BYTES
    )


def check_place(
    export_dir: str, listed: list[dict[str, Any]], name: str, trained: Trained, *, chosen: bool
) -> None:
    """Raises UserError if a generator would take another run's place without a word.

    So it would with a name of the same letters, small or capital. `chosen` says that the user gave
    the name, and so means this place.
    """
    known = {model["name"]: model["path"] for model in listed}
    models = posixpath.join(export_dir, "models")
    taken = {*known, *list_folder(models)}
    for other in taken - {name}:
        if _folded(other) == _folded(name):
            raise UserError(
                f"--name: expected one that differs from {other!r}, which is in {export_dir}, on "
                f"every file system, got {name!r}: give --name"
            )
    if chosen or name not in taken:
        return
    versions = list_versions(posixpath.join(models, name))
    path = known.get(name) or (f"models/{name}/{versions[-1]}" if versions else "")
    place = posixpath.join(export_dir, path)
    # What somebody removed is in nobody's way; a place elsewhere is somebody's own entry.
    removed = path.startswith(f"models/{name}/") and not tf.io.gfile.exists(place)
    if path and not removed and not _is_of_run(place, trained):
        raise UserError(
            f"--name: expected a place that is free, got {name!r}, where {export_dir} has another "
            f"run's generator: give --name=OTHER to keep both, or --name={name} to replace it"
        )


def read_list(export_dir: str) -> list[dict[str, Any]]:
    """Reads `models.json`: names and paths, and what somebody added; empty where there is none.

    Raises UserError if it is damaged.
    """
    path = posixpath.join(export_dir, _LIST)
    try:
        if not tf.io.gfile.exists(path):
            return []
        models = read_json(path)
        if not all(isinstance(model[key], str) for model in models for key in ("name", "path")):
            raise TypeError("text")
        _as_text(list(models))  # what cannot be written again is refused before anything is
        return list(models)
    except (TypeError, LookupError, UnicodeError, RecursionError):
        raise UserError(
            f"{path}: expected a list of names and paths, got others: mend it or remove it"
        ) from None


def write_list(export_dir: str, models: list[dict[str, Any]], entry: dict[str, str]) -> None:
    """Writes the list with a model in it, in the place of an older version or at the end."""
    models = [*models]
    names = [model["name"] for model in models]
    if entry["name"] in names:
        models[names.index(entry["name"])] |= entry
    else:
        models.append(dict(entry))
    write_file(posixpath.join(export_dir, _LIST), _as_text(models))


def _as_text(models: list[dict[str, Any]]) -> bytes:
    return (json.dumps(models, indent=2, ensure_ascii=False) + "\n").encode()


def _is_of_run(folder: str, trained: Trained) -> bool:
    manifest = read_manifest(folder, "version")
    if manifest:
        return manifest.source == source_of(trained)
    known = read_description(folder)
    # As JSON gives it back, with lists for tuples.
    this = json.loads(json.dumps(describe(trained, "tfjs")))
    return all(key in known and known[key] == this[key] for key in _OF_A_RUN)


def _is_allowed(character: str) -> bool:
    # Letters, the marks that belong to them, and digits, of any script.
    return character in "._-" or unicodedata.category(character)[0] in "LMN"


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
