"""What signals do to a run: the first one asks, the second one ends at once."""

import os
import signal
import subprocess
import sys

import pytest

from pgan_tf.devices.stopping import SIGNALS, StopRequest, stop_on_signals
from pgan_tf.devices.workers import ALONE
from tests.helpers.places import ROOT

BUSY = """
import hashlib
from pgan_tf.devices.stopping import StopRequest, stop_on_signals
from pgan_tf.devices.workers import ALONE

with stop_on_signals(StopRequest(None, ALONE), lambda words: print(words, flush=True)):
    print("begun", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)  # many minutes, like a step: no Python
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_asks_and_says_so_and_the_handlers_come_back(number):
    before = [signal.getsignal(one) for one in SIGNALS]
    said = []
    stop = StopRequest(None, ALONE)
    with stop_on_signals(stop, said.append):
        assert stop.signal is None
        os.kill(os.getpid(), number)
        assert stop.signal == number
    assert [words.split(":")[0] for words in said] == [number.name]
    assert "once more ends at once" in said[0]
    assert [signal.getsignal(one) for one in SIGNALS] == before


@pytest.mark.parametrize("first", SIGNALS)
@pytest.mark.parametrize("second", SIGNALS)
def test_signals_are_heard_in_the_middle_of_a_long_step_and_the_second_ends_it(first, second):
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert process.stdout.readline() == "begun\n"
        process.send_signal(first)
        assert process.stdout.readline().startswith(f"{first.name}: finishing the step")
        assert process.poll() is None
        process.send_signal(second)
        assert process.wait(timeout=10) == 128 + second
    finally:
        process.kill()
