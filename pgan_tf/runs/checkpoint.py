"""Checkpoints: one file for each, written whole or not at all.

A checkpoint is a NumPy .npz archive that can be read without this project: arrays named
`network/layer/variable` and `optimizer/layer/variable/slot`, `images_shown`, and the
configuration as JSON text, and the index of the stage whose shape the networks have. (At
the border of two stages that is the one that ended: growing belongs to what follows.) In
float16 the two loss scales are there as `loss_scale/network/variable`. What was measured
since the last line of metrics.jsonl is there too, so that a run that stops between two lines
goes on to write the same ones; and which records of the data were left out,
and how many devices trained.

Nothing else is needed to go on: random numbers and the data's order are functions of the
seed and of images_shown.
"""

from __future__ import annotations

import dataclasses
import math
import posixpath
from collections.abc import Iterator, Sequence

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
from pgan_tf.runs.checkpoint_names import last_of_stages, latest, list_checkpoints, name_of, prune
from pgan_tf.runs.files import what_to_do
from pgan_tf.runs.metrics_file import METRICS
from tfrecords.common.errors import UserError
from tfrecords.common.in_words import size_in_words

__all__ = [
    "NETWORKS",
    "Checkpoint",
    "DamagedError",
    "assign_all",
    "last_of_stages",
    "latest",
    "list_checkpoints",
    "load_generator",
    "prune",
    "read",
    "read_run",
    "restore",
    "save",
]

# What a checkpoint holds beside the variables.
_BESIDE = (
    *("images_shown", "stage_index", "config", "tick_metrics", "tick_first_image"),
    *("bad_records", "num_devices"),
)
_NO_METRICS: np.ndarray = np.zeros((0, 0), np.float32)
_NO_RECORDS: np.ndarray = np.zeros((0, 2), np.int64)


class DamagedError(UserError):
    """A file that is no whole checkpoint."""


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A checkpoint in memory.

    Attributes:
        path: where it was read.
        images_shown: real images shown until then.
        stage: the stage that they were shown in.
        config: the run's configuration.
        arrays: the variables' values by name: all of them, or of some networks only.
        tick_metrics: `(steps, metrics)` float32, of the steps since the last tick.
        tick_first_image: images shown until that tick.
        bad_records: `(n, 2)` int64, the damaged records met until then; see `bad_records`.
        num_devices: that trained, over all workers; 0 if that is not known.
    """

    path: str
    images_shown: int
    stage: Stage
    config: TrainingConfig
    arrays: dict[str, np.ndarray]
    tick_metrics: np.ndarray
    tick_first_image: int
    bad_records: np.ndarray
    num_devices: int

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
    """Writes a checkpoint and returns its path.

    The file gets its name only when it is complete.

    Args:
        folder: where to.
        stage: whose shape the networks have.
        variables: of networks and optimizers, by name.
        images_shown: real images shown until now.
        config: the run.
        tick_metrics: see `Checkpoint`; absent at a tick.
        tick_first_image: see `Checkpoint`; absent at a tick.
        bad_records: see `Checkpoint`.
        num_devices: see `Checkpoint`.

    Raises:
        UserError: it can't be written, such as on a full disk; older ones stay as they are.
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

    def arrays() -> Iterator[tuple[str, np.ndarray]]:
        for name, value in beside.items():
            yield name, np.asarray(value)
        for name, variable in variables.items():
            yield name, variable.numpy()

    path = posixpath.join(folder, name_of(images_shown, stage, config))
    try:
        tf.io.gfile.makedirs(folder)
        write_arrays(path, arrays())
    except tf.errors.OpError as error:
        size = sum(math.prod(one.shape) * one.numpy().itemsize for one in variables.values())
        raise UserError(
            f"{path}: expected {size_in_words(size)} to be written, got "
            f"{error.message}: {what_to_do(error)}; the same command goes on from {latest(folder)}"
        ) from None
    return path


def read(path: str, networks: Sequence[str] | None = None) -> Checkpoint:
    """Reads a checkpoint.

    Args:
        path: the file.
        networks: those of `NETWORKS` whose weights are read, and nothing else of what trains;
            None reads all there is.

    Raises:
        DamagedError: it is damaged, or none of ours.
        UserError: it cannot be read at all, or is another version's.
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
    """Reads an open checkpoint; see `read`. What is damaged is a ValueError or the like."""
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
    wanted = [
        name
        for name in file.names
        if name not in _BESIDE and (networks is None or name.split("/")[0] in networks)
    ]
    arrays = {name: file.read(name) for name in wanted}
    check_weights(arrays, stage, config.network, NETWORKS if networks is None else networks)
    return Checkpoint(
        path=path,
        images_shown=images_shown,
        stage=stage,
        config=config,
        arrays=arrays,
        tick_metrics=tick_metrics.reshape(-1, len(METRICS)),
        tick_first_image=tick_first_image,
        bad_records=bad_records.reshape(-1, 2),
        num_devices=whole_number(beside["num_devices"], 2**31),
    )


def restore(checkpoint: Checkpoint, variables: dict[str, keras.Variable]) -> None:
    """Gives variables the values of a checkpoint: all of them, or none.

    Raises:
        UserError: names or shapes differ; the variables are left as they were.
    """
    assign_all(variables, checkpoint.arrays, checkpoint.path)


def assign_all(
    variables: dict[str, keras.Variable], arrays: dict[str, np.ndarray], source: str
) -> None:
    """Gives variables the values of arrays of the same names: all of them, or none.

    Raises:
        UserError: names or shapes differ. `source` is named in the message.
    """
    for name in sorted(variables.keys() ^ arrays.keys()):
        where = "lacks" if name in variables else "has, unexpectedly,"
        raise UserError(
            f"{source} {where} {name}: it was written with other networks; choose its own "
            f"configuration or another --run_dir"
        )
    for name, variable in variables.items():
        if tuple(variable.shape) != arrays[name].shape:
            raise UserError(
                f"{source}: expected {name} of shape {tuple(variable.shape)}, got "
                f"{arrays[name].shape}: it was written with other networks; choose its own "
                f"configuration or another --run_dir"
            )
    for name, variable in variables.items():
        variable.assign(arrays[name])


def load_generator(
    checkpoint: Checkpoint, network: str = "average_generator", precision: str = "float32"
) -> keras.Model:
    """Builds a generator with a checkpoint's weights and alpha.

    Args:
        checkpoint: from `read`.
        network: `average_generator` or `generator`.
        precision: a Keras dtype policy.
    """
    model = build_generator(checkpoint.stage, checkpoint.config.network, precision=precision)
    prefix = f"{network}/"
    arrays = {
        name.removeprefix(prefix): value
        for name, value in checkpoint.arrays.items()
        if name.startswith(prefix)
    }
    assign_all(named_variables(model), arrays, checkpoint.path)
    set_alpha(model, checkpoint.alpha)
    speed_up(model, winograd=not has_gpu())
    return model


def read_run(run_dir: str, networks: Sequence[str] | None = None) -> Checkpoint:
    """Reads the last checkpoint of a run folder; see `read`.

    Raises:
        UserError: there is none.
    """
    path = latest(posixpath.join(run_dir, "checkpoints"))
    if path is None:
        raise UserError(
            f"--run_dir: expected a run folder with checkpoints, got {run_dir!r}: name the "
            f"--run_dir that train.py printed"
        )
    return read(path, networks)
