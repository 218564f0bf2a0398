"""Finds the training data of a run again, from its flags.txt."""

import dataclasses
import re

from pgan_tf.config.training import CHANGEABLE, TrainingConfig, data_differences
from pgan_tf.runs.flags_file import find_path, read_flags
from tfrecords.cache import convert, find, find_converted
from tfrecords.common.errors import UserError
from tfrecords.common.shape import parse_shape
from tfrecords.common.text import counted
from tfrecords.format.dataset_info import DatasetInfo
from tfrecords.format.identity import identify, in_words
from tfrecords.pictures.images import parse_background
from tfrecords.pictures.source import NUM_CHANNELS, PictureOptions, parse_value_range


@dataclasses.dataclass(frozen=True)
class RunData:
    """Where the pictures are and how to prepare them; named like the flags of train.py."""

    data: str  # empty if unknown
    data_cache: str
    options: PictureOptions  # the base is filled in from the run's configuration
    labels: str | None = None
    tfds_data_dir: str | None = None
    looked_for: tuple[str, ...] = ()  # places where the data was expected but not found


def find_data(
    wanted: RunData,
    num_channels: int,
    label_size: int,
    config: TrainingConfig | None = None,
    *,
    chosen: bool = True,
    own_only: bool = False,
    convert_to: str | None = None,
) -> DatasetInfo:
    """Returns the dataset that a generator was trained on. UserError if missing or different.

    `label_size` is the number of classes, 0 for any; `config` that of the run, if any. If the user
    has `chosen` this dataset, a difference is printed and is no error, unless it must be the run's.
    What is not in the data cache is converted into it, or, if given, into the folder `convert_to`.
    """
    if not wanted.data:
        raise UserError("--data: expected the pictures that it was trained on, got none: name them")
    if wanted.looked_for:
        found = f"found nothing at {' or '.join(wanted.looked_for)}"
        raise UserError(f"--data: expected the run's pictures, {found}: give --data= of them now")
    options = wanted.options
    if config:
        options = dataclasses.replace(options, base=config.network.base)
    labels = wanted.labels or ("wanted" if label_size else None)
    pictures = find(wanted.data, options, labels=labels, tfds_data_dir=wanted.tfds_data_dir)
    info = find_converted(pictures, wanted.data_cache) if convert_to else None
    info = info or convert(pictures, convert_to or wanted.data_cache)
    if info.num_channels != num_channels or label_size not in (0, info.label_size):
        expected = f"{counted(num_channels, 'channel')} and {counted(label_size, 'class')}"
        got = f"as it was trained on, got {info.num_channels} and {info.label_size}"
        raise UserError(f"--data: expected pictures with {expected}, {got}")
    # Older runs did not store what their data contained.
    if config and config.data.files and (change := _changes(config, info, wanted.data_cache)):
        if own_only or not chosen:
            anyway = "" if own_only else f", or, to take these anyway, --data={wanted.data}"
            raise UserError(
                f"--data: expected the run's pictures, {wanted.data} holds others ({change}): give "
                f"--data= where they are now{anyway}"
            )
        print(f"--data: not the pictures that the run was trained on ({change})", flush=True)
    return info


def _changes(config: TrainingConfig, info: DatasetInfo, data_cache: str) -> str:
    """Describes how the data differs from the run's, except for order. Empty if it does not."""
    network = config.network
    data = identify(info, network.resolution, data_cache, with_labels=network.label_size > 0)
    found = dataclasses.replace(config, dataset=in_words(info), data=data)
    changed = data_differences(config, found)
    descriptions = {name: f"{name} was {was} and is {now}" for name, (was, now) in changed.items()}
    return ", ".join(descriptions[name] for name in descriptions if name not in CHANGEABLE)


def read_run_data(run_dir: str) -> RunData | None:
    """Reads from flags.txt what a run was trained on. None if there is no file or no --data."""
    flags = {"data_cache": "datasets"} | read_flags(run_dir)
    if not flags.get("data"):
        return None
    resolution, old_run_dir = flags.get("resolution", ""), flags.get("run_dir", "")
    if resolution and not re.fullmatch(r"\d{1,4}", resolution, re.ASCII):
        message = f"expected --resolution in pixels, got {resolution[:40]!r}"
        raise UserError(f"{run_dir}/flags.txt: {message}: put back the file that train.py wrote")
    paths, looked_for = {"data_cache": "datasets"}, {}
    for name in ("data", "data_cache", "labels", "tfds_data_dir"):
        if value := flags.get(name):
            paths[name], looked_for[name] = find_path(name, value, run_dir, old_run_dir)
    given = [name == "allow_upscaling" for name in flags if name.endswith("allow_upscaling")]
    shape = parse_shape(flags["shape"]) if flags.get("shape") else None
    options = PictureOptions(
        resolution=shape.resolution if shape else int(resolution) if resolution else None,
        base=shape.base if shape else None,
        num_channels=NUM_CHANNELS.get(flags.get("channels", "rgb"), 3),
        background=parse_background(flags.get("background", "#ffffff")),
        fit=flags.get("fit", PictureOptions().fit),
        allow_upscaling=given[-1] if given else None,
        white_level=float(flags["white_level"]) if flags.get("white_level") else None,
        depth=16 if flags.get("depth") == "16" else 8,
        value_range=parse_value_range(flags["value_range"]) if flags.get("value_range") else None,
    )
    return RunData(**paths, options=options, looked_for=tuple(looked_for["data"]))
