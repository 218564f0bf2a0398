"""`dataset.json`, which tells what a dataset folder holds and what it was made of.

It holds:

    version, name, encoding, num_images, num_rejected, num_channels, resolutions,
    label_names, label_counts       of the pictures
    options, source, fingerprint    what they were made of, and how
    content                         pictures, labelled: see `identity.digest_in_any_order`; not
                                    in those of earlier versions
    files                           of each file: file, resolution, records, bytes, sha256;
                                    for the labels: file, bytes, sha256
"""

import json
import re
from typing import Any

from tfrecords.common.errors import UserError
from tfrecords.common.paths import read_whole
from tfrecords.common.text import is_file_name, is_text

JSON_NAME = "dataset.json"
JOURNAL_NAME = "journal.jsonl"  # of a conversion that has not ended; see `writing.journal`
REJECTED_NAME = "rejected.jsonl"
JSON_VERSION = 2

_MOST_BYTES = 2**25
_MOST_PICTURES = 2**48
_NEEDED = ("name", "num_images", "label_names", "files")


def read_details_file(path: str) -> dict[str, Any]:
    """Reads a local or remote `dataset.json`, and checks all that is made use of.

    Raises UserError if it is none, or of a newer version, or what it tells makes no sense.
    """
    text = read_whole(path, _MOST_BYTES)
    try:
        details = json.loads(text)
        version = details["version"]
        if _is_number(version) and version <= JSON_VERSION:
            _check_values(details, version)
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        reason = " ".join(f"{error!r:.200}".split())
        raise UserError(
            f"{path}: expected JSON of a dataset, got {reason}: make the dataset again"
        ) from error
    # Version 1 told nothing of the files.
    if not _is_number(version) or version not in (1, JSON_VERSION):
        raise UserError(
            f"{path}: expected version {JSON_VERSION}, got {version!r:.40}: "
            "make the dataset again, or use a newer pgan-tf"
        )
    return details


def _check_values(details: dict[str, Any], version: int) -> None:
    """Raises LookupError or TypeError for a value that is missing, or not what it should be."""
    if version == JSON_VERSION:
        for name in _NEEDED:
            details[name]
    names, counts = details.get("label_names", []), details.get("label_counts", [])
    checks = {
        "name": is_file_name,
        "encoding": lambda value: value in ("png", "raw"),
        "num_images": _is_number,
        "num_rejected": _is_number,
        "num_channels": lambda value: _is_number(value) and value in (1, 3),
        "resolutions": lambda value: _is_list(value, _is_resolution),
        "label_names": lambda value: _is_list(value, is_text) and len(set(value)) == len(value),
        "label_counts": lambda value: _is_list(value, _is_number),
        "options": lambda value: isinstance(value, dict),
        "source": is_text,
        "fingerprint": is_text,
        "files": lambda value: _is_list(value, _is_entry),
    }
    for name, is_right in checks.items():
        if name in details and not is_right(details[name]):
            raise TypeError(f"{name}: {details[name]!r:.40}")
    if names and counts and len(names) != len(counts):
        raise TypeError(f"label_counts: {len(counts)} for {len(names)} classes")
    files = [entry["file"] for entry in details.get("files", [])]
    if len(set(files)) < len(files):
        raise TypeError("files: one is named twice")


def _is_list(value: Any, is_right: Any) -> bool:
    return isinstance(value, list) and all(map(is_right, value))


def _is_number(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MOST_PICTURES


def _is_resolution(value: Any) -> bool:
    return type(value) is int and value in [2**power for power in range(2, 11)]


def _is_entry(entry: Any) -> bool:
    """True for what tells of a file: TFRecords, which have a resolution, or another."""
    if not isinstance(entry, dict):
        return False
    is_records = "resolution" in entry
    return (
        is_file_name(entry.get("file"))
        and _is_number(entry.get("bytes"))
        and (not is_records or _is_resolution(entry["resolution"]))
        and (not is_records or _is_number(entry.get("records")))
        and ("sha256" not in entry or bool(re.fullmatch("[0-9a-f]{64}", str(entry["sha256"]))))
    )
