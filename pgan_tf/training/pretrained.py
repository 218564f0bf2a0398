"""Pretrained weights for --init_from: of another run, a published pickle or an export."""

import posixpath
import re

import tensorflow as tf

from pgan_tf.config.schedule import Stage
from pgan_tf.networks import official
from pgan_tf.runs import checkpoint
from pgan_tf.runs.checkpoint import NETWORKS
from pgan_tf.runs.folder import checkpoint_folder, lost_config, read_config
from pgan_tf.training.weights_file import WEIGHTS_FILE, Weights, read_weights_file
from tfrecords.common.errors import UserError
from tfrecords.common.paths import list_names

_DESCRIPTION = "pgan.json"  # of every export
_OF_AN_EXPORT = (".keras", ".safetensors")  # files whose folder may have all networks


def read_weights(path: str) -> Weights:
    """Reads a run's last checkpoint, a published pickle or an export's networks.

    Raises UserError if it is missing or damaged.
    """
    if posixpath.basename(path) == WEIGHTS_FILE or path.endswith(_OF_AN_EXPORT):
        path = posixpath.dirname(path) or "."
    elif path.endswith(".npz"):
        got = f"got a checkpoint, {path!r}: name the folder of its run"
        raise UserError(f"--init_from: expected a run folder or a pickle, {got}")
    if tf.io.gfile.exists(path) and not tf.io.gfile.isdir(path):
        return from_pickle(path)
    if newest := checkpoint.latest(checkpoint_folder(path)):
        return from_checkpoint(newest)
    names = list_names(path)
    versions = sorted((name for name in names if re.fullmatch("[0-9]+", name)), key=int)
    if versions and WEIGHTS_FILE not in names:
        path = posixpath.join(path, versions[-1])
        names = list_names(path)
    if WEIGHTS_FILE in names:
        return read_weights_file(posixpath.join(path, WEIGHTS_FILE))
    if _DESCRIPTION in names:
        expected = f"expected an export with all networks, got {path!r}, which can draw only"
        raise UserError(f"--init_from: {expected}: export it with --networks=all, or name its run")
    expected = "expected a run folder with checkpoints, a pickle of the published version or an "
    remedy = "name the --run_dir of a run of train.py, the file or the folder"
    expected += f"export with --networks=all, got {path!r}"
    raise UserError(f"--init_from: {expected}: {remedy}")


def from_checkpoint(path: str) -> Weights:
    """Reads all networks of a checkpoint; UserError if it is damaged."""
    saved = checkpoint.read(path, NETWORKS)
    resolution = _faded_in(saved.stage, saved.alpha)
    return Weights(path, saved.config.network, resolution, saved.arrays, saved.config.label_names)


def from_pickle(path: str) -> Weights:
    """Reads all networks of a published pickle; UserError if it lacks one or is damaged."""
    saved = official.read(path)
    networks = [(name, getattr(saved, name)) for name in NETWORKS]
    arrays = {f"{name}/{one}": array for name, it in networks for one, array in it.arrays.items()}
    resolution = min(_faded_in(network.stage, network.alpha) for _, network in networks)
    return Weights(path, saved.config, resolution, arrays)


def _faded_in(stage: Stage, alpha: float) -> int:
    return stage.resolution if alpha == 1 else stage.resolution // 2


def read_init_from(init_from: str | None, run_dir: str) -> Weights | None:
    """Reads the pretrained weights of a new run. None without `init_from` or if the run resumes."""
    if not init_from or checkpoint.latest(checkpoint_folder(run_dir)):
        return None
    if posixpath.normpath(init_from) == posixpath.normpath(run_dir):
        same = f"got {run_dir!r} for both: name another --run_dir"
        raise UserError(f"--init_from: expected another run than --run_dir, {same}")
    return read_weights(init_from)


def first_resolution(weights: Weights | None, run_dir: str, resolution: int) -> int:
    """Returns an existing run's first resolution, or the weights', at most `resolution`, in px."""
    if (opened := read_config(run_dir)) is not None:
        return opened.schedule.initial_resolution
    if weights is None:
        raise lost_config(run_dir)
    return min(weights.resolution, resolution)
