"""Identifies data by the contents of its files, never by their names, places or times.

Digests of many gigabytes are cached in a folder, keyed by each file's size, inode, mtime and ctime:
overwriting a file always changes its ctime, even with `cp -p`. Files that changed less than two
seconds ago are not cached, since a second change might go unnoticed; nor are files without a ctime
(Windows). Remote files (`gs://…`) are identified by path, size and the storage's own time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from tfrecords.common import paths
from tfrecords.common.errors import UserError
from tfrecords.common.files import write_file
from tfrecords.common.paths import is_remote, load_gfile
from tfrecords.format.dataset_info import DatasetInfo
from tfrecords.format.dataset_json import is_digest, read_details
from tfrecords.format.record_file import RecordFile
from tfrecords.pictures.source import OneHot, PictureOptions, Source, SourceFile, hash_rows

_BLOCK_BYTES = 2**22
_SETTLED_NANOSECONDS = 2 * 10**9
_FILES_AT_A_TIME = 64  # per thread
_READ_QUICKLY_BYTES = 2**27
_FOLDER = ".sha256"
_UNREADABLE = "unreadable"


@dataclass(frozen=True)
class DataIdentity:
    """Digests of a dataset's contents, 64 hexadecimal digits each, or empty if unknown."""

    files: str = ""  # of the TFRecords, ordered by resolution and number
    labels: str = ""  # of the file of labels; also empty if labels are not used
    pictures: str = ""  # of the largest pictures, with their labels if used, in any order

    def __post_init__(self) -> None:
        for value in astuple(self):
            if value != "" and not is_digest(value):
                raise ValueError(f"data: expected 64 hexadecimal digits, got {value!r:.40}")

    def same_in_another_order(self, other: DataIdentity) -> bool:
        """Returns whether both have the same pictures and labels, in any order."""
        return bool(self.pictures) and self.pictures == other.pictures


def identify(info: DatasetInfo, resolution: int, memory: str, *, with_labels: bool) -> DataIdentity:
    """Returns the identity of the pictures up to a resolution, and of labels if used."""
    details = read_details(info.folder)
    known = {entry["file"]: entry.get("sha256", "") for entry in details.get("files", ())}
    content = details.get("content")
    which = "labelled" if with_labels else "pictures"
    pictures = content.get(which) if isinstance(content, dict) else None

    def digest(files: list[str]) -> str:
        digests = [known.get(path.rsplit("/", 1)[1], "") for path in files]
        return _combine(digests) if all(digests) else digest_files(files, memory)

    return DataIdentity(
        digest([path for side, some in info.files.items() if side <= resolution for path in some]),
        digest([info.labels_path]) if with_labels and info.labels_path else "",
        pictures if is_digest(pictures) else "",
    )


def in_words(info: DatasetInfo) -> str:
    """Describes a dataset for people: `name, 12 pictures`."""
    return f"{paths.dataset_name(info.folder)}, {info.num_images} pictures"


def compute_fingerprint(
    source: Source, options: PictureOptions, memory: str | None = None, *, quickly: bool = False
) -> str:
    """Hashes pictures' bytes and order, labels, and final options into 16 hexadecimal digits.

    `quickly` writes nothing to the folder `memory`, and returns "" if the digest of the pictures is
    not cached there and they are too many to read at once.
    """
    local = []
    num_bytes = 0
    identity: list[Any] = []  # everything that counts besides the bytes of local files
    for one in source.identity:
        if not isinstance(one, SourceFile):
            identity.append(one)
        elif is_remote(one.path):
            identity.append(astuple(one))
        else:
            identity.append("file")
            local.append(one.path)
            num_bytes += one.size
    labels = None if source.labels is None else hash_rows(source.labels)
    files = ""
    if quickly and memory and (key := _key(local)):
        files = _recall(memory, key)
    if not files:
        if quickly and num_bytes > _READ_QUICKLY_BYTES:
            return ""
        files = digest_files(local, None if quickly else memory, skip_unreadable=True)
    values = [identity, files, options.to_json(), list(source.label_names), labels]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def digest_files(
    files: Sequence[str], memory: str | None = None, *, skip_unreadable: bool = False
) -> str:
    """Returns one SHA-256 for local or remote files, in order, cached in the folder `memory`."""
    key = _key(files) if memory else None
    if not memory or not key:
        return _combine(_read_all(files, skip_unreadable))
    if known := _recall(memory, key):
        return known
    digests = _read_all(files, skip_unreadable)
    combined = _combine(digests)
    # Does not cache digests of files that changed while they were read.
    if _UNREADABLE not in digests and key == _key(files):
        # If the cache can't be written, the next start is slower, and nothing else.
        with contextlib.suppress(Exception):
            folder = paths.join(memory, _FOLDER)
            load_gfile().makedirs(folder) if is_remote(folder) else os.makedirs(
                folder, exist_ok=True
            )
            write_file(_entry(memory, key), (json.dumps({"sha256": combined}) + "\n").encode())
    return combined


def _recall(memory: str, key: str) -> str:
    """Returns the digest that `digest_files` has cached for a key, or ""."""
    with contextlib.suppress(UserError, ValueError, LookupError, TypeError, RecursionError):
        if is_digest(found := json.loads(paths.read_bytes(_entry(memory, key), 1000))["sha256"]):
            return found
    return ""


def _entry(memory: str, key: str) -> str:
    return paths.join(paths.join(memory, _FOLDER), f"{key}.json")


def digest_in_any_order(files: Sequence[str], labels: OneHot | np.ndarray | None) -> dict[str, str]:
    """Returns digests that ignore the order: `pictures`, and `labelled` with the labels.

    They are sums of the records' SHA-256, 64 hexadecimal digits, and no protection from forgery.
    Takes local TFRecords of one resolution, in order, and (records, label_size) float32.
    """
    pictures = labelled = number = 0
    for path in files:
        file = RecordFile(path)
        for index in range(len(file)):
            digest = hashlib.sha256(file.read(index))
            pictures += int.from_bytes(digest.digest())
            if labels is not None:
                digest.update(labels[number].tobytes())
            labelled += int.from_bytes(digest.digest())
            number += 1
        file.close()
    return {"pictures": f"{pictures % 2**256:064x}", "labelled": f"{labelled % 2**256:064x}"}


def _combine(digests: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _read_all(files: Sequence[str], skip_unreadable: bool) -> list[str]:
    lock = threading.Lock()

    def digest_file(path: str) -> str:
        digest = hashlib.sha256()
        try:
            with paths.open_file(path) as file:
                while block := file.read(_BLOCK_BYTES):
                    digest.update(block)
                    with lock:
                        bar.update(len(block))
        except UserError:
            if skip_unreadable:
                return _UNREADABLE
            raise
        return digest.hexdigest()

    def digest_some(start: int) -> list[str]:
        return [digest_file(path) for path in files[start : start + _FILES_AT_A_TIME]]

    starts = range(0, len(files), _FILES_AT_A_TIME)
    with (
        tqdm(desc="Reading the data once", unit="B", unit_scale=True, disable=None) as bar,
        ThreadPoolExecutor(8) as pool,
    ):
        return [digest for some in pool.map(digest_some, starts) for digest in some]


def _key(files: Sequence[str]) -> str | None:
    """Returns a key that changes whenever a file does, or None if none is certain to."""
    newest = time.time_ns() - _SETTLED_NANOSECONDS
    rows: list[list[int | str]] = []
    try:
        for path in files:
            if is_remote(path):
                status = load_gfile().stat(path)
                rows.append([path, status.length, status.mtime_nsec])
                continue
            found = os.stat(path)
            if os.name == "nt" or max(found.st_mtime_ns, found.st_ctime_ns) > newest:
                return None
            rows.append([found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns])
    except Exception:  # a missing file is reported when it is read
        return None
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()
