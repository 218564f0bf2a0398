"""Ends a command whose output is piped into a program that has ended, such as `head`."""

import contextlib
import os
import sys
from collections.abc import Iterator

_STATUS = 141  # 128 + SIGPIPE


@contextlib.contextmanager
def quiet_if_unread() -> Iterator[None]:
    """Exits without a traceback if nobody reads stdout to its end, as in `--help | head`."""
    try:
        yield
        print(end="", flush=True)
    except BrokenPipeError:
        try:
            print(flush=True)
        except BrokenPipeError:
            # Python would try once more, and fail, when it exits.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(_STATUS)
        raise  # it was another pipe
