"""Preemption: on a signal, a run finishes its step, saves, and stops on all workers."""

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

# Sent by Ctrl-C, and by schedulers before they take a machine away.
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether a run was asked to stop, and after which step it will.

    A single process stops after the current step. Several use TensorFlow's preemption handling: the
    worker that got the signal tells the others after which step to stop, through the coordination
    service, and waits for them. Each worker must call `due` once after each step.
    """

    def __init__(self, strategy: tf.distribute.Strategy, workers: Workers) -> None:
        self.signal: Signals | None = None  # the first signal received
        self._agreed = threading.Event()
        self._handler = None
        if workers.number > 1:
            _silence_preemption_handler()
            # The handler requires a folder for its own checkpoints but never writes any.
            self._unused_folder = tempfile.TemporaryDirectory()
            folder = self._unused_folder.name
            self._handler = tf.distribute.experimental.PreemptionCheckpointHandler(
                strategy.cluster_resolver,
                tf.train.CheckpointManager(tf.train.Checkpoint(), folder, max_to_keep=1),
                termination_config=tf.distribute.experimental.TerminationConfig(
                    termination_watcher_fn=lambda: self.signal is not None,
                    save_fn=self._agreed.set,
                    exit_fn=lambda: None,
                    grace_period=0,
                ),
            )

    def receive(self, number: int, frame: FrameType | None = None) -> None:
        """Handles a signal."""
        self.signal = self.signal or Signals(number)

    def due(self) -> bool:
        """Returns whether to stop now: on all workers after the same step."""
        if self._handler is None:
            return self.signal is not None
        self._handler.save_checkpoint_if_preempted()
        return self._agreed.is_set()

    def at_once(self) -> bool:
        """Returns whether this step is the last; with several workers it may be a later one."""
        return self._handler is None and self.signal is not None

    def stopped(self, images_shown: int, path: str | None) -> StoppedError:
        """Returns the exception that ends a stopped run; `path` is the checkpoint written."""
        why = f"by {self.signal.name}" if self.signal else "as another worker was asked to"
        message = f"stopped {why} after {images_shown} images; the same command resumes from {path}"
        return StoppedError(message, 128 + (self.signal or signal.SIGTERM))  # 130 or 143, as shells


@contextmanager
def stop_on_signals(request: StopRequest, say: Callable[[str], None]) -> Iterator[None]:
    """Turns the first SIGINT or SIGTERM into a request; a second one ends the process at once.

    Python's handlers do not run before TensorFlow returns from computing or compiling, which may
    take minutes, and then only once. So a thread listens, too: it answers the first signal
    through `say`, and ends the process at the second with status 128 plus the signal's number.
    Only the main thread can receive signals; in other threads this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    listener, sender = socket.socketpair()
    sender.setblocking(False)
    thread = threading.Thread(target=_listen, args=(listener, request, say), daemon=True)
    with closing(listener), closing(sender):
        thread.start()
        # Writes a byte for each signal at once, whatever the main thread is doing.
        wakeup_before = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
        handlers_before = {one: signal.signal(one, request.receive) for one in SIGNALS}
        try:
            yield
        finally:
            for one, handler in handlers_before.items():
                signal.signal(one, handler)
            signal.set_wakeup_fd(wakeup_before)
            sender.shutdown(socket.SHUT_WR)
            thread.join()


def _listen(listener: socket.socket, request: StopRequest, say: Callable[[str], None]) -> None:
    answered = False
    while number := int.from_bytes(listener.recv(1)):
        if number not in SIGNALS:
            continue
        if answered:
            os._exit(128 + number)
        answered = True
        request.receive(number)
        say(f"{Signals(number).name}: finishing the step and saving; once more ends at once")


def _silence_preemption_handler() -> None:
    """Hides a warning of TensorFlow's handler and its threads' tracebacks about lost workers."""
    tf.get_logger().addFilter(lambda record: "total_run_calls" not in record.getMessage())
    before = threading.excepthook

    def excepthook(raised: threading.ExceptHookArgs) -> None:
        name = raised.thread.name if raised.thread else ""
        if not name.startswith(("PeerTerminationWatcher", "WorkerTerminationSignalWatcher")):
            before(raised)

    threading.excepthook = excepthook
