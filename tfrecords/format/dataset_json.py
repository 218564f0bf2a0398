"""`dataset.json`, which lists what a dataset folder contains and how it was made.

It holds:

    version, name, encoding, num_images, num_rejected, num_channels, resolutions,
    depth                           bits per channel; left out for 8
    label_names, label_counts       of the pictures
    options, source, fingerprint    what they were made from, and how
    content                         pictures, labelled: `digest_in_any_order`; not in old files
    files                           for each: file, resolution and records (TFRecords), bytes,
                                    sha256
"""

import json
from typing import Any, TypeGuard

from tfrecords.common import paths
from tfrecords.common.bounds import RESOLUTIONS, Bounds
from tfrecords.common.errors import UserError
from tfrecords.common.text import is_file_name, is_text

JSON_NAME = "dataset.json"
JOURNAL_NAME = "journal.jsonl"  # of an unfinished conversion; see `writing.journal`
REJECTED_NAME = "rejected.jsonl"
JSON_VERSION = 2

_MOST_BYTES, _MOST_CHANNELS = 2**25, 64
_is_number = Bounds(0, 2**48, whole=True).__contains__  # a number of pictures or bytes
_is_resolution = RESOLUTIONS.__contains__


def read_details(folder: str) -> dict[str, Any]:
    """Reads a folder's `dataset.json`, empty if missing. UserError if damaged or too new."""
    path = paths.join(folder, JSON_NAME)
    if not paths.exists(path):
        return {}
    text = paths.read_whole(path, _MOST_BYTES)
    try:
        details = json.loads(text)
        version = details["version"]
        is_known = _is_number(version) and version in (1, JSON_VERSION)
        if is_known:
            _check_values(details)
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        reason = " ".join(f"{error!r:.200}".split())
        problem = f"expected JSON of a dataset, got {reason}: make the dataset again"
        raise UserError(f"{path}: {problem}") from error
    if not is_known:
        problem = f"expected version {JSON_VERSION}, got {version!r:.40}"
        raise UserError(f"{path}: {problem}: make the dataset again, or use a newer pgan-tf")
    return details


def is_digest(value: object) -> TypeGuard[str]:
    """Returns whether a value is a string of 64 hexadecimal digits."""
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


def _check_values(details: dict[str, Any]) -> None:
    """Raises LookupError or TypeError for a missing or invalid value."""
    if details["version"] == JSON_VERSION:  # version 1 did not list the files
        for name in ("name", "num_images", "label_names", "files"):
            details[name]
    checks = {
        "name": is_file_name,
        "encoding": lambda value: value in ("png", "raw"),
        "num_images": _is_number,
        "num_rejected": _is_number,
        "num_channels": lambda value: _is_number(value) and 1 <= value <= _MOST_CHANNELS,
        "depth": lambda value: _is_number(value) and value in (8, 16),
        "resolutions": lambda value: _is_list(value, _is_resolution),
        "label_names": lambda value: _is_list(value, is_text) and len(set(value)) == len(value),
        "label_counts": lambda value: _is_list(value, _is_number),
        "options": lambda value: isinstance(value, dict) and _has_range(value),
        "source": is_text,
        "fingerprint": is_text,
        "files": lambda value: _is_list(value, _is_entry),
    }
    for name, is_right in checks.items():
        if name in details and not is_right(details[name]):
            raise TypeError(f"{name}: {details[name]!r:.40}")
    names, counts = details.get("label_names"), details.get("label_counts")
    if names and counts and len(names) != len(counts):
        raise TypeError(f"label_counts: {len(counts)} for {len(names)} classes")
    files = [entry["file"] for entry in details.get("files", [])]
    if len(set(files)) < len(files):
        raise TypeError("files: one is named twice")


def _has_range(options: dict[str, Any]) -> bool:
    """Returns whether the range of numbers is one, if there is any."""
    found = options.get("value_range", [0, 1])
    is_right = _is_list(found, lambda one: type(one) in (int, float) and abs(one) < 1e38)
    return is_right and len(found) == 2 and found[0] < found[1]


def _is_list(value: Any, is_right: Any) -> bool:
    return isinstance(value, list) and all(map(is_right, value))


def _is_entry(entry: Any) -> bool:
    """Returns whether an entry describes a file: TFRecords, with a resolution, or labels."""
    if not isinstance(entry, dict) or not is_file_name(entry.get("file")):
        return False
    is_records = "resolution" in entry or entry["file"].endswith(".tfrecords")
    fits = _is_resolution(entry.get("resolution")) and _is_number(entry.get("records"))
    has_digest = "sha256" not in entry or is_digest(entry["sha256"])
    return has_digest and _is_number(entry.get("bytes")) and (fits or not is_records)
