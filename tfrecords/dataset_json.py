"""`dataset.json`, which tells what a dataset folder holds and what it was made of.

It holds:

    version, name, encoding, num_images, num_rejected, num_channels, resolutions,
    label_names, label_counts       of the pictures
    options, source, fingerprint    what they were made of, and how
    content                         pictures, labelled: see `content.digest_in_any_order`; not
                                    in those of earlier versions
    files                           of each file: file, resolution, records, bytes, sha256;
                                    for the labels: file, bytes, sha256
"""

import json
from typing import Any

from tfrecords.errors import UserError

JSON_NAME = "dataset.json"
REJECTED_NAME = "rejected.jsonl"
JSON_VERSION = 2

_TYPES = {"name": str, "num_images": int, "label_names": list, "files": list}


def parse_details(text: str | bytes, path: str) -> dict[str, Any]:
    """Reads `dataset.json`, and checks the values that reading a dataset needs.

    Args:
        text: what the file holds.
        path: what errors call it.

    Raises:
        UserError: it is none, or of a newer version.
    """
    try:
        details = json.loads(text)
        version = details["version"]
        if version == JSON_VERSION:
            _check_types(details)
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: expected JSON of a dataset, got {error!r}: make the dataset again"
        ) from error
    if version not in (1, JSON_VERSION):  # version 1 told nothing of the files
        raise UserError(
            f"{path}: expected version {JSON_VERSION}, got {version}: "
            "make the dataset again, or use a newer pgan-tf"
        )
    return details


def _check_types(details: dict[str, Any]) -> None:
    """Raises something if a value is not there, or of another type."""
    for name, kind in _TYPES.items():
        if not isinstance(details[name], kind):
            raise TypeError(f"{name}: {details[name]!r:.40}")
    for entry in details["files"]:
        numbers = [entry["bytes"], *([entry["records"]] if "resolution" in entry else [])]
        if not isinstance(entry["file"], str) or not all(isinstance(n, int) for n in numbers):
            raise TypeError(f"files: {entry!r:.40}")
