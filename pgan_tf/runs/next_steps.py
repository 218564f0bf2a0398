"""Suggests commands for what to do next with a run."""

import dataclasses
import posixpath
import shlex
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class NextStep:
    """A suggested command and its purpose."""

    name: str  # one word
    purpose: str
    command: str


def next_steps(
    run_dir: str, command: Callable[[str], str], more_kimg: str | None, before: str | None = None
) -> tuple[NextStep, ...]:
    """Returns commands for a run. The first resumes it, up to `more_kimg` if it is finished.

    `command` maps a name to the start of a command: `train` to `python train.py` or `pgan train`.
    `before` is the checkpoint before the run began to learn its pictures by heart, if it did.
    """
    run_dir = run_dir.rstrip("/") or run_dir
    run, name = shlex.quote(run_dir), shlex.quote(posixpath.basename(run_dir))
    resume = f"{command('train')} --flagfile={shlex.quote(f'{run_dir}/flags.txt')}"
    longer = f" --total_kimg={more_kimg}" if more_kimg else ""
    purpose = "Train longer" if more_kimg else "Resume training"
    sheet = f"{command('generate')} --run_dir={run} --grid=8x4 --output=grid.png"
    export = f"{command('export')} --run_dir={run} --export_dir=exports/{name}"
    draw = f"{command('generate')} --checkpoint={shlex.quote(before or '')} --grid=8x4"
    purpose_before = "Draw as before it learned its pictures by heart"
    early = [NextStep("before", purpose_before, f"{draw} --output=before.png")] if before else []
    return (
        NextStep("resume", purpose, resume + longer),
        NextStep("generate", "Draw new pictures", sheet),
        *early,
        NextStep("export", "Export the generator, for TensorFlow Serving", export),
        NextStep("watch", "Look at all curves and samples", f"tensorboard --logdir={run}"),
    )
