"""Checkpoints: one file for each, written whole or not at all.

A checkpoint is a NumPy .npz archive that can be read without this project. Its arrays are named
`network/layer/variable`, `optimizer/layer/variable/slot` and, in float16,
`loss_scale/network/variable`; beside them stand the fields of `Checkpoint`, the configuration as
JSON. Where one stage ends, it has that stage's shape: growing belongs to the next.

Nothing else is needed to go on: random numbers and the data's order are functions of the seed and
of images_shown.
"""

import dataclasses
import itertools
import posixpath
import re
import sys
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from pgan_tf.config.schedule import Stage, make_stages
from pgan_tf.config.training import TrainingConfig
from pgan_tf.devices.strategy import has_gpu
from pgan_tf.networks.generator import build_generator
from pgan_tf.networks.growth import named_variables, set_alpha
from pgan_tf.networks.layers.fast import speed_up
from pgan_tf.runs.checkpoint_checks import NETWORKS, check_weights, whole_number
from pgan_tf.runs.checkpoint_file import DAMAGED, ArrayFile, open_arrays, write_arrays
from pgan_tf.runs.log import METRICS, RESUMES
from tfrecords.common.errors import UserError
from tfrecords.common.paths import list_names, writing

# The first versions counted stages from 0: `images-0000001000-stage-00.npz`.
_NAME = re.compile(r"images-(\d{10,})-stage-(\d{2})(-of-\d{2})?\.npz", re.ASCII)
# What a checkpoint holds beside the variables.
_BESIDE = (
    *("images_shown", "stage_index", "config", "tick_metrics", "tick_first_image"),
    *("bad_records", "num_devices"),
)
_NO_METRICS: np.ndarray = np.zeros((0, 0), np.float32)
_NO_RECORDS: np.ndarray = np.zeros((0, 2), np.int64)


class DamagedError(UserError):
    """The file is not a whole checkpoint."""


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A checkpoint in memory."""

    path: str
    images_shown: int
    stage: Stage  # whose shape the networks have
    config: TrainingConfig
    arrays: dict[str, np.ndarray]  # the variables' values, of all networks or some only
    # Of a run that stops between two ticks: `(iterations, len(METRICS))` float32, and the images
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
    """Writes a checkpoint and returns its path; see `Checkpoint` for what it holds.

    The file gets its name only when it is complete. Raises UserError if it can't be written, such
    as on a full disk; older ones stay as they are.
    """
    beside = {
        "images_shown": images_shown,
        "stage_index": stage.index,
        "config": config.to_json(),
        "tick_metrics": _NO_METRICS if tick_metrics is None else tick_metrics,
        "tick_first_image": images_shown if tick_first_image is None else tick_first_image,
        "bad_records": bad_records,
        "num_devices": num_devices,
    }
    # One after the other: memory needs room for one only.
    arrays = itertools.chain(
        ((name, np.asarray(value)) for name, value in beside.items()),
        ((name, variable.numpy()) for name, variable in variables.items()),
    )
    count = len(make_stages(config.schedule))
    name = f"images-{images_shown:010d}-stage-{stage.number:02d}-of-{count:02d}.npz"
    path = posixpath.join(folder, name)
    with writing(path, RESUMES):
        tf.io.gfile.makedirs(folder)
        write_arrays(path, arrays)
    return path


def read(path: str, networks: Sequence[str] | None = None) -> Checkpoint:
    """Reads a checkpoint: all of it, or only the weights of some of `NETWORKS`.

    Raises DamagedError if it is damaged or none of ours; UserError if it can't be read, or was
    written by another version.
    """
    try:
        with open_arrays(path) as file:
            return _read(path, file, networks)
    except tf.errors.OpError as error:
        raise UserError(f"{path}: expected a checkpoint, got {error.message}") from None
    except UserError:
        raise
    except DAMAGED as error:
        words = ascii(str(error))[1:-1][:200]  # some of it is the file's
        raise DamagedError(
            f"{path}: expected a checkpoint of pgan-tf, got a damaged file ({words}): train.py "
            f"goes on from the one before, if there is one"
        ) from None


def _read(path: str, file: ArrayFile, networks: Sequence[str] | None) -> Checkpoint:
    # Version 0.1.0 saved at ticks only.
    beside = {"tick_metrics": _NO_METRICS, "bad_records": _NO_RECORDS, "num_devices": np.array(0)}
    beside |= {name: file.read(name) for name in _BESIDE if name in file.names}
    images_shown = whole_number(beside["images_shown"], 2**53)
    tick_first_image = whole_number(beside.get("tick_first_image", images_shown), 2**53)
    tick_metrics, bad_records = beside["tick_metrics"], beside["bad_records"]
    if tick_metrics.dtype != np.float32 or tick_metrics.size % len(METRICS):
        raise ValueError(f"metrics of the shape {tick_metrics.shape}, {tick_metrics.dtype}")
    if bad_records.dtype != np.int64:
        raise ValueError(f"numbers of records in {bad_records.dtype}")
    try:
        config = TrainingConfig.from_json(str(beside["config"]))
    except UserError as error:  # the archive's checksums have passed it
        raise UserError(
            f"{path}: expected a checkpoint of this version of pgan-tf, got another one's "
            f"({error}): use the version that wrote it"
        ) from None
    stages = make_stages(config.schedule)
    stage = stages[whole_number(beside["stage_index"], len(stages) - 1)]
    arrays = {
        name: file.read(name)
        for name in file.names
        if name not in _BESIDE and (networks is None or name.split("/")[0] in networks)
    }
    check_weights(arrays, stage, config.network, NETWORKS if networks is None else networks)
    return Checkpoint(
        path,
        images_shown,
        stage,
        config,
        arrays,
        tick_metrics.reshape(-1, len(METRICS)),
        tick_first_image,
        bad_records.reshape(-1, 2),
        whole_number(beside["num_devices"], 2**31),
    )


def read_run(run_dir: str, networks: Sequence[str] | None = None) -> Checkpoint:
    """Reads the last checkpoint of a run folder, as `read` does. UserError if there is none."""
    path = latest(posixpath.join(run_dir, "checkpoints"))
    if path is None:
        raise UserError(
            f"--run_dir: expected a run folder with checkpoints, got {run_dir!r}: name the "
            f"--run_dir that train.py printed"
        )
    return read(path, networks)


def read_newest(folder: str) -> tuple[Checkpoint | None, list[str]]:
    """Reads the newest whole checkpoint of a folder, if any; returns newer, damaged ones' paths.

    Raises UserError if all of them are damaged, or one can't be read for another reason.
    """
    damaged: list[str] = []
    newest_error: DamagedError | None = None
    for path in reversed(list_checkpoints(folder)):
        try:
            return read(path), damaged
        except DamagedError as error:
            newest_error = newest_error or error
            damaged.append(path)
    if newest_error:
        raise newest_error
    return None, []


def set_aside(damaged: Sequence[str], instead: str) -> None:
    """Renames damaged checkpoints, so that they are newest no more, and says so."""
    for path in damaged:
        tf.io.gfile.rename(path, path + ".damaged", overwrite=True)
        print(
            f"{path} is damaged: kept as {path}.damaged; going back to {instead}",
            file=sys.stderr,
            flush=True,
        )


def restore(checkpoint: Checkpoint, variables: dict[str, keras.Variable], prefix: str = "") -> None:
    """Gives variables the values of a checkpoint: all whose names begin so, or none.

    Raises UserError if names or shapes differ; the variables are left as they were.
    """
    arrays = {
        name.removeprefix(prefix): array
        for name, array in checkpoint.arrays.items()
        if name.startswith(prefix)
    }
    for name in sorted(variables.keys() ^ arrays.keys()):
        where = "lacks" if name in variables else "has, unexpectedly,"
        raise UserError(
            f"{checkpoint.path} {where} {name}: it was written with other networks; choose its own "
            f"configuration or another --run_dir"
        )
    for name, variable in variables.items():
        if tuple(variable.shape) != arrays[name].shape:
            raise UserError(
                f"{checkpoint.path}: expected {name} of shape {tuple(variable.shape)}, got "
                f"{arrays[name].shape}: it was written with other networks; choose its own "
                f"configuration or another --run_dir"
            )
    for name, variable in variables.items():
        variable.assign(arrays[name])


def load_generator(
    checkpoint: Checkpoint, network: str = "average_generator", precision: str = "float32"
) -> keras.Model:
    """Builds a checkpoint's `average_generator` or `generator`, in a Keras dtype policy."""
    model = build_generator(checkpoint.stage, checkpoint.config.network, precision=precision)
    restore(checkpoint, named_variables(model), f"{network}/")
    set_alpha(model, checkpoint.alpha)
    speed_up(model, winograd=not has_gpu())
    return model


def list_checkpoints(folder: str) -> list[str]:
    """Returns the paths of all checkpoints, by images shown."""
    return [path for _, _, path in _find(folder)]


def latest(folder: str) -> str | None:
    """Returns the path of the checkpoint with the most images shown, or None."""
    paths = list_checkpoints(folder)
    return paths[-1] if paths else None


def last_of_stages(folder: str) -> list[str]:
    """Returns the path of each stage's last checkpoint, in the order of stages."""
    return list({stage_number: path for _, stage_number, path in _find(folder)}.values())


def _find(folder: str) -> list[tuple[int, int, str]]:
    """Returns images shown, stage number and path of each checkpoint, sorted."""
    matches = filter(None, map(_NAME.fullmatch, list_names(folder)))
    return sorted(
        (int(match[1]), int(match[2]) + (not match[3]), posixpath.join(folder, match[0]))
        for match in matches
    )


def prune(folder: str, keep: int) -> None:
    """Removes all checkpoints but the last `keep`, and the last one of each stage.

    What a process that was killed left half-written goes, too.
    """
    for name in list_names(folder):
        if name.endswith(".partial") and _NAME.fullmatch(name.removesuffix(".partial")):
            tf.io.gfile.remove(posixpath.join(folder, name))
    paths = list_checkpoints(folder)
    for path in set(paths) - set(paths[-keep:]) - set(last_of_stages(folder)):
        tf.io.gfile.remove(path)
