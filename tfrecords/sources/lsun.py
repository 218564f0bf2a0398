"""A category of LSUN, an LMDB database of encoded pictures, as a source."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tfrecords.errors import UserError
from tfrecords.source import Reader, Source
from tfrecords.sources.label_files import own_labels
from tfrecords.sources.listing import load_package, sample_read_sides
from tfrecords.sources.parts import Parts, file_identity, spool_parts


def is_lmdb_folder(folder: str) -> bool:
    """Says whether a folder holds an LMDB database."""
    return os.path.isfile(os.path.join(folder, "data.mdb"))


def open_lsun(folder: str, labels: str | None = None) -> Source:
    """Opens a folder with `data.mdb`, such as `bedroom_train_lmdb`, in order of its keys.

    Args:
        folder: or the file of a database that is a file.
        labels: None or `none`: there are none.

    Raises:
        UserError: lmdb is not installed, or the database is missing, damaged or empty.
    """
    own_labels(labels, None, (), "lsun")
    is_file = os.path.isfile(folder)
    identity = file_identity(folder if is_file else os.path.join(folder, "data.mdb"))
    # Millions of keys: each process reads them from a file, not from its memory.
    keys = spool_parts(_read_keys(folder), folder)
    if not len(keys.sizes):
        raise UserError(f"lsun:{folder}: expected pictures, found none")
    pictures = _OpenDatabase(folder, keys)

    def picture_name(index: int) -> str:
        return f"lsun:{folder} picture {index}"

    num_pictures = len(keys.sizes)
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


@dataclass(frozen=True, eq=False)
class _OpenDatabase:
    folder: str
    keys: Parts

    def __call__(self) -> Reader:
        read_key = self.keys()

        def read(index: int) -> bytes:
            # lmdb opens a database once in a process, and readers may live side by side.
            # Opening takes 0.1 ms, a fraction of what decoding a picture does.
            database = _open_database(self.folder)
            try:
                with database.begin() as transaction:
                    picture = transaction.get(read_key(index))
            finally:
                database.close()
            if picture is None:
                raise UserError(f"lsun:{self.folder}: picture {index} is gone: was it changed?")
            return picture

        return read


def _read_keys(folder: str) -> Iterator[bytes]:
    lmdb = load_package("lmdb", "lmdb", "lsun")
    database = _open_database(folder)
    try:
        with database.begin() as transaction:
            yield from transaction.cursor().iternext(keys=True, values=False)
    except lmdb.Error as error:
        raise _damaged(folder, error) from error
    finally:
        database.close()


def _open_database(folder: str) -> Any:
    lmdb = load_package("lmdb", "lmdb", "lsun")
    try:
        return lmdb.open(
            folder,
            subdir=os.path.isdir(folder),
            readonly=True,
            lock=False,  # it may lie on a disk that cannot be written
            readahead=False,
            create=False,
        )
    except lmdb.Error as error:
        raise _damaged(folder, error) from error


def _damaged(folder: str, error: Exception) -> UserError:
    return UserError(f"lsun:{folder}: cannot be read as an LMDB database: {error}")
