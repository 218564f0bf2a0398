"""Pretrained weights for --init_from, from another run or a published pickle."""

import dataclasses
import posixpath

import numpy as np
import tensorflow as tf

from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig
from pgan_tf.networks import official
from pgan_tf.runs import checkpoint
from pgan_tf.runs.checkpoint import NETWORKS
from pgan_tf.runs.folder import checkpoint_folder, lost_config, read_config
from tfrecords.common.errors import UserError


@dataclasses.dataclass(frozen=True)
class Weights:
    """The weights of trained networks."""

    source: str  # where they come from, such as a path
    network: NetworkConfig
    resolution: int  # the highest resolution that has fully faded in, in pixels
    arrays: dict[str, np.ndarray]  # of all `NETWORKS`, by name as in checkpoints
    label_names: tuple[str, ...] = ()  # names of the classes, in order; empty if unknown


def read_weights(path: str) -> Weights:
    """Reads a run's last checkpoint or a published pickle; UserError if missing or damaged."""
    if path.endswith(".npz"):
        got = f"got a checkpoint, {path!r}: name the folder of its run"
        raise UserError(f"--init_from: expected a run folder or a pickle, {got}")
    if tf.io.gfile.exists(path) and not tf.io.gfile.isdir(path):
        return _read_pickle(path)
    if (newest := checkpoint.latest(checkpoint_folder(path))) is None:
        expected = "expected a run folder with checkpoints or a pickle of the published version"
        remedy = "name the --run_dir of a run of train.py, or the file"
        raise UserError(f"--init_from: {expected}, got {path!r}: {remedy}")
    saved = checkpoint.read(newest, NETWORKS)
    resolution = _faded_in(saved.stage, saved.alpha)
    return Weights(newest, saved.config.network, resolution, saved.arrays, saved.config.label_names)


def _read_pickle(path: str) -> Weights:
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
