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
import io
import posixpath
import re
import struct
import tokenize
import zipfile
import zlib

import keras
import numpy as np
import tensorflow as tf

from pgan_tf.config import TrainingConfig
from pgan_tf.growth import named_variables
from pgan_tf.networks import build_generator, set_alpha
from pgan_tf.schedule import Stage, make_stages
from pgan_tf.state import TrainingState
from pgan_tf.whole_file import write_file
from tfrecords.errors import UserError
from tfrecords.in_words import size_in_words

# What reading bytes that are no archive of ours comes to, by where they go wrong.
_DAMAGED = (
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    OSError,
    RuntimeError,
    SyntaxError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)

_NO_METRICS = np.zeros((0, 0), np.float32)
_NO_RECORDS = np.zeros((0, 2), np.int64)

_NAME = re.compile(r"images-(\d{10})-stage-(\d{2})\.npz$")


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
        arrays: every variable's value by name.
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
        return min(1.0, self.stage.alpha(self.images_shown))


def save(
    folder: str,
    state: TrainingState,
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
        state: the networks and optimizers.
        images_shown: real images shown until now.
        config: the run.
        tick_metrics: see `Checkpoint`; absent at a tick.
        tick_first_image: see `Checkpoint`; absent at a tick.
        bad_records: see `Checkpoint`.
        num_devices: see `Checkpoint`.

    Raises:
        UserError: it can't be written, such as on a full disk; older ones stay as they are.
    """
    arrays = {name: variable.numpy() for name, variable in _variables(state).items()}
    contents = io.BytesIO()
    np.savez(
        contents,
        images_shown=images_shown,
        stage_index=state.stage.index,
        config=config.to_json(),
        tick_metrics=_NO_METRICS if tick_metrics is None else tick_metrics,
        tick_first_image=images_shown if tick_first_image is None else tick_first_image,
        bad_records=bad_records,
        num_devices=num_devices,
        **arrays,
    )
    path = posixpath.join(folder, _name(images_shown, state.stage.index))
    try:
        tf.io.gfile.makedirs(folder)
        write_file(path, contents.getvalue())
    except tf.errors.OpError as error:
        raise UserError(
            f"{path}: expected {size_in_words(len(contents.getvalue()))} to be written, got "
            f"{error.message}: make room; the same command goes on from {latest(folder)}"
        ) from None
    return path


def latest(folder: str) -> str | None:
    """Returns the path of the checkpoint with the most images shown, or None."""
    paths = list_checkpoints(folder)
    return paths[-1] if paths else None


def last_of_stages(folder: str) -> list[str]:
    """Returns the path of each stage's last checkpoint, in the order of stages."""
    return list({_NAME.search(path)[2]: path for path in list_checkpoints(folder)}.values())


def prune(folder: str, keep: int) -> None:
    """Removes old checkpoints: all but the last `keep`, and the last one of each stage.

    What a process that was killed left half-written goes, too.
    """
    for name in tf.io.gfile.listdir(folder):
        if name.endswith(".partial") and _NAME.fullmatch(name.removesuffix(".partial")):
            tf.io.gfile.remove(posixpath.join(folder, name))
    paths = list_checkpoints(folder)
    for path in set(paths) - set(paths[-keep:]) - set(last_of_stages(folder)):
        tf.io.gfile.remove(path)


def read(path: str) -> Checkpoint:
    """Reads a checkpoint.

    Raises:
        DamagedError: it is damaged, or none of ours.
        UserError: it cannot be read at all, or is another version's.
    """
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            arrays = dict(np.load(io.BytesIO(file.read()), allow_pickle=False))
        images_shown = int(arrays.pop("images_shown"))
        stage_index = int(arrays.pop("stage_index"))
        # Version 0.1.0 saved at ticks only.
        tick_metrics = arrays.pop("tick_metrics", _NO_METRICS)
        tick_first_image = int(arrays.pop("tick_first_image", images_shown))
        bad_records = arrays.pop("bad_records", _NO_RECORDS).reshape(-1, 2)
        num_devices = int(arrays.pop("num_devices", 0))
        config = TrainingConfig.from_json(str(arrays.pop("config")))
        stage = make_stages(config.schedule)[stage_index]
    except tf.errors.OpError as error:
        raise UserError(f"{path}: expected a checkpoint, got {error.message}") from None
    except UserError as error:  # of the configuration, which the archive's checksums have passed
        raise UserError(
            f"{path}: expected a checkpoint of this version of pgan-tf, got another one's "
            f"({error}): use the version that wrote it"
        ) from None
    except _DAMAGED as error:
        raise DamagedError(
            f"{path}: expected a checkpoint of pgan-tf, got a damaged file ({error}): train.py "
            f"goes on from the one before, if there is one"
        ) from None
    since_tick = tick_metrics, tick_first_image
    return Checkpoint(
        path, images_shown, stage, config, arrays, *since_tick, bad_records, num_devices
    )


def restore(checkpoint: Checkpoint, state: TrainingState) -> None:
    """Gives a state the values of a checkpoint: all of them, or none.

    Raises:
        UserError: names or shapes differ; the state is left as it was.
    """
    assign_all(_variables(state), checkpoint.arrays, checkpoint.path)


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
    return model


def read_run(run_dir: str) -> Checkpoint:
    """Reads the last checkpoint of a run folder.

    Raises:
        UserError: there is none.
    """
    path = latest(posixpath.join(run_dir, "checkpoints"))
    if path is None:
        raise UserError(
            f"--run_dir: expected a run folder with checkpoints, got {run_dir!r}: name the "
            f"--run_dir that train.py printed"
        )
    return read(path)


def _variables(state: TrainingState) -> dict[str, keras.Variable]:
    return state.weights() | state.optimizer_state() | state.loss_scales()


def _name(images_shown: int, stage_index: int) -> str:
    return f"images-{images_shown:010d}-stage-{stage_index:02d}.npz"


def list_checkpoints(folder: str) -> list[str]:
    """Returns the paths of all checkpoints, by images shown."""
    if not tf.io.gfile.isdir(folder):
        return []
    names = sorted(name for name in tf.io.gfile.listdir(folder) if _NAME.fullmatch(name))
    return [posixpath.join(folder, name) for name in names]
