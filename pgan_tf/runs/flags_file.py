"""A run's flags.txt: flags of train.py that repeat the run from any working folder."""

import os
import pathlib
import posixpath
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from pgan_tf.runs.small_files import read_text
from tfrecords.common import paths
from tfrecords.common.errors import UserError
from tfrecords.common.paths import is_remote
from tfrecords.format.dataset_info import is_dataset_folder
from tfrecords.sources.by_name import split_kind

# Flags whose values are paths, except for some words that --labels takes.
_SOURCES = ("data", "held_out_data")
_PATHS = (
    *_SOURCES,
    *("data_cache", "inception", "init_from", "labels", "run_dir", "tfds_data_dir"),
)
_LABEL_WORDS = ("folders", "none", "wanted")


def flags_text(values: Mapping[str, Any]) -> str:
    """Returns a --flagfile with absolute paths, without None. UserError for unsuitable values."""
    lines = []
    for name, value in sorted(values.items()):
        if isinstance(value, bool):
            lines.append(f"--{name}" if value else f"--no{name}")
        elif value is not None:
            text = str(_absolute(name, value))
            in_utf8 = text.encode(errors="ignore").decode()
            if in_utf8 != text.rstrip() or len(text.splitlines()) > 1:
                raise UserError(
                    f"--{name}: expected a value that flags.txt can hold, got {text!a} with a line "
                    f"break, a space at its end or bytes that are no UTF-8: rename it"
                )
            lines.append(f"--{name}={text}")
    return "\n".join(lines) + "\n"


def read_flags(run_dir: str) -> dict[str, str]:
    """Returns the values in a run's flags.txt by name, "" for `--name`. Empty without a file."""
    return {name: value for name, _, value in _read_lines(run_dir)}


def located_flags(run_dir: str) -> list[str]:
    """Returns the lines of a run's flags.txt, with paths updated if the run folder has moved."""
    old_run_dir = read_flags(run_dir).get("run_dir", "")
    lines = []
    for name, equals, value in _read_lines(run_dir):
        if value and name != "run_dir":
            value, _ = find_path(name, value, run_dir, old_run_dir)
        if name != "flagfile":  # we never write one, and it could point to any file
            lines.append(f"--{name}{equals}{value}")
    return lines


def _read_lines(run_dir: str) -> list[tuple[str, str, str]]:
    """Returns name, equals sign and value of each flag in a run's flags.txt."""
    path = posixpath.join(run_dir, "flags.txt")
    if not tf.io.gfile.exists(path):
        return []
    lines = read_text(path, most_bytes=2**20).splitlines()
    return [line.strip()[2:].partition("=") for line in lines if line.startswith("--")]


def find_path(name: str, value: str, run_dir: str, old_run_dir: str) -> tuple[str, list[str]]:
    """Returns a flag's value with its current path, and, if not found, where it was looked for.

    A run folder may have moved from `old_run_dir`, together with its surroundings. Paths in older
    files are relative to the folder in which train.py was started.
    """
    prefix, path = _split(name, value)
    if not path:
        return value, []
    places = _places(os.path.expanduser(path), run_dir, old_run_dir)
    for place in places:
        # mnist:PATH:test
        if paths.exists(place) or (prefix and paths.exists(place.rpartition(":")[0])):
            return prefix + place, []
    return value, places


def _split(name: str, value: str) -> tuple[str, str]:
    """Splits a flag's value into what comes before its path, and the path ("" if it has none)."""
    if name not in _PATHS or is_remote(value) or (name == "labels" and value in _LABEL_WORDS):
        return value, ""
    if name in _SOURCES and not is_dataset_folder(os.path.expanduser(value)):
        return split_kind(value)
    return "", value


def _absolute(name: str, value: Any) -> Any:
    """Returns a flag's value, with an absolute path if it is a path."""
    prefix, path = _split(name, value) if isinstance(value, str) and value else ("", "")
    if not path:
        return value
    path = os.path.abspath(os.path.expanduser(path))
    if name == "labels" and not os.path.exists(path):
        return value
    # Spaces at the end of a line would be lost.
    return f"{prefix}{path}/" if path[-1].isspace() and not os.path.isfile(path) else prefix + path


def _places(path: str, run_dir: str, old_run_dir: str) -> list[str]:
    """Returns the places where a path may be now, the likeliest first."""
    if is_remote(run_dir):
        return [path]
    run_dir = os.path.abspath(run_dir)
    beside = []  # at the same place relative to the run folder
    comparable = os.path.isabs(path) == os.path.isabs(old_run_dir)
    if old_run_dir and not is_remote(old_run_dir) and comparable:
        moved = os.path.join(run_dir, os.path.relpath(path, old_run_dir))
        beside.append(os.path.normpath(moved))
    if os.path.isabs(path):
        return list(dict.fromkeys([path, *beside]))
    parents = [str(parent / path) for parent in pathlib.Path(run_dir).parents]
    # The current folder last: a folder above the run is more likely to be the right one.
    return list(dict.fromkeys([*beside, *parents, os.path.abspath(path)]))
