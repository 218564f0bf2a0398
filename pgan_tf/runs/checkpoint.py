"""Checkpoints: one file each, written whole or not at all.

A checkpoint is a NumPy .npz archive that can be read without this project. Arrays are named
`network/layer/variable`, `optimizer/layer/variable/slot`, in float16 `loss_scale/network/variable`
and, with --augment=ada, `augmentation/variable`. The fields of `Checkpoint` come with them, the
configuration as JSON. The last checkpoint of a stage has that stage's shape, since the next stage
grows the networks.
Nothing else is needed to resume: seed and images_shown determine random numbers and data order.
"""

import dataclasses
import itertools
import posixpath
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pgan_tf.config.networks import discriminator_layers, generator_layers
from pgan_tf.config.schedule import Stage, make_stages
from pgan_tf.config.training import NetworkConfig, TrainingConfig
from pgan_tf.runs.checkpoint_file import DAMAGED, ArrayFile, open_arrays, write_arrays
from pgan_tf.runs.log import METRICS, RESUMES
from tfrecords.common.errors import UserError
from tfrecords.common.paths import list_names, writing

# The first versions counted stages from 0: `images-0000001000-stage-00.npz`.
_NAME = re.compile(r"images-(\d{10,})-stage-(\d{2})(-of-\d{2})?\.npz", re.ASCII)
NETWORKS = ("generator", "discriminator", "average_generator")
# The contents of a checkpoint besides the variables.
_FIELDS = (
    *("images_shown", "stage_index", "config", "tick_metrics", "tick_first_image"),
    *("bad_records", "num_devices"),
)
_NO_METRICS: np.ndarray = np.zeros((0, 0), np.float32)
_NO_RECORDS: np.ndarray = np.zeros((0, 2), np.int64)


class DamagedError(UserError):
    """The file is not a complete checkpoint."""


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A checkpoint in memory."""

    path: str
    images_shown: int
    stage: Stage  # determines the shape of the networks
    config: TrainingConfig
    arrays: dict[str, np.ndarray]  # values of the variables, for all networks or only some
    # Only if the run stopped within a tick: `(iterations, len(METRICS))` float32, and the images
    # shown when the tick began.
    tick_metrics: np.ndarray
    tick_first_image: int
    bad_records: np.ndarray  # see `BadRecords.met`
    num_devices: int  # over all workers; 0 if unknown

    @property
    def alpha(self) -> float:
        """How far the stage's new layers have faded in, 0 to 1."""
        return max(0.0, min(1.0, self.stage.alpha(self.images_shown)))


def save(
    folder: str,
    stage: Stage,
    variables: dict[str, keras.Variable],
    images_shown: int,
    config: TrainingConfig,
    tick_metrics: np.ndarray | None = None,
    tick_first_image: int | None = None,
    bad_records: np.ndarray = _NO_RECORDS,
    num_devices: int = 0,
) -> str:
    """Writes a checkpoint atomically and returns its path. UserError if the disk is full."""
    first = images_shown if tick_first_image is None else tick_first_image
    metrics = _NO_METRICS if tick_metrics is None else tick_metrics
    values = (images_shown, stage.index, config.to_json(), metrics, first, bad_records)
    fields = zip(_FIELDS, map(np.asarray, (*values, num_devices)), strict=True)
    # One at a time, so that memory holds only one copy.
    arrays = itertools.chain(fields, ((name, one.numpy()) for name, one in variables.items()))
    count = len(make_stages(config.schedule))
    name = f"images-{images_shown:010d}-stage-{stage.number:02d}-of-{count:02d}.npz"
    path = posixpath.join(folder, name)
    with writing(path, RESUMES):
        tf.io.gfile.makedirs(folder)
        write_arrays(path, arrays)
    return path


def read(path: str, networks: Sequence[str] | None = None) -> Checkpoint:
    """Reads a checkpoint: all of it, or only the weights of some of `NETWORKS`.

    Raises DamagedError if it is damaged or no checkpoint; UserError if unreadable or incompatible.
    """
    try:
        with open_arrays(path) as file:
            return _read(path, file, networks)
    except tf.errors.OpError as error:
        raise UserError(f"{path}: expected a checkpoint, got {error.message}") from None
    except UserError:
        raise
    except DAMAGED as error:
        reason = ascii(str(error))[1:-1][:200]  # may quote bytes of the file
        raise DamagedError(
            f"{path}: expected a checkpoint of pgan-tf, got a damaged file ({reason}): train.py "
            f"resumes from the one before, if there is one"
        ) from None


def _read(path: str, file: ArrayFile, networks: Sequence[str] | None) -> Checkpoint:
    # Version 0.1.0 saved only at ticks.
    fields = {"tick_metrics": _NO_METRICS, "bad_records": _NO_RECORDS, "num_devices": np.array(0)}
    fields |= {name: file.read(name) for name in _FIELDS if name in file.names}
    images_shown = _whole_number(fields["images_shown"], 2**53)
    tick_metrics, bad_records = fields["tick_metrics"], fields["bad_records"]
    if tick_metrics.dtype != np.float32 or tick_metrics.size % len(METRICS):
        raise ValueError(f"metrics of the shape {tick_metrics.shape}, {tick_metrics.dtype}")
    if bad_records.dtype != np.int64:
        raise ValueError(f"numbers of records in {bad_records.dtype}")
    try:
        config = TrainingConfig.from_json(str(fields["config"]))
    except UserError as error:  # not damage, since the checksum is right
        message = f"expected a checkpoint of this version, got another one's ({error})"
        raise UserError(f"{path}: {message}: use the pgan-tf that wrote it") from None
    stages = make_stages(config.schedule)
    stage = stages[_whole_number(fields["stage_index"], len(stages) - 1)]
    arrays = {
        name: file.read(name)
        for name in file.names
        if name not in _FIELDS and (networks is None or name.split("/")[0] in networks)
    }
    for name, array in arrays.items():
        if array.dtype == np.float16 and name.split("/")[0] in NETWORKS:  # see `runs.packaged`
            arrays[name] = array.astype(np.float32)
    _check_weights(arrays, stage, config.network, NETWORKS if networks is None else networks)
    first_image = _whole_number(fields.get("tick_first_image", images_shown), 2**53)
    tick = tick_metrics.reshape(-1, len(METRICS)), first_image
    others = bad_records.reshape(-1, 2), _whole_number(fields["num_devices"], 2**31)
    return Checkpoint(path, images_shown, stage, config, arrays, *tick, *others)


def _whole_number(value: Any, most: int) -> int:
    array = np.asarray(value)
    if array.shape or array.dtype.kind not in "iu" or not 0 <= int(array) <= most:
        raise ValueError(f"expected a whole number from 0 to {most}, got {str(value)[:80]}")
    return int(array)


def _check_weights(
    arrays: dict[str, np.ndarray], stage: Stage, config: NetworkConfig, networks: Sequence[str]
) -> None:
    """Raises ValueError unless the arrays are exactly those of the configured networks."""
    for name, array in arrays.items():
        of_network = name.split("/")[0] in NETWORKS
        if array.dtype.kind not in "fiu" or (of_network and array.dtype != np.float32):
            raise ValueError(f"{name} holds {array.dtype}")
        # Adam's squared gradients may overflow to infinity, which does no harm.
        if not np.isfinite(array).all() and (of_network or np.isnan(array).any()):
            raise ValueError(f"{name} holds numbers that are not finite")
    expected = {}
    for network in networks:
        layers = discriminator_layers if network == "discriminator" else generator_layers
        for layer in layers(stage, config):
            for variable, shape in layer.variables:
                expected[f"{network}/{layer.name}/{variable}"] = shape
    found = {name: array for name, array in arrays.items() if name.split("/")[0] in networks}
    if misfit := _misfit(expected, found):
        raise ValueError(f"its configuration does not describe its weights: {misfit}")


def _misfit(expected: Mapping[str, tuple[int, ...]], arrays: Mapping[str, np.ndarray]) -> str:
    """Describes the first array that is missing, unexpected or of another shape, or returns ""."""
    found = {name: array.shape for name, array in arrays.items()}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            return f"expected {name} of the shape {expected.get(name)}, got {found.get(name)}"
    return ""


def read_run(run_dir: str, networks: Sequence[str] | None = None) -> Checkpoint:
    """Reads the last checkpoint of a run folder, as `read` does. UserError if there is none."""
    path = latest(posixpath.join(run_dir, "checkpoints"))
    if path is None:
        message = f"expected a run folder with checkpoints, got {run_dir!r}"
        raise UserError(f"--run_dir: {message}: name the one that train.py printed")
    return read(path, networks)


def read_newest(folder: str) -> tuple[Checkpoint | None, list[str]]:
    """Reads the newest intact checkpoint and lists damaged newer ones. UserError if all are."""
    errors: dict[str, DamagedError] = {}
    for path in reversed(list_checkpoints(folder)):
        try:
            return read(path), list(errors)
        except DamagedError as error:
            errors[path] = error
    if errors:
        raise next(iter(errors.values()))
    return None, []


def set_aside(damaged: Sequence[str], instead: str) -> None:
    """Renames damaged checkpoints, so that they no longer count as the newest, and says so."""
    for path in damaged:
        tf.io.gfile.rename(path, f"{path}.damaged", overwrite=True)
        message = f"{path} is damaged: kept as {path}.damaged; going back to {instead}"
        print(message, file=sys.stderr, flush=True)


def restore(checkpoint: Checkpoint, variables: dict[str, keras.Variable], prefix: str = "") -> None:
    """Sets variables to the arrays `prefix + name`. UserError if names or shapes differ."""
    arrays = {name: one for name, one in checkpoint.arrays.items() if name.startswith(prefix)}
    expected = {prefix + name: tuple(variable.shape) for name, variable in variables.items()}
    if misfit := _misfit(expected, arrays):
        message = f"{misfit}: it was written with other networks; choose its own configuration"
        raise UserError(f"{checkpoint.path}: {message} or another --run_dir")
    for name, variable in variables.items():
        variable.assign(arrays[prefix + name])


def list_checkpoints(folder: str) -> list[str]:
    """Returns the paths of all checkpoints, sorted by images shown."""
    return [path for _, _, path in _find(folder)]


def latest(folder: str) -> str | None:
    """Returns the path of the checkpoint with the most images shown, or None."""
    return next(reversed(list_checkpoints(folder)), None)


def last_of_stages(folder: str) -> list[str]:
    """Returns the path of each stage's last checkpoint, in the order of stages."""
    return list({stage_number: path for _, stage_number, path in _find(folder)}.values())


def _find(folder: str) -> list[tuple[int, int, str]]:
    """Returns images shown, stage number and path of each checkpoint, sorted."""
    return sorted(
        (int(match[1]), int(match[2]) + (not match[3]), posixpath.join(folder, match[0]))
        for match in map(_NAME.fullmatch, list_names(folder))
        if match
    )


def prune(folder: str, keep: int) -> None:
    """Removes all checkpoints but the last `keep`, and the last one of each stage."""
    paths = list_checkpoints(folder)
    for path in set(paths) - set(paths[-keep:]) - set(last_of_stages(folder)):
        tf.io.gfile.remove(path)
