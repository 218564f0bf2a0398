"""The exceptions that are meant for the person at the keyboard."""

import re

# Characters of a message: room for a few paths of the greatest length.
_LONGEST = 2000


# Control characters but the end of a line, bytes that are no UTF-8, and what turns text around.
_NOT_SHOWN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\uffff]"
)


def _escape(found: re.Match[str]) -> str:
    return ascii(found[0])[1:-1].replace("\\udc", "\\x")


class UserError(ValueError):
    """Something the user can mend: a wrong flag, a missing folder, a bad picture.

    The message is one line that says what, what was expected, what came instead
    and what to do. Commands print it without a traceback and exit with status 2.
    What files put into a message is made fit to be shown, whoever wrote it: what steers a terminal
    is escaped, and of a very long one, with a name of a megabyte, the middle is left out.
    """

    def __init__(self, message: str = "") -> None:
        message = _NOT_SHOWN.sub(_escape, message)
        if len(message) > _LONGEST:
            message = f"{message[: _LONGEST // 2]} … {message[-_LONGEST // 2 + 3 :]}"
        super().__init__(message)


class StoppedError(Exception):
    """A command that ended early because it was asked to, with its work saved.

    Commands print the message without a traceback and exit with `status`.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
