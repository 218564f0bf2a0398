"""Lists the files that an export wrote, so that later exports replace or remove only those.

`pgan-export.json`, in each version's folder and next to the page of `tfjs`, has their SHA-256.
"""

import dataclasses
import hashlib
import json
import os
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tensorflow as tf

from pgan_tf.exporting.model_card import CARD_FILE, JSON_FILE
from pgan_tf.runs.small_files import is_count, is_number, read_json
from pgan_tf.runs.trained import Trained
from tfrecords.common import files, paths
from tfrecords.common.errors import UserError

MANIFEST = "pgan-export.json"
# Names in a version's folder. They identify exports without a manifest and interrupted ones.
_OF_A_VERSION = re.compile(
    r"(saved_model\.pb|fingerprint\.pb|variables|assets|assets\.extra|model\.(onnx|tflite|json)"
    r"|generator\.keras|networks\.npz|directions\.npz"
    r"|model\.safetensors|config\.json|generator\.py|README\.md|samples\.png|walk\.webp"
    r"|group1-shard\d+of\d+\.bin|preview\.png|pgan\.json|model_card\.md|pgan-export\.json)"
    r"(\.partial)?"
)

# What a score needs of `pgan.json`, see `model_card.describe`.
_TO_SCORE: dict[str, Callable[[Any], bool]] = {
    "kimg": lambda value: value is None or (is_number(value) and value >= 0),
    "stage": is_count,
    "weights": lambda value: isinstance(value, str),
    "checkpoint": lambda value: isinstance(value, str),
}


@dataclasses.dataclass(frozen=True)
class Manifest:
    """The files that an export wrote into a folder."""

    kind: str  # "version" or "page"
    # From a path in the folder to its allowed SHA-256, several while a page is being replaced.
    files: Mapping[str, tuple[str, ...]]
    source: str = ""  # see `source_of`; empty for a page
    # For a page: the fields of `page_head.Head` that the user gave. Later exports keep them.
    head: Mapping[str, str] = dataclasses.field(default_factory=dict)


def source_of(trained: Trained) -> str:
    """Returns a digest of the path of a run or file, to tell runs apart without revealing paths."""
    path = trained.source
    folder = posixpath.dirname(path)
    if posixpath.basename(folder) == "checkpoints":  # one source for all checkpoints of a run
        path = posixpath.dirname(folder)
    path = path if paths.is_remote(path) else os.path.realpath(path)
    return hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()


def write_manifest(folder: str, manifest: Manifest) -> None:
    """Writes a manifest into its folder."""
    contents: dict[str, Any] = {"made_by": "pgan-tf", "kind": manifest.kind}
    contents |= {"source": manifest.source, "files": dict(sorted(manifest.files.items()))}
    if said := {name: text for name, text in manifest.head.items() if text}:
        contents["head"] = said
    text = json.dumps(contents, indent=1, ensure_ascii=False) + "\n"
    files.write_file(posixpath.join(folder, MANIFEST), text.encode("utf-8", "surrogateescape"))


def write_version_manifest(folder: str, trained: Trained) -> None:
    """Writes a manifest of all files in a version's folder."""
    listed = {posixpath.relpath(path, folder): (digest_of(path),) for path in _files_below(folder)}
    write_manifest(folder, Manifest("version", listed, source_of(trained)))


def read_manifest(folder: str, kind: str) -> Manifest | None:
    """Reads a manifest. None if there is none of this kind."""
    try:
        known = read_json(posixpath.join(folder, MANIFEST))
        listed = {name: tuple(map(str, digests)) for name, digests in known["files"].items()}
        if (known["made_by"], known["kind"]) != ("pgan-tf", kind) or not all(map(_inside, listed)):
            return None
        head = {name: str(text) for name, text in known.get("head", {}).items()}
        return Manifest(kind, listed, str(known["source"]), head)
    except (ValueError, TypeError, KeyError, AttributeError):  # a UserError is a ValueError
        return None


def digest_of(path: str) -> str:
    """Returns the SHA-256 of a file, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with tf.io.gfile.GFile(path, "rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def remove_unchanged(folder: str, listed: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Removes unchanged files and then empty folders. Returns the paths of changed files."""
    there = {posixpath.join(folder, name): digests for name, digests in listed.items()}
    there = {path: digests for path, digests in there.items() if tf.io.gfile.exists(path)}
    kept = [path for path, digests in there.items() if digest_of(path) not in digests]
    for path in there.keys() - set(kept):
        tf.io.gfile.remove(path)
        _remove_empty(posixpath.dirname(path), folder)
    return kept


def remove_version(folder: str) -> list[str]:
    """Removes a version's folder except files changed or added since. Returns those that stay."""
    if manifest := read_manifest(folder, "version"):
        remove_unchanged(folder, manifest.files)
        tf.io.gfile.remove(posixpath.join(folder, MANIFEST))
    else:  # exported before manifests existed, so its card may have been changed
        ours = [*filter(_OF_A_VERSION.fullmatch, set(list_folder(folder)) - {CARD_FILE})]
        for path in (posixpath.join(folder, name) for name in ours):
            if not paths.is_folder(path):
                tf.io.gfile.remove(path)
    _remove_empty(folder, posixpath.dirname(folder))
    return list(_files_below(folder))


def free_version(folder: str) -> str:
    """Returns the path of a locked folder's first free version. UserError if others wrote there."""
    versions = list_versions(folder)
    foreign = [name for name in versions if not is_version(posixpath.join(folder, name))]
    if not versions:
        foreign = [name for name in visible_names(folder) if not _is_left_over(folder, name)]
    if foreign:
        raise UserError(
            f"--export_dir: expected a new folder or one of earlier exports, got {folder!r} with "
            f"{foreign[0]!r}, which no export wrote: name another"
        )
    remove_left_over(folder)
    return posixpath.join(folder, str(1 + int(versions[-1]) if versions else 1))


def list_versions(folder: str) -> list[str]:
    """Returns the names of the versions in a folder, which are numbers, newest last."""
    return sorted((n for n in list_folder(folder) if re.fullmatch("[0-9]+", n)), key=int)


def remove_left_over(folder: str) -> None:
    """Removes leftovers of killed exports in a folder that the caller has locked."""
    for name in list_folder(folder):
        if _is_left_over(folder, name):
            files.remove(posixpath.join(folder, name))


def list_folder(folder: str) -> list[str]:
    """Returns the names in a folder, empty if it is missing. Raises UserError if it is a file."""
    try:
        if paths.exists(folder) and not paths.is_folder(folder):
            raise UserError("a file")
        return paths.list_names(folder)
    except UserError as error:
        raise UserError(
            f"--export_dir: expected a folder, got {folder!r} ({error}): name another"
        ) from None


def visible_names(folder: str) -> list[str]:
    """Returns the names in a folder, without hidden ones such as `.git`."""
    return [name for name in list_folder(folder) if not name.startswith(".")]


def is_version(folder: str) -> bool:
    """Returns whether a folder's description says that this project exported it."""
    return bool(read_manifest(folder, "version") or read_description(folder))


def read_description(folder: str) -> dict[str, Any]:
    """Returns an export's `pgan.json` (see `model_card`), empty if there is none."""
    try:
        known = read_json(posixpath.join(folder, JSON_FILE))
    except UserError:
        return {}
    return known if isinstance(known, dict) and known.get("made_by") == "pgan-tf" else {}


def read_description_to_score(folder: str) -> dict[str, Any]:
    """Reads an export's `pgan.json`. Raises UserError unless it has what a score needs."""
    path = posixpath.join(folder, JSON_FILE)
    try:
        known = read_json(path)
    except UserError as error:
        raise UserError(
            f"--saved_model: expected {path}, which export.py writes, got {error}: export it again"
        ) from None
    for name, fits in _TO_SCORE.items():
        value = known.get(name, ...) if isinstance(known, dict) else known
        if not isinstance(known, dict) or value is ... or not fits(value):
            got = "none" if value is ... else ascii(value)[:40]
            raise UserError(
                f"--saved_model: expected {name} of an export in {path}, got {got}: export it again"
            )
    return known


def _files_below(folder: str) -> Iterator[str]:
    """Yields the paths of all files, whose names may be any bytes."""
    for name in list_folder(folder):
        path = posixpath.join(folder, name)
        yield from _files_below(path) if paths.is_folder(path) else [path]


def _is_left_over(parent: str, name: str) -> bool:
    """Returns whether a folder is a leftover of a killed export, with nothing else in it."""
    folder = posixpath.join(parent, name)
    if not re.fullmatch("partial-[0-9]+", name) or not paths.is_folder(folder):
        return False
    return all(map(_OF_A_VERSION.fullmatch, list_folder(folder)))


def _inside(path: str) -> bool:
    """Returns whether a path stays within its folder."""
    return not {"", ".", ".."} & set(path.split("/")) and not re.search(r"[\\:]", path)


def _remove_empty(folder: str, top: str) -> None:
    """Removes a folder and its parents below `top`, as long as they are empty."""
    while folder.startswith(f"{top}/") and not list_folder(folder):
        tf.io.gfile.rmtree(folder)
        folder = posixpath.dirname(folder)
