"""The checkpoints of a folder, by their names: which there are, and which go."""

from __future__ import annotations

import posixpath
import re

import tensorflow as tf

from pgan_tf.config.schedule import Stage, make_stages
from pgan_tf.config.training import TrainingConfig
from tfrecords.common.paths import list_names

# The first versions counted stages from 0: `images-0000001000-stage-00.npz`.
_NAME = re.compile(r"images-(\d{10,})-stage-(\d{2})(-of-\d{2})?\.npz", re.ASCII)


def name_of(images_shown: int, stage: Stage, config: TrainingConfig) -> str:
    """Returns what a checkpoint is called, such as `images-0000001000-stage-02-of-05.npz`."""
    count = len(make_stages(config.schedule))
    return f"images-{images_shown:010d}-stage-{stage.number:02d}-of-{count:02d}.npz"


def _stage_number(path: str) -> int:
    """Returns the stage in a checkpoint's name, from 1; the first versions counted from 0."""
    stage, *of = path.rsplit("-stage-", 1)[1].removesuffix(".npz").split("-of-")
    return int(stage) + (not of)


def list_checkpoints(folder: str) -> list[str]:
    """Returns the paths of all checkpoints, by images shown."""
    matches = filter(None, map(_NAME.fullmatch, list_names(folder)))
    found = sorted((int(match[1]), match[0]) for match in matches)
    return [posixpath.join(folder, name) for _, name in found]


def latest(folder: str) -> str | None:
    """Returns the path of the checkpoint with the most images shown, or None."""
    paths = list_checkpoints(folder)
    return paths[-1] if paths else None


def last_of_stages(folder: str) -> list[str]:
    """Returns the path of each stage's last checkpoint, in the order of stages."""
    return list({_stage_number(path): path for path in list_checkpoints(folder)}.values())


def prune(folder: str, keep: int) -> None:
    """Removes old checkpoints: all but the last `keep`, and the last one of each stage.

    What a process that was killed left half-written goes, too.
    """
    for name in list_names(folder):
        if name.endswith(".partial") and _NAME.fullmatch(name.removesuffix(".partial")):
            tf.io.gfile.remove(posixpath.join(folder, name))
    paths = list_checkpoints(folder)
    for path in set(paths) - set(paths[-keep:]) - set(last_of_stages(folder)):
        tf.io.gfile.remove(path)
