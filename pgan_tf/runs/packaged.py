"""Trained generators that come with this package, taken by name: `--model=emoji`.

Each is a small run folder under `presets/networks/`: a checkpoint with only the average generator,
in half precision, its scores, and a README with the command that trained it.
"""

import hashlib
import pathlib
from collections.abc import Mapping

from tfrecords.common.bounds import shown
from tfrecords.common.errors import UserError
from tfrecords.common.text import did_you_mean

FOLDER = pathlib.Path(__file__).parents[1] / "presets" / "networks"
# From the name of a network to the SHA-256 of its checkpoint.
NETWORKS: Mapping[str, str] = {
    "emoji": "365fe91fcdc54e3541da4ed40286d8826f974f3f54c611cedd90c6e1fe61e920"
}


def packaged_run(name: str) -> str:
    """Returns the run folder of a network of `NETWORKS`.

    Raises UserError for another name, and if the file is not the one of this version.
    """
    if name not in NETWORKS:
        words = f"expected {' or '.join(NETWORKS)}, got {shown(name)}"
        raise UserError(f"model: {words}{did_you_mean(name, NETWORKS)}")
    folder = FOLDER / name
    checkpoint = find_checkpoint(folder)
    sha256 = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    if sha256 != NETWORKS[name]:
        words = f"expected sha256 {NETWORKS[name]} of {checkpoint}, got {sha256}"
        raise UserError(f"model: {words}: install pgan-tf again")
    return str(folder)


def find_checkpoint(folder: pathlib.Path) -> pathlib.Path:
    """Returns the only checkpoint of a packaged run. Raises UserError if it is not there."""
    found = sorted((folder / "checkpoints").glob("*.npz"))
    if len(found) != 1:
        words = f"expected one checkpoint in {folder}, got {len(found)}"
        raise UserError(f"model: {words}: install pgan-tf again")
    return found[0]
