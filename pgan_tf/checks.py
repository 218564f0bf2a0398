"""Checks of settings, with errors for people."""

from __future__ import annotations

from typing import Any

from tfrecords.errors import UserError


def require(condition: bool, argument: str, expected: str, got: Any) -> None:
    """Raises a UserError that names the argument, unless the condition holds."""
    if not condition:
        raise UserError(f"{argument}: expected {expected}, got {got!r}")
