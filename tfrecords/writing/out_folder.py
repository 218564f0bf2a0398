"""Checks the output folder and its disk space, and uploads it if it is remote."""

import hashlib
import os
import shutil
import tempfile

from tfrecords.common import paths
from tfrecords.common.errors import UserError
from tfrecords.common.paths import is_remote, load_gfile, writing
from tfrecords.common.text import as_text, is_text, size_in_words
from tfrecords.format.dataset_json import JOURNAL_NAME, JSON_NAME
from tfrecords.pictures.images import resolutions
from tfrecords.pictures.source import PictureOptions


def normalize(out_dir: str) -> str:
    """Returns a folder's absolute path without a trailing slash."""
    if not out_dir:
        raise UserError("out: expected a folder to make, got an empty name")
    if not is_text(out_dir):  # TensorFlow could not open its files
        raise UserError(f"{as_text(out_dir)}: expected a name in UTF-8: choose another name")
    return out_dir.rstrip("/") if is_remote(out_dir) else os.path.abspath(out_dir)


def check_out_dir(out_dir: str) -> None:
    """Raises UserError for a file or a folder that is not empty. Call it before long downloads."""
    normalize(out_dir)
    if not paths.exists(out_dir) and not os.path.islink(out_dir):
        return
    if not paths.is_folder(out_dir):
        raise UserError(f"{out_dir}: expected a folder to make, found a file: choose another name")
    if paths.list_names(out_dir):
        advice = "remove it or choose another name"
        raise UserError(f"{out_dir}: expected a new or empty folder, it holds files: {advice}")


def record_bytes(options: PictureOptions) -> int:
    """Returns an upper bound, in bytes, for a picture's raw records, with 64 for each frame."""
    pixel = options.num_channels * options.depth // 8
    numbers = (options.cells.pixels(one) for one in resolutions(options.largest))
    return sum(pixel * pixels + 64 for pixels in numbers)


def estimate_bytes(num_pictures: int, options: PictureOptions, encoding: str) -> int:
    """Estimates the size of a dataset's TFRecords in bytes."""
    size: float = record_bytes(options)
    if encoding == "png":  # for photographs, with headers
        size = 0.7 * size + 100 * len(resolutions(options.largest))
    return round(num_pictures * size)


def check_free_disk(needed: int, out_dir: str, partial: str) -> None:
    """Raises UserError if there is no room for `needed` bytes, minus those already in `partial`."""
    if os.path.isdir(partial):
        needed -= sum(entry.stat().st_size for entry in os.scandir(partial))
    folder = out_dir
    while not os.path.exists(folder):
        folder = os.path.dirname(folder)
    disk = shutil.disk_usage(folder)
    if disk.free < needed and disk.total:  # total is 0 if it is not a disk, such as /proc
        wanted, got = size_in_words(needed), size_in_words(disk.free)
        advice = "make room or choose a lower resolution"
        raise UserError(f"{out_dir}: expected {wanted} of free disk, got {got}: {advice}")


def staging_folder(out_dir: str) -> str:
    """Returns the fixed local folder where a remote dataset is made before its upload."""
    user = os.getuid() if hasattr(os, "getuid") else 0  # on Windows, TMPDIR is per user
    digest = hashlib.sha256(out_dir.encode()).hexdigest()[:16]
    return os.path.join(tempfile.gettempdir(), f"pgan-tf-{user}-{digest}", "dataset")


def upload(staged: str, out_dir: str) -> None:
    """Copies a finished dataset to its remote folder, then removes the local one."""
    files = load_gfile()
    names = sorted(os.listdir(staged), key=lambda name: (name == JSON_NAME, name))
    with writing(out_dir, "; the same command resumes"):
        files.makedirs(out_dir)
        with files.GFile(f"{out_dir}/{JOURNAL_NAME}", "w") as journal:
            journal.write("{}\n")  # marks the dataset as unfinished until all files are there
        for name in names:
            files.copy(os.path.join(staged, name), f"{out_dir}/{name}", overwrite=True)
        files.remove(f"{out_dir}/{JOURNAL_NAME}")
    shutil.rmtree(os.path.dirname(staged))
