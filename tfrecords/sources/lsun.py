"""A category of LSUN, an LMDB database of encoded pictures, as a source."""

import os

import numpy as np

from tfrecords.common.errors import UserError
from tfrecords.pictures.source import Source
from tfrecords.sources.labels.files import own_labels
from tfrecords.sources.listing import sample_read_sides
from tfrecords.sources.lmdb_file import DamagedError, find_values
from tfrecords.sources.parts import Parts, file_identity


def is_lmdb_folder(folder: str) -> bool:
    """Says whether a folder holds an LMDB database."""
    return os.path.isfile(os.path.join(folder, "data.mdb"))


def open_lsun(folder: str, labels: str | None = None) -> Source:
    """Opens a folder with `data.mdb`, such as `bedroom_train_lmdb`, in order of its keys.

    Args:
        folder: or the file of a database that is a file.
        labels: None or `none`: there are none.

    Raises:
        UserError: the database is missing, damaged or empty.
    """
    own_labels(labels, None, (), "lsun")
    file = folder if os.path.isfile(folder) else os.path.join(folder, "data.mdb")
    identity = file_identity(file)
    try:
        places = np.fromiter(find_values(file), np.dtype((np.int64, 2)))
    except (DamagedError, OSError) as error:
        raise UserError(f"lsun:{folder}: cannot be read as an LMDB database: {error}") from error
    if places[:, 1].sum(dtype=np.float64) > os.path.getsize(file):
        raise UserError(
            f"lsun:{folder}: expected pictures of their own places, got some that share"
        )
    if not len(places):
        raise UserError(f"lsun:{folder}: expected pictures, found none")
    pictures = Parts(file, places[:, 0].copy(), places[:, 1].copy(), f"lsun:{folder}")

    def picture_name(index: int) -> str:
        return f"lsun:{folder} picture {index}"

    num_pictures = len(places)
    return Source(
        name=os.path.basename(os.path.abspath(folder)).removesuffix("_lmdb"),
        description=f"lsun:{folder}",
        num_pictures=num_pictures,
        open=pictures,
        identity=["lsun", identity, num_pictures],
        picture_name=picture_name,
        opens_fast=True,
        sample_sides=lambda: sample_read_sides(num_pictures, pictures, picture_name, folder),
    )
