"""What to draw: seeds, or latents from a file; reads and writes such files without trusting them.

Latents are `(n, latent_size)` float32. A file is .npy, .npz (the array `latents`, or its only one)
or .json (a list of lists of numbers, or an object with such a list as `latents`).
"""

import hashlib
import io
import posixpath
import zipfile
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from pgan_tf.generating.parsing import MOST_SEEDS
from pgan_tf.networks.sampling import latents_from_seeds
from pgan_tf.runs.checkpoint_file import DAMAGED
from pgan_tf.runs.small_files import read_json
from tfrecords.common.bounds import shown
from tfrecords.common.errors import UserError
from tfrecords.common.files import check_file_place, write_file
from tfrecords.common.paths import read_whole, writing
from tfrecords.pickles.arrays import parse_npy

Chosen: TypeAlias = Sequence[int] | np.ndarray  # seeds, or latents: (n, latent_size) float32

_ENDINGS = (".npy", ".npz", ".json")
_MOST_BYTES = 2**30
_MOST_NUMBERS = 2**26


def latents_of(chosen: Chosen, latent_size: int) -> np.ndarray:
    """Returns the latents of seeds, or those given, `(n, latent_size)` float32."""
    return chosen if isinstance(chosen, np.ndarray) else latents_from_seeds(chosen, latent_size)


def names_of(chosen: Chosen) -> list[str]:
    """Returns names for messages: `seed 7`, or `latent 0`, a row of the file, counted from 0."""
    if isinstance(chosen, np.ndarray):
        return [f"latent {row}" for row in range(len(chosen))]
    return [f"seed {seed}" for seed in chosen]


def file_names_of(chosen: Chosen) -> list[str]:
    """Returns names for files, without an ending: `seed-000007` or `latent-000000`."""
    parts = (name.split() for name in names_of(chosen))
    return [f"{kind}-{int(number):06d}" for kind, number in parts]


def checksum_of(latents: np.ndarray) -> str:
    """Returns the SHA-256 of latents, of their numbers in float32, as 64 hexadecimal digits."""
    return hashlib.sha256(np.ascontiguousarray(latents, "<f4").tobytes()).hexdigest()


def read_latents(path: str, latent_size: int, argument: str = "--latents") -> np.ndarray:
    """Reads latents from a .npy, .npz or .json file. Raises UserError for anything else.

    `argument` is what messages call the file.
    """
    ending = posixpath.splitext(path)[1].lower()
    if ending not in _ENDINGS:
        raise UserError(f"{argument}: expected a file, {' or '.join(_ENDINGS)}, got {path!r}")
    if ending == ".json":
        found = read_json(path)
        values = found.get("latents") if isinstance(found, dict) else found
    else:
        contents = read_whole(path, _MOST_BYTES)
        try:
            values = parse_npy(contents if ending == ".npy" else _member_of(contents))
        except DAMAGED as error:
            reason = ascii(str(error))[1:-1][:120]
            raise UserError(f"{argument}: expected latents in {path!r}, got {reason}") from None
    return check_latents(values, latent_size, f"{argument}: {path}")


def check_latents(values: Any, latent_size: int, what: str) -> np.ndarray:
    """Returns values as latents; one alone may be a row. UserError, which begins with `what`."""
    try:
        array = np.asarray(values)
        numeric = array.dtype.kind in "fiu"
        with np.errstate(over="ignore"):  # it is found below
            array = array.astype(np.float32) if numeric else array
        got = f"one of {array.dtype}" if np.ndim(values) else shown(values)
    except ValueError:
        numeric, array, got = False, np.zeros(0), "rows of several lengths"
    if not numeric:
        raise UserError(f"{what}: expected an array of numbers, got {got}")
    if array.shape == (latent_size,):
        array = array[None]
    if array.ndim != 2 or array.shape[1] != latent_size:
        got = f"got {array.shape}: this generator's latents have {latent_size} numbers"
        raise UserError(f"{what}: expected the shape (count, {latent_size}), {got}")
    if not 0 < len(array) <= MOST_SEEDS or array.size > _MOST_NUMBERS:
        raise UserError(f"{what}: expected 1 to {MOST_SEEDS:,} latents, got {len(array):,}")
    if not np.isfinite(array).all():
        raise UserError(f"{what}: expected finite numbers of float32, got others among them")
    return np.ascontiguousarray(array)


def check_place(path: str, argument: str = "--save_latents") -> None:
    """Raises UserError unless latents can be written to a path, which ends with .npy."""
    if posixpath.splitext(path)[1].lower() != ".npy":
        raise UserError(f"{argument}: expected NAME.npy, got {path!r}")
    check_file_place(path, argument)


def write_latents(path: str, latents: np.ndarray, argument: str = "--save_latents") -> None:
    """Writes latents to a .npy file, whole or not at all. UserError if that fails."""
    file = io.BytesIO()
    np.save(file, np.asarray(latents, np.float32), allow_pickle=False)
    with writing(f"{argument}={path}"):
        write_file(path, file.getvalue())


def _member_of(contents: bytes) -> bytes:
    """Returns the .npy file of the latents in a .npz archive. Raises one of `DAMAGED`."""
    with zipfile.ZipFile(io.BytesIO(contents)) as archive:
        members = {one.filename: one for one in archive.infolist()}
        name = "latents.npy" if "latents.npy" in members else next(iter(members), "")
        if name != "latents.npy" and len(members) != 1:
            raise ValueError(f"{len(members)} arrays, none called 'latents'")
        if members[name].file_size > _MOST_BYTES:  # no more is ever read
            raise ValueError("an array of more than 1 GiB")
        return archive.read(name)
