"""Signals that ask a run to stop: it finishes the step, saves, and ends."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from types import FrameType

# Ctrl-C, and what schedulers send before they take a machine away.
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether a signal has asked the run to stop.

    Attributes:
        signal: the first signal, None as long as there was none.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    @property
    def asked(self) -> bool:
        """Whether one has come."""
        return self.signal is not None

    @property
    def status(self) -> int:
        """The exit status that tells of the signal, as shells count: 130 or 143."""
        return 128 + self.signal


@contextmanager
def stop_on_signals(say: Callable[[str], None]) -> Iterator[StopRequest]:
    """Turns the first SIGINT or SIGTERM into a request; a second one ends the process at once.

    A handler in Python runs only when TensorFlow has come back from what it computes or
    compiles, which may be minutes, and once for all signals that came meanwhile. So a thread
    listens, too: it answers the first signal, and ends the process at the second, with 128 and
    the signal's number.

    Signals can be taken by a process's main thread only; in others nothing changes.

    Args:
        say: is told, for the person who sent the signal, what happens; by the thread.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def receive(number: int, frame: FrameType | None) -> None:
        request.signal = request.signal or signal.Signals(number)

    def listen() -> None:
        come = 0
        # A byte for each signal, written when it comes, whatever the main thread is at.
        while numbers := listener.recv(1):
            number = int(numbers[0])
            if number not in SIGNALS:
                continue
            come += 1
            if come > 1:
                os._exit(128 + number)
            request.signal = request.signal or signal.Signals(number)
            name = request.signal.name
            say(f"{name}: finishing the step and saving; once more ends at once")

    listener, sender = socket.socketpair()
    sender.setblocking(False)
    thread = threading.Thread(target=listen, name="signals", daemon=True)
    with closing(listener), closing(sender):
        thread.start()
        woken_before = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
        before = {one: signal.signal(one, receive) for one in SIGNALS}
        try:
            yield request
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)
            signal.set_wakeup_fd(woken_before)
            sender.shutdown(socket.SHUT_WR)
            thread.join()
