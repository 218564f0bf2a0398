"""What can go wrong with the data while training, as one-line errors."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from tfrecords.common.errors import UserError

_REMEDY = (
    "make the dataset again (python -m tfrecords.inspect verify names them), or allow more with "
    "--max_bad_records"
)


def check_bad_records(bad_records: int, most: int) -> None:
    """Raises UserError if too many damaged records were skipped."""
    if bad_records > most:
        raise UserError(
            f"data: expected at most {most} damaged records, got {bad_records}: {_REMEDY}"
        )


@contextmanager
def readable_data_errors() -> Iterator[None]:
    """Turns a step's errors that come from missing or damaged data into a UserError."""
    try:
        yield
    except tf.errors.OpError as error:
        if words := _describe(error):
            raise UserError(f"{words}; the last checkpoint is whole") from error
        raise


def _describe(error: tf.errors.OpError) -> str | None:
    if isinstance(error, tf.errors.InvalidArgumentError):
        if found := re.search(r"data: expected at most \d+ damaged records.*row", str(error)):
            return f"{found[0]}: {_REMEDY}"
        # Only the data's own functions run in iterators of tf.data.
        if "Iterator::" in str(error):
            line = _telling_line(error)
            return f"data: a record cannot be decoded ({line}): make the data set again"
    gone = (tf.errors.NotFoundError, tf.errors.DataLossError, tf.errors.PermissionDeniedError)
    of_a_file = isinstance(error, tf.errors.UnknownError) and ".tfrecord" in error.message
    if isinstance(error, gone) or of_a_file:
        return (
            f"data: a file of the data set is gone or damaged ({_telling_line(error)}); put it "
            "back or make the data set again"
        )
    return None


def _telling_line(error: tf.errors.OpError) -> str:
    """Returns the line that tells what happened, without where in the graph it happened."""
    lines = [line.strip() for line in error.message.splitlines()]
    where = ("Graph execution error", "Detected at node", "File ", "<stdin>", "[[")
    telling = [line for line in lines if line and not line.startswith(where)]
    of_files = [line for line in telling if ".tfrecord" in line]
    return re.sub(r"\{\{.*?\}\} ?", "", (of_files or telling or lines or [""])[0])[:300]
