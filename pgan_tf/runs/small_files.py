"""Reads small files of a run folder or an export, which may hold anything. No TensorFlow."""

import json
from typing import Any

from tfrecords.common.errors import UserError
from tfrecords.common.paths import read_whole

# Objects in memory are twenty times as large as the least text that makes them.
_MOST_JSON_BYTES = 2**24


def read_text(path: str, most_bytes: int = _MOST_JSON_BYTES) -> str:
    """Reads text in UTF-8. Raises UserError if it is none, and as `read_whole` does."""
    try:
        return read_whole(path, most_bytes).decode()
    except UnicodeDecodeError as error:
        words = f"expected text in UTF-8, got another byte at {error.start}"
        raise UserError(f"{path}: {words}: put back the file that was written there") from None


def read_json(path: str) -> Any:
    """Reads JSON. Raises UserError if it is none, and as `read_text` does."""
    text = read_text(path)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: expected JSON, got {error}") from None


def is_number(value: Any) -> bool:
    """True for a finite number of JSON; False for bools, NaN, infinity and the rest."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e100


def is_count(value: Any) -> bool:
    """True for a whole number of images, steps or pixels in JSON."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53
