"""Coordinates workers. All must call these functions, in the same order; each waits for all."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import tensorflow as tf

from pgan_tf.devices.workers import Workers
from tfrecords.common.errors import UserError

# Exceptions that TensorFlow raises if another worker is killed, disconnected or fails.
_LOST = (
    *(tf.errors.UnavailableError, tf.errors.AbortedError),
    *(tf.errors.CancelledError, tf.errors.DeadlineExceededError),
)


def gather(strategy: tf.distribute.Strategy, numbers: Sequence[int]) -> np.ndarray:
    """Returns each worker's numbers once per device, in order: `(replicas, len(numbers))` int64."""
    replicas = strategy.num_replicas_in_sync

    def own_row(context: tf.distribute.experimental.ValueContext) -> tf.Tensor:
        rows = np.zeros((replicas, len(numbers)), np.int64)
        rows[context.replica_id_in_sync_group] = numbers
        return tf.constant(rows)

    # Sums rows, all zeros but a replica's own. strategy.gather would retrace each time, and warn.
    rows = strategy.experimental_distribute_values_from_function(own_row)
    return strategy.reduce("SUM", rows, axis=None).numpy()


def gather_pairs(
    strategy: tf.distribute.Strategy, workers: Workers, pairs: np.ndarray
) -> np.ndarray:
    """Returns the distinct pairs of all workers, `(n, 2)` int64, not negative."""
    longest = int(gather(strategy, [len(pairs)]).max()) if workers.number > 1 else 0
    if not longest:
        return pairs
    padded = np.full((longest, 2), -1, np.int64)
    padded[: len(pairs)] = pairs
    rows = gather(strategy, padded.ravel().tolist()).reshape(-1, 2)
    return np.unique(rows[rows[:, 0] >= 0], axis=0)


def barrier(strategy: tf.distribute.Strategy, workers: Workers) -> None:
    """Waits until all workers have called it."""
    if workers.number > 1:
        gather(strategy, [0])


@contextmanager
def chief_first(strategy: tf.distribute.Strategy, workers: Workers) -> Iterator[None]:
    """Waits for all workers, then runs a block first on the chief and after that on the others."""
    barrier(strategy, workers)
    if not workers.is_chief:
        barrier(strategy, workers)
    yield
    if workers.is_chief:
        barrier(strategy, workers)


def check_same_checkpoint(
    strategy: tf.distribute.Strategy, workers: Workers, images_shown: int, folder: str
) -> None:
    """Raises UserError on all workers unless all of them resume after the same number of images."""
    if workers.number == 1:
        return
    found = gather(strategy, [images_shown])[:, 0].reshape(workers.number, -1)[:, 0].tolist()
    if len(set(found)) > 1:
        expected = f"all workers to find the same newest checkpoint in {folder}"
        got = f"got checkpoints of {', '.join(map(str, found))} images, worker by worker"
        raise UserError(f"--run_dir: expected {expected}, {got}: they must share the folder")


@contextmanager
def readable_worker_errors(workers: Workers) -> Iterator[None]:
    """Turns TensorFlow's errors about a lost worker into a UserError."""
    try:
        yield
    except _LOST as error:
        if workers.number == 1:
            raise
        # The part of a long message that says what happened.
        found = re.search(r"collective ops is aborted.*", error.message, re.IGNORECASE)
        first_line = (error.message.strip().splitlines() or [type(error).__name__])[0]
        reason = found[0][:200].rstrip(":") if found else first_line[:200]
        remedy = "its last line tells why. Start all again: they resume from the last checkpoint"
        raise UserError(f"{workers}: lost another worker ({reason}): {remedy}") from None
