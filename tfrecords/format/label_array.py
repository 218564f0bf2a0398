"""The file of labels beside TFRecords, `.npy`, as large as classes times pictures."""

from __future__ import annotations

import mmap

import numpy as np

from tfrecords.common.errors import UserError
from tfrecords.common.paths import check_regular_file, is_remote, read_bytes
from tfrecords.pickles.arrays import parse_npy
from tfrecords.pictures.source import row_blocks


def load_labels(path: str, num_images: int) -> np.ndarray:
    """Reads a file of labels, (num_images, label_size) numbers; raises UserError for another.

    Of a local file only what is looked at is read: a class for each picture makes it large.
    """
    check_regular_file(path)
    try:
        if is_remote(path):
            labels = parse_npy(read_bytes(path))
        else:
            labels = np.load(path, mmap_mode="r", allow_pickle=False)
    except UserError:
        raise
    except Exception as error:  # a damaged header raises all sorts
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
    return labels


def class_numbers(labels: np.ndarray) -> np.ndarray | None:
    """Returns the class of each row of (pictures, label_size), int64 (pictures,); -1 for none.

    None without labels, and for rows that are not one-hot.
    """
    if not labels.shape[1]:
        return None
    mapped = getattr(labels, "_mmap", None)
    classes = []
    for block in row_blocks(labels):
        is_one = block == 1
        if not (is_one | (block == 0)).all() or (is_one.sum(axis=1) > 1).any():
            return None
        classes.append(np.where(is_one.any(axis=1), is_one.argmax(axis=1), -1))
        # Gives back the memory of what was read of a file so far, where the system lets us.
        if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)
    return np.concatenate(classes)
