"""Which data a run is trained on, by what they hold: never by names, places or times."""

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
    """What a dataset's files hold; 64 hexadecimal digits each, or empty where it is unknown.

    Attributes:
        files: of the TFRecords, in order of their resolution and number.
        labels: of the file of labels; empty where they are not used, too.
        pictures: of the largest pictures, with their labels where they are used, in any order.
    """

    files: str = ""
    labels: str = ""
    pictures: str = ""

    def __post_init__(self) -> None:
        for value in (self.files, self.labels, self.pictures):
            if value != "" and not is_digest(value):
                raise ValueError(f"data: expected 64 hexadecimal digits, got {value!r:.40}")

    def same_in_another_order(self, other: DataIdentity) -> bool:
        """Says whether both hold the same pictures, and labels, whatever their order."""
        return bool(self.pictures) and self.pictures == other.pictures


def identify(info: DatasetInfo, resolution: int, memory: str, *, with_labels: bool) -> DataIdentity:
    """Says which data these are.

    It is in `dataset.json`; where that is not there, or tells nothing of the files, these are
    read, once.

    Args:
        info: the dataset.
        resolution: the largest that counts, in pixels.
        memory: see `content.digest_files`.
        with_labels: whether labels are used.

    Raises:
        UserError: a file cannot be read.
    """
    details = _read_details(info.folder)
    entries = [one for one in details.get("files", ()) if isinstance(one, dict)]
    known = {one.get("file"): one.get("sha256") for one in entries}
    content = details.get("content")
    content = content if isinstance(content, dict) else {}
    pictures = content.get("labelled" if with_labels else "pictures")
    records = [
        path for side, its_paths in info.files.items() if side <= resolution for path in its_paths
    ]
    labels = [info.labels_path] if with_labels and info.labels_path else []
    return DataIdentity(
        _combine_known(records, known) or digest_files(records, memory),
        (_combine_known(labels, known) or digest_files(labels, memory)) if labels else "",
        pictures if is_digest(pictures) else "",
    )


def in_words(info: DatasetInfo) -> str:
    """Returns what people call a dataset: `name, 12 pictures`."""
    return f"{paths.dataset_name(info.folder)}, {info.num_images} pictures"


def _combine_known(files: list[str], known: dict[Any, Any]) -> str:
    found = (known.get(path.rsplit("/", 1)[1]) for path in files)
    digests = [digest for digest in found if is_digest(digest)]
    return combine(digests) if len(digests) == len(files) else ""


def _read_details(folder: str) -> dict[str, Any]:
    path = paths.join(folder, JSON_NAME)
    return read_details_file(path) if paths.exists(path) else {}


def compute_fingerprint(source: Source, options: PictureOptions, memory: str | None = None) -> str:
    """Hashes what decides a dataset into 16 hexadecimal digits.

    Names, places and times of files make no difference, their bytes and their order do.

    Args:
        source: its identity and labels count.
        options: settled.
        memory: see `digest_files`; it saves reading all files again.
    """
    labels = None if source.labels is None else hash_rows(source.labels)
    local = [
        one.path
        for one in source.identity
        if isinstance(one, SourceFile) and not is_remote(one.path)
    ]
    files = digest_files(local, memory, skip_unreadable=True)
    identity = [_without_content(one) for one in source.identity]
    values = [identity, files, options.to_json(), list(source.label_names), labels]
    text = json.dumps(values, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _without_content(value: Any) -> Any:
    """Returns what a part of an identity adds to the bytes of local files."""
    if not isinstance(value, SourceFile):
        return value
    return [value.path, value.size, value.time] if is_remote(value.path) else "file"
