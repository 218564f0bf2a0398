"""The file of labels beside a dataset's pictures."""

import numpy as np

from tfrecords.errors import UserError
from tfrecords.npy import parse_npy
from tfrecords.remote import read_bytes


def load_label_rows(path: str, num_images: int) -> np.ndarray:
    """Reads `NAME-rxx.labels`.

    Returns:
        (num_images, label_size) float32.

    Raises:
        UserError: the file holds something else.
    """
    try:
        labels = parse_npy(read_bytes(path))
    except UserError:
        raise
    except ValueError as error:
        raise UserError(
            f"{path}: expected a .npy file of numbers, got {error}: copy it or make the dataset "
            "again"
        ) from error
    if labels.ndim != 2 or labels.dtype.kind not in "fiub":
        raise UserError(
            f"{path}: expected one-hot rows, got {labels.dtype} of shape {labels.shape}"
        )
    if len(labels) != num_images:
        raise UserError(
            f"{path}: expected a row for each of {num_images} pictures, got {len(labels)}"
        )
    return labels.astype(np.float32)
