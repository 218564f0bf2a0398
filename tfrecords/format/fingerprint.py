"""What decides a dataset, before it is made: the pictures' bytes, their labels, the options."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tfrecords.common.paths import is_remote
from tfrecords.format.content import digest_files
from tfrecords.pictures.source import PictureOptions, Source, SourceFile, hash_rows


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
