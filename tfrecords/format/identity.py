"""Which data these are, by what they hold: never by names, places or times of files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from tfrecords.common import paths
from tfrecords.common.paths import is_remote
from tfrecords.format.content import combine, digest_files, is_digest
from tfrecords.format.dataset_info import DatasetInfo
from tfrecords.format.dataset_json import JSON_NAME, read_details_file
from tfrecords.pictures.source import PictureOptions, Source, SourceFile, hash_rows


@dataclass(frozen=True)
class DataIdentity:
    """What a dataset's files hold; 64 hexadecimal digits each, or empty where it is unknown."""

    files: str = ""  # the TFRecords, in order of their resolution and number
    labels: str = ""  # the file of labels; empty, too, where they are not used
    pictures: str = ""  # the largest pictures, with their labels if used, in any order

    def __post_init__(self) -> None:
        for value in (self.files, self.labels, self.pictures):
            if value != "" and not is_digest(value):
                raise ValueError(f"data: expected 64 hexadecimal digits, got {value!r:.40}")

    def same_in_another_order(self, other: DataIdentity) -> bool:
        """True if both hold the same pictures, and labels, whatever their order."""
        return bool(self.pictures) and self.pictures == other.pictures


def identify(info: DatasetInfo, resolution: int, memory: str, *, with_labels: bool) -> DataIdentity:
    """Returns a dataset's identity: of the pictures up to a resolution, and the labels if used.

    It is in `dataset.json`; where that is missing, or tells nothing of the files, these are read,
    once: see `content.digest_files` for `memory`. Raises UserError if one cannot be read.
    """
    path = paths.join(info.folder, JSON_NAME)
    details = read_details_file(path) if paths.exists(path) else {}
    known = {entry["file"]: entry.get("sha256") for entry in details.get("files", ())}
    content = details.get("content")
    content = content if isinstance(content, dict) else {}
    pictures = content.get("labelled" if with_labels else "pictures")

    def digest(files: list[str]) -> str:
        found = (known.get(path.rsplit("/", 1)[1]) for path in files)
        digests = [digest for digest in found if is_digest(digest)]
        return combine(digests) if len(digests) == len(files) else digest_files(files, memory)

    records = [
        path for side, its_paths in info.files.items() if side <= resolution for path in its_paths
    ]
    return DataIdentity(
        digest(records),
        digest([info.labels_path]) if with_labels and info.labels_path else "",
        pictures if is_digest(pictures) else "",
    )


def in_words(info: DatasetInfo) -> str:
    """Returns what people call a dataset: `name, 12 pictures`."""
    return f"{paths.dataset_name(info.folder)}, {info.num_images} pictures"


def compute_fingerprint(source: Source, options: PictureOptions, memory: str | None = None) -> str:
    """Hashes what decides a dataset, before it is made, into 16 hexadecimal digits.

    These are the pictures' bytes and order, the labels, and the options, which are settled. See
    `content.digest_files` for `memory`.
    """
    local = []
    identity: list[Any] = []  # what counts besides the bytes of local files
    for one in source.identity:
        if not isinstance(one, SourceFile):
            identity.append(one)
        elif is_remote(one.path):
            identity.append([one.path, one.size, one.time])
        else:
            identity.append("file")
            local.append(one.path)
    labels = None if source.labels is None else hash_rows(source.labels)
    files = digest_files(local, memory, skip_unreadable=True)
    values = [identity, files, options.to_json(), list(source.label_names), labels]
    text = json.dumps(values, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
