"""Reads small files of a run folder or an export, which may hold anything."""

from __future__ import annotations

import json
from typing import Any

from tfrecords.common.errors import UserError
from tfrecords.common.paths import read_whole

# No sheet of samples comes near it.
_MOST_BYTES = 2**28
# Objects in memory are twenty times as large as the least text that makes them.
_MOST_JSON_BYTES = 2**24


def read_file(path: str, most_bytes: int = _MOST_BYTES) -> bytes:
    """Reads a file, local or remote.

    Raises:
        UserError: it can't be read, is no file but a folder or a pipe, or too large.
    """
    return read_whole(path, most_bytes)


def read_text(path: str, most_bytes: int = _MOST_BYTES) -> str:
    """Reads a text in UTF-8; see `read_file`."""
    try:
        return read_file(path, most_bytes).decode()
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: expected text in UTF-8, got another byte at {error.start}: put back the file "
            f"that train.py wrote"
        ) from None


def read_json(path: str, most_bytes: int = _MOST_JSON_BYTES) -> Any:
    """Reads a file of JSON; see `read_file`.

    Raises:
        UserError: it is none, or as `read_file` does.
    """
    try:
        return json.loads(read_file(path, most_bytes))
    except UserError:
        raise
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: expected JSON, got {error}") from None


def is_number(value: Any) -> bool:
    """Says whether a value of JSON is a number to reckon with: no bool, NaN or infinity."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e100


def is_count(value: Any) -> bool:
    """Says whether a value of JSON is a whole number of images, steps or pixels."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53
