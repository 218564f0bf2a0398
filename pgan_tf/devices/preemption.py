"""Several workers stop after the same step, whichever of them was asked to."""

from __future__ import annotations

import tempfile
import threading

import tensorflow as tf

from pgan_tf.devices.interruption import StopRequest
from pgan_tf.devices.workers import Workers
from tfrecords.common.errors import StoppedError

# What a worker ends with that was not asked to stop itself: 128 + SIGTERM.
_STATUS = 143


class StopTogether:
    """Says after each step whether to stop there.

    One process stops as soon as it is asked to. Several use TensorFlow's own handling of
    preemptions: the worker that got the signal tells the others, through TensorFlow's
    coordination service, after which step to stop, and waits until they know. All of them
    call `due` after each step of the run, once.
    """

    def __init__(self, strategy: tf.distribute.Strategy, workers: Workers) -> None:
        """Begins to listen to the other workers, if there are any."""
        self._request: StopRequest | None = None
        self._agreed = False
        self._handler = None
        if workers.number > 1:
            # It wants a place for checkpoints of its own, and never writes any there.
            self._nowhere = tempfile.TemporaryDirectory()
            unused = tf.train.CheckpointManager(
                tf.train.Checkpoint(), self._nowhere.name, max_to_keep=1
            )
            _keep_quiet()
            self._handler = tf.distribute.experimental.PreemptionCheckpointHandler(
                strategy.cluster_resolver,
                unused,
                termination_config=tf.distribute.experimental.TerminationConfig(
                    termination_watcher_fn=self._was_asked,
                    save_fn=self._agree,
                    exit_fn=lambda: None,
                    grace_period=0,
                ),
            )

    def due(self, request: StopRequest) -> bool:
        """Says whether to stop now: on all workers after the same step.

        Args:
            request: whether a signal has come to this process.
        """
        if self._handler is None:
            return request.asked
        self._request = request
        self._handler.save_checkpoint_if_preempted()
        return self._agreed

    def at_once(self, request: StopRequest) -> bool:
        """Says whether this step, whose checkpoint is written, is the one to stop after.

        Of several workers nobody knows: they may agree on a later one.

        Args:
            request: whether a signal has come to this process.
        """
        return self._handler is None and request.asked

    def _was_asked(self) -> bool:
        return self._request is not None and self._request.asked

    def _agree(self) -> None:
        self._agreed = True


def _keep_quiet() -> None:
    """Keeps back what the handler's inner workings say, for the rest of the process.

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


def stopped(request: StopRequest, images_shown: int, path: str) -> StoppedError:
    """Returns the exception with which a stopped run ends.

    Args:
        request: whether a signal came to this process, or to another worker's.
        images_shown: by the run until now.
        path: the checkpoint that was written.
    """
    if not request.asked:
        why, status = "stopped as another worker was asked to", _STATUS
    else:
        why, status = f"stopped by {request.signal.name}", request.status
    return StoppedError(
        f"{why} after {images_shown} images; the same command goes on from {path}", status
    )
