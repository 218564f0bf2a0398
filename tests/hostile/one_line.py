"""What hostile files must come to."""

import time
import tracemalloc

import pytest

from tfrecords.common.errors import UserError

SECONDS, BYTES = 10.0, 64 * 2**20


def assert_one_line(read, *args, words=""):
    """Reading raises one printable line, soon, and without much memory."""
    started = time.monotonic()
    tracemalloc.start()
    try:
        with pytest.raises(UserError) as caught:
            read(*args)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    assert message.isprintable(), message
    assert len(message) < 1000
    assert words in message, message
    assert peak < BYTES, f"{peak / 2**20:.0f} MiB"
    assert time.monotonic() - started < SECONDS
