"""Reads small files of run folders and exports without trusting them. No TensorFlow."""

import json
from typing import Any

from tfrecords.common.errors import UserError
from tfrecords.common.paths import read_whole

# Parsed JSON may take twenty times the memory of its text.
_MOST_JSON_BYTES = 2**24


def read_text(path: str, most_bytes: int = _MOST_JSON_BYTES) -> str:
    """Reads UTF-8 text. Raises UserError if it is not UTF-8, and as `read_whole` does."""
    try:
        return read_whole(path, most_bytes).decode()
    except UnicodeDecodeError as error:
        message = f"expected text in UTF-8, got another byte at {error.start}"
        raise UserError(f"{path}: {message}: put back the file that was written there") from None


def read_json(path: str) -> Any:
    """Reads JSON. Raises UserError if it is not JSON, and as `read_text` does."""
    text = read_text(path)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: expected JSON, got {error}") from None


def is_number(value: Any) -> bool:
    """Returns whether a JSON value is a finite number; bools, NaN and infinity are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e100


def is_count(value: Any) -> bool:
    """Returns whether a JSON value is a whole number that can count images, steps or pixels."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53
