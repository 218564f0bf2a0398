"""The files of the web page in an export's folder: whose they are, and how they are replaced."""

from __future__ import annotations

import hashlib
import pathlib
import posixpath
from collections.abc import Mapping

import tensorflow as tf

from pgan_tf.exporting.gallery import read_list
from pgan_tf.exporting.manifest import (
    MANIFEST,
    Manifest,
    digest_of,
    is_version,
    read_manifest,
    remove_left_over,
    remove_unchanged,
    visible_names,
    write_manifest,
)
from tfrecords.common import files
from tfrecords.common.errors import UserError
from tfrecords.common.files import write_file

# Built from demo/ by Vite.
PAGE = pathlib.Path(__file__).parent / "page"
# From the page's files to the SHA-256 that they may have; see `Manifest`.
Digests = Mapping[str, tuple[str, ...]]
# What the last page from before there were manifests had, and a later one has not.
_BEFORE_MANIFESTS = {
    "index.html": "e779471dd3dc09ecd09082ed73790e094548635034721b1ba55eb1f7a2e48e05",
    "assets/dist-BDUJI6Mr.js": "1190f056d322f4f889b3ed7f201e235fc4baf820f1aeec7b9bc26035d7b200f5",
    "assets/dist-DrBkh9ro.js": "a537a6a3f9e01dd8e60a9657603f41a0ad4c55e7308a7a1333a390062b641115",
    "assets/index-DI6hbdBH.js": "230ac34747a217245380a08696fc58d9c258635ebf8fdac71083e9e52d333404",
    "assets/shared-D8ADG0nA.js": "75d7920b944108f3858d29e771a5e88bebf8b17f1477b287c0abc105a9daa27e",
}


def read_page(export_dir: str) -> Digests:
    """Returns what earlier exports wrote of the page; nothing if the folder is empty.

    Hidden files, such as `.git`, do not count: no export touches them. Raises UserError if the
    folder holds what no export wrote, or a file of the page was changed.
    """
    page = read_manifest(export_dir, "page")
    visible = visible_names(export_dir)
    if page:
        known = page.files
    elif visible and not _is_older_export(export_dir, visible):
        raise UserError(
            f"--export_dir: expected a new folder or one of earlier exports with --format=tfjs, "
            f"got {export_dir!r} with {visible[0]!r}, which no export wrote: name another"
        )
    else:
        known = {name: (digest,) for name, digest in _BEFORE_MANIFESTS.items() if visible}
    for name, digests in _digests(_current()).items():
        path = posixpath.join(export_dir, name)
        expected = (*known.get(name, ()), *digests)
        if tf.io.gfile.exists(path) and digest_of(path) not in expected:
            raise UserError(
                f"{path}: expected the page as an export wrote it, got one that was changed or "
                f"comes from elsewhere, and would be replaced: move it away, or name another "
                f"--export_dir"
            )
    return known


def begin_page(export_dir: str, known: Digests) -> Digests:
    """Writes down which files are about to be replaced, so that an end in between is made good.

    What killed exports left is removed. Returns what the page may hold from now on.
    """
    tf.io.gfile.makedirs(posixpath.join(export_dir, "assets"))
    current = _digests(_current())
    both = {name: (*known.get(name, ()), *current.get(name, ())) for name in {**known, **current}}
    for name in (*both, MANIFEST):
        files.remove(posixpath.join(export_dir, f"{name}.partial"))
    models = posixpath.join(export_dir, "models")
    for name in visible_names(models):
        remove_left_over(posixpath.join(models, name))
    write_manifest(export_dir, Manifest("page", both))
    return both


def write_page(export_dir: str, known: Digests) -> list[str]:
    """Writes the page, in the place of an older one; `index.html` last: it names the others.

    Returns the paths of files of an older page that were changed, and stay.
    """
    current = _current()
    digests = _digests(current)
    for name, contents in current.items():
        path = posixpath.join(export_dir, name)
        if not tf.io.gfile.exists(path) or digest_of(path) not in digests[name]:
            write_file(path, contents)
    older = {name: known[name] for name in known if name not in current}
    kept = remove_unchanged(export_dir, older)
    write_manifest(export_dir, Manifest("page", digests))
    return kept


def _current() -> dict[str, bytes]:
    """Returns the page's files by their names; `index.html` comes last."""
    paths = (*sorted((PAGE / "assets").iterdir()), PAGE / "licenses.md", PAGE / "index.html")
    return {path.relative_to(PAGE).as_posix(): path.read_bytes() for path in paths}


def _digests(contents: Mapping[str, bytes]) -> Digests:
    return {name: (hashlib.sha256(one).hexdigest(),) for name, one in contents.items()}


def _is_older_export(export_dir: str, visible: list[str]) -> bool:
    """True if an export from before there were manifests wrote a page here."""
    if not {"index.html", "models.json", "models", "assets"} <= set(visible):
        return False
    paths = [model["path"] for model in read_list(export_dir)]
    return any(is_version(posixpath.join(export_dir, path)) for path in paths if "://" not in path)
