"""Takes the only run under runs/ where no generator is named."""

import os
import pathlib

from tfrecords.common.command_line import flag_values
from tfrecords.common.errors import UserError
from tfrecords.common.text import list_names

RUNS = "runs"
_NAMES_A_GENERATOR = ("run_dir", "checkpoint", "saved_model", "official_pkl", "model", "flagfile")


def with_only_run(arguments: list[str]) -> list[str]:
    """Adds --run_dir of the only run under runs/, unless the arguments name a generator.

    Leaves them as they are if there is no run. Raises UserError if there are several.
    """
    if any(flag_values(arguments, name) for name in _NAMES_A_GENERATOR):
        return arguments
    runs = list_runs()
    if not runs:
        return arguments
    if len(runs) > 1:
        found = f"{RUNS}/ holds {len(runs)}, the newest first: {list_names(runs)}"
        raise UserError(f"--run_dir: expected a run to take, got none, and {found}: name one")
    print(f"Taking {runs[0]}, the only run under {RUNS}/", flush=True)
    return [f"--run_dir={runs[0]}", *arguments]


def list_runs() -> list[str]:
    """Returns the folders under runs/ with checkpoints, that of the newest checkpoint first."""
    folders = {path.parent for path in pathlib.Path(RUNS).glob("*/checkpoints/*.npz")}
    newest = sorted(folders, key=lambda folder: os.stat(folder).st_mtime, reverse=True)
    return [folder.parent.as_posix() for folder in newest]
