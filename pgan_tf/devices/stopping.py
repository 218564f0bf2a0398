"""Stopping a run: a signal asks, the step is finished and saved, all workers end together."""

import dataclasses
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from signal import Signals
from types import FrameType

import tensorflow as tf

from pgan_tf.devices.workers import Workers
from tfrecords.common.errors import StoppedError

# Ctrl-C, and what schedulers send before they take a machine away.
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclasses.dataclass
class StopRequest:
    """Whether a signal has asked the run to stop: the first one."""

    signal: Signals | None = None

    @property
    def asked(self) -> bool:
        """Whether one has come."""
        return self.signal is not None


@contextmanager
def stop_on_signals(say: Callable[[str], None]) -> Iterator[StopRequest]:
    """Turns the first SIGINT or SIGTERM into a request; a second one ends the process at once.

    A handler in Python runs only when TensorFlow has come back from what it computes or
    compiles, which may take minutes, and once for all signals that came meanwhile. So a thread
    listens, too: it answers the first signal through `say`, and ends the process at the second,
    with 128 and the signal's number.

    Only a process's main thread can take signals; in others nothing changes.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def receive(number: int, frame: FrameType | None = None) -> None:
        request.signal = request.signal or Signals(number)

    def listen() -> None:
        answered = False
        # A byte for each signal, written when it comes, whatever the main thread is at.
        while number := int.from_bytes(listener.recv(1)):
            if number not in SIGNALS:
                continue
            if answered:
                os._exit(128 + number)
            answered = True
            receive(number)
            name = Signals(number).name
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


class StopTogether:
    """Decides after each step whether to stop there.

    One process stops as soon as it is asked to. Several use TensorFlow's own handling of
    preemptions: the worker that got the signal tells the others, through TensorFlow's
    coordination service, after which step to stop, and waits until they know. All of them
    call `due` after each step of the run, once.
    """

    def __init__(self, strategy: tf.distribute.Strategy, workers: Workers) -> None:
        self._request = StopRequest()
        self._agreed = False
        self._handler = None
        if workers.number > 1:
            _keep_quiet()
            # It wants a place for checkpoints of its own, and never writes any there.
            self._nowhere = tempfile.TemporaryDirectory()
            unused = tf.train.Checkpoint(), self._nowhere.name
            distribute = tf.distribute.experimental
            self._handler = distribute.PreemptionCheckpointHandler(
                strategy.cluster_resolver,
                tf.train.CheckpointManager(*unused, max_to_keep=1),
                termination_config=distribute.TerminationConfig(
                    termination_watcher_fn=self._was_asked,
                    save_fn=self._agree,
                    exit_fn=lambda: None,
                    grace_period=0,
                ),
            )

    def due(self, request: StopRequest) -> bool:
        """True to stop now: on all workers after the same step."""
        if self._handler is None:
            return request.asked
        self._request = request
        self._handler.save_checkpoint_if_preempted()
        return self._agreed

    def at_once(self, request: StopRequest) -> bool:
        """True if this step, whose checkpoint is written, is certainly the one to stop after.

        Several workers may agree on a later one.
        """
        return self._handler is None and request.asked

    def _was_asked(self) -> bool:
        return self._request.asked

    def _agree(self) -> None:
        self._agreed = True


def _keep_quiet() -> None:
    """Silences what the handler's inner workings say, for the rest of the process.

    It warns of a deprecated property that it reads itself, and its thread ends with a traceback
    when the worker that it listens to has gone, of which the training step tells, too.
    """
    tf.get_logger().addFilter(lambda record: "total_run_calls" not in record.getMessage())
    before = threading.excepthook

    def excepthook(raised: threading.ExceptHookArgs) -> None:
        name = raised.thread.name if raised.thread else ""
        if not name.startswith(("PeerTerminationWatcher", "WorkerTerminationSignalWatcher")):
            before(raised)

    threading.excepthook = excepthook


def stopped(request: StopRequest, images_shown: int, path: str | None) -> StoppedError:
    """Returns the exception with which a stopped run ends; `path` is the checkpoint written."""
    if request.signal is None:
        why, status = "stopped as another worker was asked to", 128 + signal.SIGTERM
    else:  # as shells count: 130 or 143
        why, status = f"stopped by {request.signal.name}", 128 + request.signal
    return StoppedError(
        f"{why} after {images_shown} images; the same command goes on from {path}", status
    )
