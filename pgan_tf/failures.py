"""What can go wrong in a compiled step, in words for people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from pgan_tf.schedule import Position
from tfrecords.errors import UserError


@contextmanager
def readable_errors(position: Position) -> Iterator[None]:
    """Turns TensorFlow's errors of a step into one line.

    Args:
        position: where the run stands.

    Raises:
        UserError: memory ran out, or a file of the data is gone or damaged.
    """
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise UserError(
            f"out of memory in the stage {position.stage} at batch size {position.batch_size}: "
            f"choose a smaller --batch_size for it, such as --batch_size="
            f"{position.stage.resolution}:{max(1, position.batch_size // 2)}, or a smaller "
            f"--fmap_max; the last checkpoint is whole"
        ) from error
    except (tf.errors.NotFoundError, tf.errors.DataLossError) as error:
        raise UserError(
            f"data: a file of the data set is gone or damaged ({_first_line(error)}); put it back "
            f"or make the data set again; the last checkpoint is whole"
        ) from error
    except tf.errors.InvalidArgumentError as error:
        if "a record of the data" not in str(error) and "image" not in str(error).lower():
            raise
        raise UserError(
            f"data: a record cannot be decoded ({_first_line(error)}): make the data set again; "
            f"the last checkpoint is whole"
        ) from error


def _first_line(error: tf.errors.OpError) -> str:
    return error.message.strip().splitlines()[0]
