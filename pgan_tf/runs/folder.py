"""The run folder, with everything that a run writes.

- `flags.txt`: flags of train.py, usable as --flagfile; `config.json`: the configuration
- `metrics.jsonl`: one object per tick, and scores, which have a `kind`; see `log`
- `events.out.tfevents…`: the same for TensorBoard, with the sample sheets
- `scores/`, `scores.txt`, `metrics.png`: scores, if any; see `metrics.score_log`
- `checkpoints/`, see `checkpoint`; `samples/reals.png`, `samples/fakes-<kimg>.png`
- `environment.json`: versions, code and machine that train; see `environment`
- `init_from.txt`: which weights came from another run; see `training.transfer`
"""

import os
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from pgan_tf.config.training import CHANGEABLE, TrainingConfig, differences
from pgan_tf.runs.small_files import read_text
from tfrecords.common.errors import UserError
from tfrecords.common.files import BusyError, locked, remove_partial_files, write_file
from tfrecords.common.paths import is_remote, list_names, writing

# Files that an interrupted `open_run` may leave. They do not belong to somebody else.
_OWN_NAMES = {"samples", "flags.txt", "flags.txt.partial", "config.json.partial"}
# The chief shows workers its configuration in this temporary file. If killed, it leaves the file.
_SHOWN = "config.json.partial"
# Names in `config.differences` that change with the pictures and not with a flag.
_OF_THE_DATA = {"dataset", "labels of the data"}


def checkpoint_folder(run_dir: str) -> str:
    """Returns the folder of a run's checkpoints."""
    return posixpath.join(run_dir, "checkpoints")


def open_run(run_dir: str, config: TrainingConfig, flags: str) -> None:
    """Makes or reopens a run folder and writes these flags. Raises UserError as `check_folder`."""
    with writing(f"--run_dir={run_dir}"):
        check_folder(run_dir, config)
        tf.io.gfile.makedirs(posixpath.join(run_dir, "samples"))
        for folder in ("", "samples", "scores", "checkpoints"):
            remove_partial_files(posixpath.join(run_dir, folder))
        write_file(posixpath.join(run_dir, "flags.txt"), flags.encode())
        write_file(posixpath.join(run_dir, "config.json"), config.to_json().encode())


def check_folder(run_dir: str, config: TrainingConfig) -> None:
    """Raises UserError unless a folder is new, empty, or has a run with this configuration."""
    if opened := read_config(run_dir):
        check_same_run(opened, config, run_dir)
    else:
        check_place(run_dir)


def check_place(run_dir: str) -> None:
    """Raises UserError unless a folder is new, empty or a run folder, and can be written."""
    if tf.io.gfile.exists(posixpath.join(run_dir, "config.json")):
        return
    if _has_checkpoints(run_dir):
        raise lost_config(run_dir)
    if tf.io.gfile.isdir(run_dir) and not _OWN_NAMES.issuperset(list_names(run_dir)):
        message = f"expected a new folder or one of train.py's, got {run_dir!r}"
        raise UserError(f"--run_dir: {message} which holds other files: name another")
    if is_remote(run_dir):
        return
    place = os.path.abspath(run_dir)
    while not os.path.lexists(place):
        place = os.path.dirname(place)
    if not os.path.isdir(place) or not os.access(place, os.W_OK):
        why = f"{place} is {'read-only' if os.path.isdir(place) else 'no folder'}"
        message = f"expected a folder that can be written, got {run_dir!r} ({why})"
        raise UserError(f"--run_dir: {message}: name another")


def lost_config(run_dir: str) -> UserError:
    """Returns the error for a run folder that has checkpoints but no config.json."""
    message = f"expected config.json with the checkpoints, got none in {run_dir!r}: put it back"
    return UserError(
        f"--run_dir: {message} (each checkpoint holds it, as `config`), or name another"
    )


@contextmanager
def locked_run(run_dir: str) -> Iterator[None]:
    """Makes a run folder and locks it. UserError if another process has it, or it can't be made."""
    with locked(run_dir, f"--run_dir: {_busy(run_dir)}"):
        with writing(f"--run_dir={run_dir}"):
            tf.io.gfile.makedirs(run_dir)
        yield


def describe_lock(run_dir: str) -> str:
    """Returns a line if another process has locked a run folder, else an empty text."""
    try:
        with locked(run_dir, _busy(run_dir), make=False):
            return ""
    except BusyError as busy:
        return str(busy)


def _busy(run_dir: str) -> str:
    return f"another process is training {run_dir}: wait until it has ended, or name another"


@contextmanager
def shown_to_workers(run_dir: str, config: TrainingConfig) -> Iterator[None]:
    """Shows the chief's configuration to other workers, for `join_run`, in a temporary file."""
    path = posixpath.join(run_dir, _SHOWN)
    with writing(f"--run_dir={run_dir}"):
        tf.io.gfile.makedirs(run_dir)
        with tf.io.gfile.GFile(path, "w") as file:
            file.write(config.to_json())
    try:
        yield
    finally:
        tf.io.gfile.remove(path)


def join_run(run_dir: str, config: TrainingConfig) -> None:
    """Raises UserError unless the chief trains in this folder with this worker's configuration."""
    shown = read_config(run_dir, _SHOWN)
    if shown is None:
        words = f"expected {run_dir} to be the chief's, got a folder without its {_SHOWN}"
        raise UserError(f"--run_dir: {words}: name the same one, on a disk that all workers share")
    if different := check_same_run(shown, config, run_dir):
        words = ", ".join(different)
        raise UserError(f"expected the chief's flags on all workers, got others: {words} here")


def read_config(run_dir: str, name: str = "config.json") -> TrainingConfig | None:
    """Reads the configuration in a run folder. None if there is none; UserError if damaged."""
    path = posixpath.join(run_dir, name)
    if not tf.io.gfile.exists(path):
        return None
    text = read_text(path)
    try:
        return TrainingConfig.from_json(text)
    except UserError as error:
        remedy = "put back train.py's; each checkpoint holds it, as `config`"
        raise UserError(f"{run_dir.rstrip('/')}/{error}: {remedy}") from None


def check_same_run(old: TrainingConfig, new: TrainingConfig, run_dir: str) -> tuple[str, ...]:
    """Describes permitted changes, such as of length. UserError if anything else has changed."""
    found = differences(old, new)
    changed = {name: f"{name} was {was} and is {now}" for name, (was, now) in found.items()}
    refused = [name for name in changed if name not in CHANGEABLE]
    if not refused:
        return tuple(changed.values())
    changes = ", ".join(changed[name] for name in refused)
    start = f"--run_dir: {run_dir} was started with"
    if _OF_THE_DATA.isdisjoint(refused):
        flagfile = f"--flagfile={posixpath.join(run_dir, 'flags.txt')}"
        advice = f"resume with {flagfile}, or name another --run_dir"
        raise UserError(f"{start} another configuration ({changes}): {advice}")
    init_from = f" --init_from={run_dir}" if _has_checkpoints(run_dir) else ""
    advice = (
        f"with --data=, wherever they are, or start a run on these: --run_dir=ANOTHER{init_from}"
    )
    raise UserError(f"{start} other data ({changes}): give those, {advice}")


def _has_checkpoints(run_dir: str) -> bool:
    return any(name.endswith(".npz") for name in list_names(checkpoint_folder(run_dir)))
