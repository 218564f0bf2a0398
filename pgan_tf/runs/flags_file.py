"""A run's flags.txt: the flags of train.py that do the same again, from any working folder."""

from __future__ import annotations

import os
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

# Flags whose values are paths, and what else these may be.
_PATHS: dict[str, frozenset[str]] = {
    "data": frozenset(),
    "data_cache": frozenset(),
    "inception": frozenset(),
    "init_from": frozenset(),
    "labels": frozenset({"folders", "none", "wanted"}),
    "run_dir": frozenset(),
    "tfds_data_dir": frozenset(),
}


def flags_text(values: Mapping[str, Any]) -> str:
    """Returns flags as the lines of a --flagfile, with whole paths.

    Args:
        values: by the flags' names; None for those without a value.

    Raises:
        UserError: a value cannot be written so.
    """
    lines = []
    for name, value in sorted(values.items()):
        if isinstance(value, bool):
            lines.append(f"--{name}" if value else f"--no{name}")
        elif value is not None:
            lines.append(f"--{name}={_checked(name, _whole(name, value))}")
    return "\n".join(lines) + "\n"


def read_flags(run_dir: str) -> dict[str, str]:
    """Returns the flags of a run's flags.txt as they stand there: name to value.

    It is "" for lines like `--name`. There are none without such a file.
    """
    pairs = [line[2:].partition("=") for line in _read_lines(run_dir)]
    return {name: value for name, _, value in pairs}


def find_path(name: str, value: str, run_dir: str, old_run_dir: str) -> tuple[str, list[str]]:
    """Finds what a path of flags.txt means now.

    A run folder may have moved together with what lies around it; and before flags.txt had whole
    paths, they were those of the folder that train.py was started in.

    Args:
        name: of the flag.
        value: its value in flags.txt.
        run_dir: the run folder.
        old_run_dir: the run folder as flags.txt has it.

    Returns:
        The flag's value now, and where it was looked for without success, if it was.
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


def located_flags(run_dir: str) -> list[str]:
    """Returns the lines of a run's flags.txt, with paths as `find_path` finds them."""
    old_run_dir = read_flags(run_dir).get("run_dir", "")
    lines = []
    for line in _read_lines(run_dir):
        name, equals, value = line[2:].partition("=")
        if name == "flagfile":  # no line of ours, and it would lead to any file
            continue
        if value and name != "run_dir":
            value, _ = find_path(name, value, run_dir, old_run_dir)
        lines.append(f"--{name}{equals}{value}")
    return lines


def _read_lines(run_dir: str) -> list[str]:
    path = posixpath.join(run_dir, "flags.txt")
    if not tf.io.gfile.exists(path):
        return []
    lines = read_text(path, most_bytes=2**20).splitlines()
    return [line.strip() for line in lines if line.startswith("--")]


def _split(name: str, value: str) -> tuple[str, str]:
    """Returns what stands before a flag's path, and the path; "" if it has none."""
    if name not in _PATHS or value in _PATHS[name] or is_remote(value):
        return value, ""
    if name == "data" and not is_dataset_folder(os.path.expanduser(value)):
        return split_kind(value)
    return "", value


def _whole(name: str, value: Any) -> Any:
    """Returns a flag's value with its whole path, if it is one."""
    if not isinstance(value, str) or not value:
        return value
    prefix, path = _split(name, value)
    if not path:
        return value
    path = os.path.abspath(os.path.expanduser(path))
    if name == "labels" and not os.path.exists(path):
        return value
    # Spaces at the end of a line would be lost.
    return f"{prefix}{path}/" if path[-1].isspace() and not os.path.isfile(path) else prefix + path


def _checked(name: str, value: Any) -> str:
    text = str(value)
    try:
        whole = text.encode() and text == text.rstrip() and len(text.splitlines()) <= 1
    except UnicodeEncodeError:
        whole = False
    if not whole and text:
        raise UserError(
            f"--{name}: expected a value that flags.txt can hold, got {text!a}, which has a "
            f"line break, a space at its end or bytes that are no UTF-8: rename it"
        )
    return text


def _places(path: str, run_dir: str, old_run_dir: str) -> list[str]:
    """Returns where a path may be now, the likeliest first."""
    if is_remote(run_dir):
        return [path]
    run_dir = os.path.abspath(run_dir)
    places = [path]
    comparable = os.path.isabs(path) == os.path.isabs(old_run_dir)
    if old_run_dir and not is_remote(old_run_dir) and comparable:
        # As it lay beside the run folder, so it lies there now.
        beside = os.path.relpath(path, old_run_dir)
        places.append(os.path.normpath(os.path.join(run_dir, beside)))
    if not os.path.isabs(path):
        parent = run_dir
        while parent != os.path.dirname(parent):
            parent = os.path.dirname(parent)
            places.append(os.path.join(parent, path))
        places = [*places[1:], os.path.abspath(path)]  # here is any folder, there is the run's
    return list(dict.fromkeys(places))
