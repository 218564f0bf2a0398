"""The exceptions that are meant for the person at the keyboard."""


class UserError(ValueError):
    """Something the user can mend: a wrong flag, a missing folder, a bad picture.

    The message is one line that says what, what was expected, what came instead
    and what to do. Commands print it without a traceback and exit with status 2.
    """


class StoppedError(Exception):
    """A command that ended early because it was asked to, with its work saved.

    Commands print the message without a traceback and exit with `status`.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
