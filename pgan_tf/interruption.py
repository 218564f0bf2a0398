"""Signals that ask a run to stop: it finishes the step, saves, and ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

# Ctrl-C, and what schedulers send before they take a machine away.
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether a signal has asked the run to stop.

    Attributes:
        signal: the signal, None as long as there was none.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    @property
    def status(self) -> int:
        """The exit status that tells of the signal, as shells count: 130 or 143."""
        return 128 + self.signal


@contextmanager
def stop_on_signals(say: Callable[[str], None]) -> Iterator[StopRequest]:
    """Turns the first SIGINT or SIGTERM into a request; a second one ends at once.

    Signals can be taken by a process's main thread only; in others nothing changes.

    Args:
        say: is told, for the person who sent the signal, what happens.
    """
    request = StopRequest()

    def receive(number: int, frame: FrameType | None) -> None:
        request.signal = signal.Signals(number)
        for one in SIGNALS:
            signal.signal(one, signal.SIG_DFL)
        say(f"{request.signal.name}: finishing the step and saving; once more ends at once")

    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {one: signal.signal(one, receive) for one in SIGNALS}
    try:
        yield request
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
