"""The directions of a generator in a file, `directions.npz`, which travels with its exports.

It holds the arrays `closed_form` and `components`, `(count, latent_size)` float32, with a unit
direction in each row, and `closed_form_shares` and `components_shares`, `(count,)`.
"""

import functools
import io
import posixpath
import zipfile
from collections.abc import Mapping, Sequence

import numpy as np

from pgan_tf.networks.directions import Directions, Finders, closed_form
from pgan_tf.runs.checkpoint_file import DAMAGED
from tfrecords.common.errors import UserError
from tfrecords.common.paths import list_names, read_whole
from tfrecords.pickles.arrays import parse_npy

DIRECTIONS_FILE = "directions.npz"
_MOST_BYTES = 2**28  # of the file and of an array in it; 2048 directions of 2048 numbers take 2^24
_LENGTHS = 1e-3  # by which a direction's length may differ from 1


def directions_file(found: Mapping[str, Directions]) -> bytes:
    """Returns the contents of the file for directions by kind."""
    file = io.BytesIO()
    arrays: dict[str, np.ndarray] = {}
    for kind, directions in found.items():
        arrays |= {kind: directions.vectors, f"{kind}_shares": directions.shares}
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()


def read_directions(path: str, kind: str, latent_size: int) -> Directions:
    """Reads the directions of a kind. Raises UserError for whatever is not such a file."""
    contents = read_whole(path, _MOST_BYTES)
    try:
        with zipfile.ZipFile(io.BytesIO(contents)) as archive:
            vectors, shares = (_read(archive, name) for name in (kind, f"{kind}_shares"))
        lengths = np.linalg.norm(vectors, axis=-1)
        if vectors.ndim != 2 or vectors.shape[1] != latent_size or not len(vectors):
            raise ValueError(f"directions of the shape {vectors.shape}, not (count, {latent_size})")
        if not (np.abs(lengths - 1) < _LENGTHS).all() or shares.shape != lengths.shape:
            raise ValueError("directions whose length is not 1, or without their shares")
    except DAMAGED as error:
        reason = ascii(str(error))[1:-1][:120]
        raise UserError(
            f"--direction: expected {kind} directions in {path!r}, got {reason}: export again"
        ) from None
    return Directions(vectors.astype(np.float32), shares.astype(np.float32))


def directions_in(
    folder: str, kinds: Sequence[str], latent_size: int, kernel: np.ndarray | None
) -> Finders:
    """Returns what an export's first kernel tells, and its file; an older export has none."""
    path, found = posixpath.join(folder, DIRECTIONS_FILE), {}
    if DIRECTIONS_FILE in list_names(folder):
        found = {
            kind: functools.partial(read_directions, path, kind, latent_size) for kind in kinds
        }
    if kernel is not None:
        found["closed_form"] = functools.partial(closed_form, kernel[:latent_size])
    return found


def _read(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    member = archive.getinfo(f"{name}.npy")
    if member.file_size > _MOST_BYTES:  # no more is ever read
        raise ValueError("an array of more than 256 MiB")
    return parse_npy(archive.read(member))
