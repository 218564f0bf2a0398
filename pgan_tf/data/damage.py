"""Handles damaged data during training: keeps track of bad records and words the errors."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import tensorflow as tf

from tfrecords.common.errors import UserError

REMEDY = "make the dataset again or raise --max_bad_records (tfrecords.inspect verify names them)"


class BadRecords:
    """Keeps track of the damaged records that a run skips, at all resolutions, each once.

    Records are read ahead of training, but count only when training reaches them. So a resumed run
    gets the same count.
    """

    def __init__(self, most: int, before: np.ndarray | None = None) -> None:
        """Allows `most` records, including `before`, which `met` returned in earlier sessions."""
        self.most = most
        self._before = np.zeros((0, 2), np.int64) if before is None else before
        self._first_positions: dict[int, tf.Variable] = {}

    def first_positions(self, resolution: int, num_images: int) -> tf.Variable:
        """Returns `(num_images,)` int64, where `note` stores the first position of each record."""
        if resolution not in self._first_positions:
            with tf.device("CPU:0"):  # records are read there, even when training on a GPU
                never = np.full(num_images, np.iinfo(np.int64).max)
                self._first_positions[resolution] = tf.Variable(never, trainable=False)
        return self._first_positions[resolution]

    def met(self, images_shown: int) -> np.ndarray:
        """Returns the damaged records so far: `(n, 2)` int64, resolution and picture number."""
        pairs = [self._before]
        for resolution, positions in self._first_positions.items():
            pictures = np.flatnonzero(positions.numpy() < images_shown)
            pairs.append(np.stack([np.full_like(pictures, resolution), pictures], axis=1))
        return np.unique(np.concatenate(pairs), axis=0)


def note(first_positions: tf.Variable, pictures: tf.Tensor, position: tf.Tensor) -> None:
    """Records that `(n,)` int64 `pictures` are damaged and come up at `position`, one or each's."""
    positions = tf.broadcast_to(position, tf.shape(pictures))
    first_positions.scatter_min(tf.IndexedSlices(positions, pictures))


def check_bad_records(number: int, most: int) -> None:
    """Raises UserError if too many damaged records were skipped."""
    if number > most:
        raise UserError(f"data: expected at most {most} damaged records, got {number}: {REMEDY}")


@contextmanager
def readable_data_errors() -> Iterator[None]:
    """Turns a step's errors about missing or damaged data into a UserError."""
    try:
        yield
    except tf.errors.OpError as error:
        if words := _describe(error):
            raise UserError(f"data: {words}; the last checkpoint is intact") from error
        raise


def _describe(error: tf.errors.OpError) -> str | None:
    if isinstance(error, tf.errors.InvalidArgumentError):
        if found := re.search(r"ValueError: data: (.*)", error.message):  # from `make_reader`
            return found[1]
        if "Iterator::" in str(error):  # raised in the input pipeline
            return f"a record cannot be decoded ({_cause(error)}): make the dataset again"
    gone = (tf.errors.NotFoundError, tf.errors.DataLossError, tf.errors.PermissionDeniedError)
    of_a_file = isinstance(error, tf.errors.UnknownError) and ".tfrecord" in error.message
    if isinstance(error, gone) or of_a_file:
        cause, remedy = _cause(error), "put it back or make the dataset again"
        return f"a file of the dataset is missing or damaged ({cause}): {remedy}"
    return None


def _cause(error: tf.errors.OpError) -> str:
    """Returns the line of a message that says what happened, without its place in the graph."""
    lines = [line.strip() for line in error.message.splitlines()]
    where = ("Graph execution error", "Detected at node", "File ", "<stdin>", "[[")
    causes = [line for line in lines if line and not line.startswith(where)]
    of_files = [line for line in causes if ".tfrecord" in line]
    return re.sub(r"\{\{.*?\}\} ?", "", (of_files or causes or lines or [""])[0])[:300]
