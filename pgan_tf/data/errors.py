"""What can go wrong with the data while training, in words for people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from tfrecords.common.errors import UserError


@contextmanager
def readable_data_errors() -> Iterator[None]:
    """Turns a step's errors that come from the data into one line.

    Raises:
        UserError: a file of the data is gone or damaged.
    """
    try:
        yield
    except (
        tf.errors.NotFoundError,
        tf.errors.DataLossError,
        tf.errors.PermissionDeniedError,
        tf.errors.UnknownError,
    ) as error:
        if isinstance(error, tf.errors.UnknownError) and ".tfrecord" not in error.message:
            raise
        raise UserError(
            f"data: a file of the data set is gone or damaged ({_telling_line(error)}); put it "
            f"back or make the data set again; the last checkpoint is whole"
        ) from error
    except tf.errors.InvalidArgumentError as error:
        if found := re.search(r"data: expected at most \d+ damaged records.*row", str(error)):
            raise UserError(
                f"{found[0]}: make the data set again (python -m tfrecords.inspect verify names "
                f"them), or allow more with --max_bad_records; the last checkpoint is whole"
            ) from error
        # Only the data's own functions run in iterators of tf.data.
        if "Iterator::" not in str(error):
            raise
        raise UserError(
            f"data: a record cannot be decoded ({_telling_line(error)}): make the data set again; "
            f"the last checkpoint is whole"
        ) from error


def _telling_line(error: tf.errors.OpError) -> str:
    """Returns the line of an error in a graph that tells what happened.

    Around it stand where the graph was made, line by line, and the names of nodes.
    """
    lines = [line.strip() for line in error.message.splitlines()]
    where = ("Graph execution error", "Detected at node", "File ", "<stdin>", "[[")
    telling = [line for line in lines if line and not line.startswith(where)]
    of_files = [line for line in telling if ".tfrecord" in line]
    return re.sub(r"\{\{.*?\}\} ?", "", (of_files or telling or lines or [""])[0])[:300]
