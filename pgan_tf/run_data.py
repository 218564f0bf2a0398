"""The pictures that a run was trained on, found again by what its flags.txt says."""

from __future__ import annotations

import dataclasses
import posixpath

import tensorflow as tf

from tfrecords.cache import prepare
from tfrecords.dataset_info import DatasetInfo
from tfrecords.errors import UserError
from tfrecords.images import parse_background
from tfrecords.source import PictureOptions


@dataclasses.dataclass(frozen=True)
class RunData:
    """Where pictures are and what becomes of them: as train.py's flags of the same names.

    Attributes:
        data: a folder of TFRecords, or what they are made from; empty where it is unknown.
        data_cache: where what was made is kept.
        options: what becomes of each picture.
        labels: where labels come from; None for the data's own.
        tfds_data_dir: where TensorFlow Datasets keeps its files; None for its own place.
    """

    data: str
    data_cache: str
    options: PictureOptions
    labels: str | None = None
    tfds_data_dir: str | None = None


def find_data(wanted: RunData, num_channels: int, label_size: int) -> DatasetInfo:
    """Returns the data set that a generator was trained on.

    Args:
        wanted: where it is.
        num_channels: of the generator's pictures.
        label_size: the generator's classes; 0 for any.

    Raises:
        UserError: it is not there, or another one.
    """
    if not wanted.data:
        raise UserError("--data: expected the pictures that it was trained on, got none")
    info = prepare(
        wanted.data,
        wanted.data_cache,
        wanted.options,
        labels=wanted.labels or ("wanted" if label_size else None),
        tfds_data_dir=wanted.tfds_data_dir,
    )
    if info.num_channels != num_channels or label_size not in (0, info.label_size):
        raise UserError(
            f"--data: expected pictures with {num_channels} channels and {label_size} classes, as "
            f"it was trained on, got {info.num_channels} and {info.label_size}"
        )
    return info


def read_run_data(run_dir: str) -> RunData | None:
    """Reads what a run was trained on from its flags.txt; None without one that says so."""
    flags = _read_flags(posixpath.join(run_dir, "flags.txt"))
    if not flags.get("data"):
        return None
    resolution = flags.get("resolution")
    upscaling = {"allow_upscaling": True, "noallow_upscaling": False}
    given = [value for name, value in upscaling.items() if name in flags]
    defaults = PictureOptions()
    return RunData(
        flags["data"],
        flags.get("data_cache", "datasets"),
        PictureOptions(
            resolution=int(resolution) if resolution else None,
            num_channels=1 if flags.get("channels") == "gray" else 3,
            background=parse_background(flags.get("background", "#ffffff")),
            fit=flags.get("fit", defaults.fit),
            allow_upscaling=given[-1] if given else None,
        ),
        flags.get("labels"),
        flags.get("tfds_data_dir"),
    )


def _read_flags(path: str) -> dict[str, str]:
    """Returns the values of lines like `--name=value`, and "" for those like `--name`."""
    if not tf.io.gfile.exists(path):
        return {}
    with tf.io.gfile.GFile(path) as file:
        pairs = [line.strip()[2:].partition("=") for line in file if line.startswith("--")]
    return {name: value for name, _, value in pairs}
