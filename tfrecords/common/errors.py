"""The exceptions that are meant for the person at the keyboard."""

import re

# Control characters except the newline, bytes that are not UTF-8, and what reverses text.
_NOT_SHOWN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\uffff]"
)
_LONGEST = 2000  # characters of a message: room for a few of the longest paths


def escape(char: str) -> str:
    r"""Returns a character as ASCII; `\x…` for a byte of a name that is not UTF-8.

    Python keeps such bytes as lone surrogates, U+DC80 to U+DCFF.
    """
    return ascii(char)[1:-1].replace("\\udc", "\\x")


class UserError(ValueError):
    """Something the user can fix: a wrong flag, a missing folder, a bad picture.

    The message is one line: what is wrong, what was expected, what came, what to do. Commands
    print it without a traceback and exit with status 2. It may quote hostile files: whatever
    steers a terminal is escaped, and the middle of a very long message is cut out.
    """

    def __init__(self, message: str = "") -> None:
        message = _NOT_SHOWN.sub(lambda found: escape(found[0]), message)
        if len(message) > _LONGEST:
            message = f"{message[: _LONGEST // 2]} … {message[-_LONGEST // 2 + 3 :]}"
        super().__init__(message)


class StoppedError(Exception):
    """A command was asked to stop and saved its work.

    Commands print the message without a traceback and exit with `status`.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
