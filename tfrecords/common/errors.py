"""Exceptions whose messages are for the user."""

import re

# Control characters except newline, bytes that are not UTF-8, and marks that reverse text.
_NOT_SHOWN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\uffff]"
)
_LONGEST = 2000  # characters in a message, enough for a few very long paths


def escape(char: str) -> str:
    r"""Returns a character as ASCII; `\x…` for a byte that is not UTF-8, U+DC80… in Python."""
    return ascii(char)[1:-1].replace("\\udc", "\\x")


class UserError(ValueError):
    """An error that the user can fix. Commands print it without a traceback and exit with 2.

    The message is one line: what is wrong, what was expected, what came, what to do. It may quote
    hostile files, so terminal control characters are escaped. Very long messages lose their middle.
    """

    def __init__(self, message: str = "") -> None:
        message = _NOT_SHOWN.sub(lambda found: escape(found[0]), message)
        if len(message) > _LONGEST:
            message = f"{message[: _LONGEST // 2]} … {message[-_LONGEST // 2 + 3 :]}"
        super().__init__(message)


class StoppedError(Exception):
    """A command was asked to stop and has saved its work. It prints this, exits with `status`."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
