"""The web page in an export folder: its files, who wrote them, and the generators it lists."""

import dataclasses
import hashlib
import json
import pathlib
import posixpath
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from pgan_tf.exporting import manifest
from pgan_tf.exporting.engines import FOLDER
from pgan_tf.exporting.manifest import Manifest, digest_of, list_folder, visible_names
from pgan_tf.exporting.model_card import describe
from pgan_tf.exporting.page_head import ICON, PREVIEW, Head, with_head
from pgan_tf.runs.small_files import read_json
from pgan_tf.runs.trained import Trained
from tfrecords.common.errors import UserError
from tfrecords.common.files import remove, write_file

PAGE = pathlib.Path(__file__).parent / "page"  # built from demo/ by Vite
# From names of the page's files to their allowed SHA-256; see `Manifest`.
Digests = Mapping[str, tuple[str, ...]]
# Files of the last page before manifests existed that later pages do not have.
_BEFORE_MANIFESTS = {
    "index.html": "e779471dd3dc09ecd09082ed73790e094548635034721b1ba55eb1f7a2e48e05",
    "assets/dist-BDUJI6Mr.js": "1190f056d322f4f889b3ed7f201e235fc4baf820f1aeec7b9bc26035d7b200f5",
    "assets/dist-DrBkh9ro.js": "a537a6a3f9e01dd8e60a9657603f41a0ad4c55e7308a7a1333a390062b641115",
    "assets/index-DI6hbdBH.js": "230ac34747a217245380a08696fc58d9c258635ebf8fdac71083e9e52d333404",
    "assets/shared-D8ADG0nA.js": "75d7920b944108f3858d29e771a5e88bebf8b17f1477b287c0abc105a9daa27e",
}
_LIST = "models.json"  # lists `models/<name>/<version>/`
_MOST_BYTES = 200  # length of a name; file systems allow 255


def read_page(export_dir: str, engines: Mapping[str, bytes]) -> Manifest:
    """Returns page files of earlier exports. UserError if others wrote or changed any.

    `engines` are files that come in addition; see `engines.read_engines`.
    """
    page = manifest.read_manifest(export_dir, "page")
    visible = visible_names(export_dir)  # without `.git` and the like
    if page is None:
        if visible and not _is_older_export(export_dir, visible):
            raise UserError(
                f"--export_dir: expected a new folder or one of earlier exports with "
                f"--format=tfjs, got {export_dir!r} with {visible[0]!r}, which no export wrote: "
                "name another"
            )
        before = {name: (digest,) for name, digest in _BEFORE_MANIFESTS.items() if visible}
        page = Manifest("page", before)
    for name, digests in {**_digests({**_built(), **engines}), PREVIEW: (), ICON: ()}.items():
        path = posixpath.join(export_dir, name)
        expected = (*page.files.get(name, ()), *digests)
        if tf.io.gfile.exists(path) and digest_of(path) not in expected:
            raise UserError(
                f"{path}: expected the page as an export wrote it, got another, which would be "
                "replaced: move it away, or name another --export_dir"
            )
    return page


def page_files(
    head: Head, preview: bytes, icon: bytes, engines: Mapping[str, bytes]
) -> dict[str, bytes]:
    """Returns the page's files by name, those of engines included, `index.html` last."""
    files = {PREVIEW: preview, ICON: icon, **engines, **_built()}
    return files | {"index.html": with_head(files["index.html"].decode(), head).encode()}


def prepare_page(export_dir: str, page: Manifest, files: Mapping[str, bytes]) -> Manifest:
    """Removes leftovers of killed exports, and lists the files that the page may now contain."""
    for folder in {posixpath.dirname(name) for name in files}:
        tf.io.gfile.makedirs(posixpath.join(export_dir, folder))
    known, current = page.files, _digests(files)
    both = {name: (*known.get(name, ()), *current.get(name, ())) for name in {**known, **current}}
    for name in (*both, manifest.MANIFEST):
        remove(posixpath.join(export_dir, f"{name}.partial"))
    models = posixpath.join(export_dir, "models")
    for name in visible_names(models):
        manifest.remove_left_over(posixpath.join(models, name))
    prepared = dataclasses.replace(page, files=both)
    manifest.write_manifest(export_dir, prepared)
    return prepared


def write_page(
    export_dir: str, page: Manifest, files: Mapping[str, bytes], head: Head
) -> list[str]:
    """Writes the page's files in order, and records the user's head in its manifest.

    Returns files of an older page that stay because somebody changed them.
    """
    digests = _digests(files)
    for name, contents in files.items():
        path = posixpath.join(export_dir, name)
        if not tf.io.gfile.exists(path) or digest_of(path) not in digests[name]:
            write_file(path, contents)
    older = {name: page.files[name] for name in page.files if name not in files}
    engines = {name: older.pop(name) for name in [*older] if name.startswith(FOLDER)}
    kept = manifest.remove_unchanged(export_dir, older)
    files_of_page = {**engines, **digests}  # other generators draw with those engines
    manifest.write_manifest(
        export_dir, Manifest("page", files_of_page, head=dataclasses.asdict(head))
    )
    return kept


def _built() -> dict[str, bytes]:
    """Returns the files that Vite built, `index.html` last."""
    others = (PAGE / "generator.js", PAGE / "licenses.md", PAGE / "index.html")
    paths = (*sorted((PAGE / "assets").iterdir()), *others)
    return {path.relative_to(PAGE).as_posix(): path.read_bytes() for path in paths}


def _digests(contents: Mapping[str, bytes]) -> Digests:
    return {name: (hashlib.sha256(one).hexdigest(),) for name, one in contents.items()}


def _is_older_export(export_dir: str, visible: list[str]) -> bool:
    """Returns whether an export wrote a page here before manifests existed."""
    if not {"index.html", "models.json", "models", "assets"} <= set(visible):
        return False
    paths = (model["path"] for model in read_list(export_dir) if "://" not in model["path"])
    return any(manifest.is_version(posixpath.join(export_dir, path)) for path in paths)


def default_name(trained: Trained) -> str:
    """Returns the name of a generator's run or file, in a form that suits a URL."""
    *_, run, folder, name = ("", "", *trained.source.split("/"))  # RUN/checkpoints/FILE
    name = run if run and folder == "checkpoints" else re.sub(r"\.(pkl|npz)$", "", name)
    name = unicodedata.normalize("NFC", name).replace(".", "-")
    name = "".join(one if _is_allowed(one) else "-" for one in name)
    name = re.sub("--+", "-", name).strip("-")
    return name.encode()[:_MOST_BYTES].decode(errors="ignore") or "generator"


def is_name(name: str) -> bool:
    """Returns whether a name suits a URL, and a folder on any operating system."""
    if not all(map(_is_allowed, name)) or not name.strip(".-") or "." in (name[0], name[-1]):
        return False
    return unicodedata.is_normalized("NFC", name) and len(name.encode()) <= _MOST_BYTES


def check_place(
    export_dir: str, listed: list[dict[str, Any]], name: str, trained: Trained, *, chosen: bool
) -> None:
    """Raises UserError if another run's generator would be replaced, unless `chosen`."""
    known = {model["name"]: model["path"] for model in listed}
    models = posixpath.join(export_dir, "models")
    taken = {*known, *list_folder(models)}
    for other in taken - {name}:
        if _folded(other) == _folded(name):  # may be the same folder
            raise UserError(
                f"--name: expected one that differs on every file system from {other!r} in "
                f"{export_dir}, got {name!r}: give --name"
            )
    if chosen or name not in taken:
        return
    versions = manifest.list_versions(posixpath.join(models, name))
    path = known.get(name) or (f"models/{name}/{versions[-1]}" if versions else "")
    place = posixpath.join(export_dir, path)
    # A removed folder is no obstacle. An entry with another path was added by hand.
    removed = path.startswith(f"models/{name}/") and not tf.io.gfile.exists(place)
    if path and not removed and not _is_of_run(place, trained):
        raise UserError(
            f"--name: expected a place that is free, got {name!r}, where {export_dir} has another "
            f"run's generator: give --name=OTHER to keep both, or --name={name} to replace it"
        )


def read_list(export_dir: str) -> list[dict[str, Any]]:
    """Reads `models.json`. Empty if there is none; UserError if damaged."""
    path = posixpath.join(export_dir, _LIST)
    try:
        if not tf.io.gfile.exists(path):
            return []
        models = read_json(path)
        if not all(isinstance(model[key], str) for model in models for key in ("name", "path")):
            raise TypeError("text")
        _as_text(list(models))  # fails early if the list cannot be written again
        return list(models)
    except (TypeError, LookupError, UnicodeError, RecursionError):
        raise UserError(
            f"{path}: expected a list of names and paths, got others: mend it or remove it"
        ) from None


def write_list(export_dir: str, models: list[dict[str, Any]], name: str, path: str) -> None:
    """Writes the list with a model added, in place of an older version or at the end."""
    names = [model["name"] for model in models]
    if name in names:
        models[names.index(name)]["path"] = path
    else:
        models = [*models, {"name": name, "path": path}]
    write_file(posixpath.join(export_dir, _LIST), _as_text(models))


def _as_text(models: list[dict[str, Any]]) -> bytes:
    return (json.dumps(models, indent=2, ensure_ascii=False) + "\n").encode()


def _is_of_run(folder: str, trained: Trained) -> bool:
    if written := manifest.read_manifest(folder, "version"):
        return written.source == manifest.source_of(trained)
    known = manifest.read_description(folder)
    # As read from JSON, with lists instead of tuples.
    this = json.loads(json.dumps(describe(trained, "tfjs")))
    return all(key in known and known[key] == this[key] for key in ("training_data", "network"))


def _is_allowed(character: str) -> bool:  # letters, their marks, and digits, of any script
    return character in "._-" or unicodedata.category(character)[0] in "LMN"


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
