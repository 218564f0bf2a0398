"""The files of the web page in an export's folder: whose they are, and how they are replaced."""

from __future__ import annotations

import hashlib
import pathlib
import posixpath

import tensorflow as tf

from pgan_tf.exporting.gallery import read_list
from pgan_tf.exporting.manifest import (
    MANIFEST,
    Manifest,
    digest_of,
    is_version,
    list_folder,
    read_manifest,
    remove_left_over,
    remove_unchanged,
    visible_names,
    write_manifest,
)
from pgan_tf.runs.files import write_file
from tfrecords.common import files
from tfrecords.common.errors import UserError

# Built from demo/ by Vite.
PAGE = pathlib.Path(__file__).parent / "page"
# What the last page of before there were manifests had, and a later one has not.
_BEFORE_MANIFESTS = {
    "index.html": "e779471dd3dc09ecd09082ed73790e094548635034721b1ba55eb1f7a2e48e05",
    "assets/dist-BDUJI6Mr.js": "1190f056d322f4f889b3ed7f201e235fc4baf820f1aeec7b9bc26035d7b200f5",
    "assets/dist-DrBkh9ro.js": "a537a6a3f9e01dd8e60a9657603f41a0ad4c55e7308a7a1333a390062b641115",
    "assets/index-DI6hbdBH.js": "230ac34747a217245380a08696fc58d9c258635ebf8fdac71083e9e52d333404",
    "assets/shared-D8ADG0nA.js": "75d7920b944108f3858d29e771a5e88bebf8b17f1477b287c0abc105a9daa27e",
}


def read_page(export_dir: str) -> Manifest:
    """Returns what earlier exports wrote of the page; nothing if the folder is empty.

    Hidden files, such as `.git`, do not count: no export touches them.

    Raises:
        UserError: the folder holds what no export wrote, or a file of the page was changed.
    """
    page = read_manifest(export_dir, "page")
    if page is None:
        visible = visible_names(export_dir)
        if visible and not _is_older_export(export_dir, visible):
            raise UserError(
                f"--export_dir: expected a new folder or one of earlier exports with "
                f"--format=tfjs, got {export_dir!r} with {visible[0]!r}, which no export wrote: "
                f"name another"
            )
        before = _BEFORE_MANIFESTS if visible else {}
        page = Manifest("page", {name: (digest,) for name, digest in before.items()})
    for name, digests in _both(page).items():
        path = posixpath.join(export_dir, name)
        if name in _current() and tf.io.gfile.exists(path) and digest_of(path) not in digests:
            raise UserError(
                f"{path}: expected the page as an export wrote it, got one that was changed or "
                f"comes from elsewhere, and would be replaced: move it away, or name another "
                f"--export_dir"
            )
    return page


def begin_page(export_dir: str, page: Manifest) -> Manifest:
    """Writes down which files are about to be replaced, so that an end in between is made good.

    What killed exports left is removed.

    Returns:
        What the page may hold from now on.
    """
    tf.io.gfile.makedirs(export_dir)
    both = Manifest("page", _both(page))
    for folder in {posixpath.dirname(name) for name in both.files}:
        left_over = {f"{posixpath.basename(name)}.partial" for name in (*both.files, MANIFEST)}
        for name in left_over & set(list_folder(posixpath.join(export_dir, folder))):
            files.remove(posixpath.join(export_dir, folder, name))
    for name in visible_names(posixpath.join(export_dir, "models")):
        remove_left_over(posixpath.join(export_dir, "models", name))
    write_manifest(export_dir, both)
    return both


def write_page(export_dir: str, page: Manifest) -> list[str]:
    """Writes the page, in the place of an older one; `index.html` last: it names the others.

    Returns:
        The paths of files of an older page that were changed, and stay.
    """
    tf.io.gfile.makedirs(posixpath.join(export_dir, "assets"))
    current = _current()
    for name, contents in current.items():
        path = posixpath.join(export_dir, name)
        if not tf.io.gfile.exists(path) or digest_of(path) != _digest(contents):
            write_file(path, contents)
    older = {name: page.files[name] for name in page.files if name not in current}
    kept = remove_unchanged(export_dir, older)
    written = {name: (_digest(contents),) for name, contents in current.items()}
    write_manifest(export_dir, Manifest("page", written))
    return kept


def _current() -> dict[str, bytes]:
    """Returns the page's files by their names; `index.html` comes last."""
    paths = (*sorted((PAGE / "assets").iterdir()), PAGE / "licenses.md", PAGE / "index.html")
    return {path.relative_to(PAGE).as_posix(): path.read_bytes() for path in paths}


def _both(page: Manifest) -> dict[str, tuple[str, ...]]:
    """Returns what each file may be: as it was exported, or as it is exported now."""
    current = {name: (_digest(contents),) for name, contents in _current().items()}
    names = {**page.files, **current}
    return {name: (*page.files.get(name, ()), *current.get(name, ())) for name in names}


def _digest(contents: bytes) -> str:
    return hashlib.sha256(contents).hexdigest()


def _is_older_export(export_dir: str, visible: list[str]) -> bool:
    """Says whether an export of before there were manifests wrote a page here."""
    if not {"index.html", "models.json", "models", "assets"} <= set(visible):
        return False
    paths = [model["path"] for model in read_list(export_dir)]
    return any(is_version(posixpath.join(export_dir, path)) for path in paths if "://" not in path)
