"""The one exception that is meant for the person at the keyboard."""


class UserError(ValueError):
    """Something the user can mend: a wrong flag, a missing folder, a bad picture.

    The message is one line that says what, what was expected, what came instead
    and what to do. Commands print it without a traceback and exit with status 2.
    """
