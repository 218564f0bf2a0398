"""What files hold, as SHA-256, whatever their names, places and times are.

Reading hundreds of gigabytes at each start would take hours, so digests are remembered in a
folder that is only a cache: without it all is read again. An entry is found again by each file's
size, inode and both its times. The time of the last change of the *inode* (ctime) is the
system's own: `touch`, `cp -p` and `rsync -a`, which set the other one at will, move it on, and so
does everything else that replaces or overwrites a file. What was changed less than two seconds
before is not remembered, as another change in the same moment could not be told from it; nor is
anything where there is no such time (Windows). Remote files (`gs://…`) have none either: there
it is the path, the size, and the time of writing, which the storage sets and nobody else can.
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
from typing import TypeGuard

import numpy as np
from tqdm import tqdm

from tfrecords.common import paths
from tfrecords.common.errors import UserError
from tfrecords.common.files import write_file
from tfrecords.common.paths import is_remote, load_gfile
from tfrecords.format.record_file import RecordFile
from tfrecords.pictures.source import OneHot

_BLOCK_BYTES = 2**22
_SETTLED_NANOSECONDS = 2 * 10**9
_FILES_AT_A_TIME = 64  # read by a thread before it says how far it is
_FOLDER = ".sha256"
_UNREADABLE = "unreadable"


def combine(digests: Iterable[str]) -> str:
    """Returns one SHA-256 for those of several files, in order; 64 hexadecimal digits."""
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def digest_files(
    files: Sequence[str], memory: str | None = None, *, skip_unreadable: bool = False
) -> str:
    """Returns `combine` of the SHA-256 of files, local or remote; shows a bar if that takes long.

    `memory` is a folder to remember it in, such as the cache of datasets; None reads always.
    Raises UserError for a file that cannot be read, unless those are to be skipped.
    """
    key = _key(files) if memory else None
    place = paths.join(paths.join(memory, _FOLDER), f"{key}.json") if memory and key else None
    if place and (found := _recall(place)):
        return found
    digests = _read_all(files, skip_unreadable)
    found = combine(digests)
    # Not of files that changed while they were read.
    if place and _UNREADABLE not in digests and key == _key(files):
        _remember(place, found)
    return found


def digest_in_any_order(files: Sequence[str], labels: OneHot | np.ndarray | None) -> dict[str, str]:
    """Returns digests that are the same for the same pictures in whatever order.

    They are sums of the records' SHA-256, which tell accidents from each other and need no
    memory; who wants to forge a dataset has easier ways.

    Takes local TFRecords of one resolution, in order, and (records, label_size) float32. Returns
    64 hexadecimal digits each: `pictures`, and `labelled`, for which labels count too.
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


def is_digest(value: object) -> TypeGuard[str]:
    """True for 64 hexadecimal digits."""
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


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
    """Returns what tells files as they are now from any others; None if nothing surely does."""
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
    except Exception:  # it is gone; whoever reads it says so
        return None
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _recall(place: str) -> str | None:
    with contextlib.suppress(UserError, ValueError, LookupError, TypeError, RecursionError):
        found = json.loads(paths.read_bytes(place, 1000))["sha256"]
        return found if is_digest(found) else None
    return None


def _remember(place: str, digest: str) -> None:
    # A folder that cannot be written, or a full disk, only makes the next start slower.
    with contextlib.suppress(Exception):
        folder = os.path.dirname(place)
        load_gfile().makedirs(folder) if is_remote(place) else os.makedirs(folder, exist_ok=True)
        write_file(place, (json.dumps({"sha256": digest}) + "\n").encode())
