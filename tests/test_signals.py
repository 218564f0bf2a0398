"""What signals do to a run: the first one asks, the second one ends at once."""

import os
import pathlib
import signal
import subprocess
import sys

import pytest

from pgan_tf.interruption import SIGNALS, stop_on_signals

ROOT = pathlib.Path(__file__).parent.parent
TWICE = """
import os, signal, sys
from pgan_tf.interruption import stop_on_signals

with stop_on_signals(lambda words: print(words, flush=True)) as stop:
    for number in map(int, sys.argv[1:]):
        os.kill(os.getpid(), number)
        print("asked by", stop.signal.name, flush=True)
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_asks_and_says_so_and_the_handlers_come_back(number):
    before = [signal.getsignal(one) for one in SIGNALS]
    said = []
    with stop_on_signals(said.append) as stop:
        assert stop.signal is None
        os.kill(os.getpid(), number)
        assert stop.signal == number
        assert stop.status == {signal.SIGINT: 130, signal.SIGTERM: 143}[number]
    assert [words.split(":")[0] for words in said] == [number.name]
    assert "once more ends at once" in said[0]
    assert [signal.getsignal(one) for one in SIGNALS] == before


@pytest.mark.parametrize("first", SIGNALS)
@pytest.mark.parametrize("second", SIGNALS)
def test_a_second_signal_ends_the_process_at_once(first, second):
    result = subprocess.run(
        [sys.executable, "-c", TWICE, str(int(first)), str(int(second))],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=False,
    )
    assert result.returncode == -second, result.stderr
    said = result.stdout.splitlines()
    assert said[1:] == [f"asked by {first.name}"]
