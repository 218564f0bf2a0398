"""What the workers of a run do together: wait, compare, and end when one is gone.

All workers call each function here, in the same order: they wait for each other.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import tensorflow as tf

from pgan_tf.devices.workers import Workers
from tfrecords.common.errors import UserError

# What TensorFlow raises when another worker was killed, cut off, or ended with an error.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)


def gather(strategy: tf.distribute.Strategy, numbers: Sequence[int]) -> np.ndarray:
    """Returns what all workers gave, each as many numbers.

    `(replicas, len(numbers))` int64, the workers in order, each once for each of its devices.
    """
    replicas = strategy.num_replicas_in_sync

    def own_row(context: tf.distribute.experimental.ValueContext) -> tf.Tensor:
        rows = np.zeros((replicas, len(numbers)), np.int64)
        rows[context.replica_id_in_sync_group] = numbers
        return tf.constant(rows)

    # A sum of zeros and one row: strategy.gather would trace its function anew each time, and warn.
    rows = strategy.experimental_distribute_values_from_function(own_row)
    return strategy.reduce("SUM", rows, axis=None).numpy()


def gather_pairs(
    strategy: tf.distribute.Strategy, workers: Workers, pairs: np.ndarray
) -> np.ndarray:
    """Returns the pairs that any worker gave, each once: `(n, 2)` int64, not below 0."""
    if workers.number == 1:
        return pairs
    longest = int(gather(strategy, [len(pairs)]).max())
    if not longest:
        return pairs
    padded = np.full((longest, 2), -1, np.int64)
    padded[: len(pairs)] = pairs
    rows = gather(strategy, padded.ravel().tolist()).reshape(-1, 2)
    return np.unique(rows[rows[:, 0] >= 0], axis=0)


def wait_for_all(strategy: tf.distribute.Strategy, workers: Workers) -> None:
    """Returns when all workers have come here."""
    if workers.number > 1:
        gather(strategy, [0])


@contextmanager
def chief_first(strategy: tf.distribute.Strategy, workers: Workers) -> Iterator[None]:
    """Lets the chief do something when all have come here, and then the others at once."""
    wait_for_all(strategy, workers)
    if not workers.is_chief:
        wait_for_all(strategy, workers)
    yield
    if workers.is_chief:
        wait_for_all(strategy, workers)


def check_same_beginning(
    strategy: tf.distribute.Strategy, workers: Workers, images_shown: int, where: str
) -> None:
    """Raises UserError on all workers unless they go on from the same checkpoint.

    `images_shown` is of the one that this worker has found in the folder `where`, 0 if none.
    """
    if workers.number == 1:
        return
    found = gather(strategy, [images_shown])[:, 0]
    if len(set(found.tolist())) > 1:
        per_worker = found.reshape(workers.number, -1)[:, 0].tolist()
        raise UserError(
            f"--run_dir: expected all workers to find the same newest checkpoint in {where}, got "
            f"checkpoints of {', '.join(map(str, per_worker))} images, worker by worker: they must "
            f"share the folder"
        )


@contextmanager
def ends_together(workers: Workers) -> Iterator[None]:
    """Turns what TensorFlow raises when another worker has gone into a UserError."""
    try:
        yield
    except _LOST as error:
        if workers.number == 1:
            raise
        # The part of a long message that tells what happened.
        if found := re.search(r"collective ops is aborted.*", error.message, re.IGNORECASE):
            reason = found[0][:200].rstrip(":")
        else:
            reason = (error.message.strip().splitlines() or [type(error).__name__])[0][:200]
        raise UserError(
            f"{workers}: lost another worker ({reason}): what it said last tells why. "
            f"Start all of them again: they go on from the last checkpoint"
        ) from None
