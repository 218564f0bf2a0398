"""What signals do to a run: the first one asks, the second one ends at once."""

import contextlib
import itertools
import os
import signal
import subprocess
import sys

import pytest

from pgan_tf.devices.stopping import SIGNALS, StopRequest, stop_on_signals
from pgan_tf.devices.workers import ALONE
from tests.helpers.places import ROOT

# Children that compute for minutes, like a long step, without any Python.
BUSY = """
import hashlib
import os
from pgan_tf.devices.stopping import StopRequest, stop_on_signals
from pgan_tf.devices.workers import ALONE

for _ in range(4):
    if not os.fork():
        with stop_on_signals(StopRequest(None, ALONE), lambda words: print(words, flush=True)):
            print(os.getpid(), flush=True)
            hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
    print("ended with", os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_asks_and_says_so_and_the_handlers_come_back(number):
    before = [signal.getsignal(one) for one in SIGNALS]
    said, stop = [], StopRequest(None, ALONE)
    with stop_on_signals(stop, said.append):
        assert not stop.due() and not stop.at_once()
        os.kill(os.getpid(), number)
        assert stop.signal == number
        assert stop.due() and stop.at_once()
    assert [words.split(":")[0] for words in said] == [number.name]
    assert [signal.getsignal(one) for one in SIGNALS] == before
    error = stop.stopped(16, "x.npz")
    assert error.status == 128 + number
    words = f"stopped by {number.name} after 16 images; the same command resumes from x.npz"
    assert str(error) == words


def test_a_worker_that_was_not_asked_itself_ends_with_the_status_of_sigterm():
    error = StopRequest(None, ALONE).stopped(16, "x.npz")
    assert error.status == 143
    assert "stopped as another worker was asked to after 16 images" in str(error)


def test_signals_are_heard_in_the_middle_of_a_long_step_and_the_second_ends_it():
    options = {"stdout": subprocess.PIPE, "text": True, "cwd": ROOT, "start_new_session": True}
    process = subprocess.Popen([sys.executable, "-c", BUSY], **options)
    try:
        for first, second in itertools.product(SIGNALS, repeat=2):
            child = int(process.stdout.readline())
            os.kill(child, first)
            assert process.stdout.readline().startswith(f"{first.name}: finishing the step")
            os.kill(child, second)
            assert process.stdout.readline() == f"ended with {128 + second}\n"
        assert process.wait(timeout=10) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # with its children
