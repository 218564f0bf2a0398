"""The folder that a data set is made in: whether it can be, and how it gets there."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile

from tfrecords.common.errors import UserError
from tfrecords.common.names import as_text, is_text
from tfrecords.common.paths import is_remote, load_gfile
from tfrecords.format.dataset_json import JOURNAL_NAME, JSON_NAME


def normalize(out_dir: str) -> str:
    """Returns a folder's whole path, without a slash at its end.

    Raises:
        UserError: its name is no text: TensorFlow could not open what is in it.
    """
    if not is_text(out_dir):
        raise UserError(f"{as_text(out_dir)}: expected a name in UTF-8: take another name")
    return out_dir.rstrip("/") if is_remote(out_dir) else os.path.abspath(out_dir)


def check_out_dir(out_dir: str) -> None:
    """Checks that a data set folder can be made, worth knowing before a long download.

    Raises:
        UserError: it is a file, or a folder that is not empty.
    """
    if not out_dir:
        raise UserError("out: expected a folder to make, got an empty name")
    normalize(out_dir)
    if is_remote(out_dir):
        files = load_gfile()
        exists, isdir, listdir = files.exists, files.isdir, files.listdir
    else:
        exists, isdir, listdir = os.path.lexists, os.path.isdir, os.listdir
    if not exists(out_dir):
        return
    if not isdir(out_dir):
        raise UserError(f"{out_dir}: expected a folder to make, found a file: take another name")
    if listdir(out_dir):
        raise UserError(
            f"{out_dir}: expected a new or empty folder, it holds files: "
            "remove it or take another name"
        )


def staging_folder(out_dir: str) -> str:
    """Returns the local folder, always the same, where a remote one is made."""
    user = os.getuid() if hasattr(os, "getuid") else 0  # Windows gives each its own folder
    digest = hashlib.sha256(out_dir.encode()).hexdigest()[:16]
    return os.path.join(tempfile.gettempdir(), f"pgan-tf-{user}-{digest}", "dataset")


def upload(staged: str, out_dir: str) -> None:
    """Copies a finished data set to its remote folder and removes the local one.

    A journal comes first and `dataset.json` last: in between the folder is no data set.

    Raises:
        UserError: the folder cannot be written; the local one is kept.
    """
    files = load_gfile()
    names = sorted(os.listdir(staged), key=lambda name: (name == JSON_NAME, name))
    try:
        files.makedirs(out_dir)
        with files.GFile(f"{out_dir}/{JOURNAL_NAME}", "w") as journal:
            journal.write("{}\n")
        for name in names:
            files.copy(os.path.join(staged, name), f"{out_dir}/{name}", overwrite=True)
        files.remove(f"{out_dir}/{JOURNAL_NAME}")
    except Exception as error:  # TensorFlow's errors differ from file system to file system
        reason = getattr(error, "message", None) or str(error)
        raise UserError(
            f"{out_dir}: cannot be written: {reason}: give the same command again to go on"
        ) from error
    shutil.rmtree(os.path.dirname(staged))
