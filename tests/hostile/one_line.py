"""What hostile files must come to."""

import time
import tracemalloc

import pytest

from tfrecords.common.errors import UserError


def assert_one_line(read, *args, words="", error=UserError):
    """Reading raises one printable line, within 10 seconds and 64 MiB."""
    started = time.monotonic()
    tracemalloc.start()
    try:
        with pytest.raises(error) as caught:
            read(*args)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    assert message.isprintable(), message
    assert len(message) < 1000
    assert words in message, message
    assert peak < 2**26, f"{peak / 2**20:.0f} MiB"
    assert time.monotonic() - started < 10
