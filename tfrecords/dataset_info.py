"""A finished dataset folder: what is in it, and whether it is whole.

The published layout, `<name>` usually being the folder's own name:

    <name>-r02.tfrecords … <name>-r05.tfrecords   pictures of 2^2 … 2^5 px
    <name>-rxx.labels                             .npy, float32 one-hot rows, if any

A resolution may be split into shards, `<name>-r05-00000-of-00016.tfrecords` and so
on. Folders that `writer.py` made also hold `dataset.json`.
"""

import io
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfrecords.errors import UserError
from tfrecords.record import read_shape
from tfrecords.record_file import count_records, read_first_record

JSON_NAME = "dataset.json"
JSON_VERSION = 1

_FILE_PATTERN = re.compile(
    r"(?P<name>.+)-r(?P<log2>\d\d)(?:-(?P<shard>\d{5})-of-(?P<shards>\d{5}))?\.tfrecords"
)


@dataclass(frozen=True)
class DatasetInfo:
    """What a dataset folder holds.

    Attributes:
        name: of the dataset.
        num_images: how many pictures each resolution has.
        resolution: the largest, in pixels.
        num_channels: 1 for grey, 3 for RGB.
        files: resolution to its files, in order; smallest resolution first.
        label_size: how many classes; 0 without labels.
        label_names: of the classes; empty when unknown.
        labels_path: the file of labels, or None.
    """

    name: str
    num_images: int
    resolution: int
    num_channels: int
    files: dict[int, tuple[str, ...]]
    label_size: int
    label_names: tuple[str, ...]
    labels_path: str | None

    @property
    def folder(self) -> str:
        """The folder that holds the files."""
        return os.path.dirname(self.files[self.resolution][0])


def is_dataset_folder(folder: str) -> bool:
    """Says whether a folder, local or remote, holds TFRecords of a dataset."""
    if not tf.io.gfile.isdir(folder):
        return False
    return any(_FILE_PATTERN.fullmatch(name) for name in tf.io.gfile.listdir(folder))


def read_dataset_info(folder: str) -> DatasetInfo:
    """Looks through a dataset folder, ours or of the published layout.

    Args:
        folder: local or remote (`gs://…`).

    Raises:
        UserError: there is no dataset in it, or something is missing, cut short, or
            disagrees with the rest.
    """
    if not tf.io.gfile.isdir(folder):
        raise UserError(f"{folder}: expected a folder of TFRecords, found no such folder")
    names = sorted(tf.io.gfile.listdir(folder))
    name, files = _group_files(folder, names)
    details = _read_json(folder) if JSON_NAME in names else {}
    num_channels = _check_shapes(files)
    num_images = _check_counts(folder, files, details.get("num_images"))
    labels_path, label_size = None, 0
    if f"{name}-rxx.labels" in names:
        labels_path = tf.io.gfile.join(folder, f"{name}-rxx.labels")
        label_size = _load_labels(labels_path, num_images).shape[1]
    return DatasetInfo(
        name=details.get("name", name),
        num_images=num_images,
        resolution=max(files),
        num_channels=num_channels,
        files=files,
        label_size=label_size,
        label_names=tuple(details.get("label_names", ())),
        labels_path=labels_path,
    )


def read_labels(info: DatasetInfo) -> np.ndarray:
    """Reads the one-hot labels.

    Returns:
        (num_images, label_size) float32, in the order of the pictures in the files;
        (num_images, 0) without labels.

    Raises:
        UserError: the file holds something else.
    """
    if info.labels_path is None:
        return np.zeros((info.num_images, 0), np.float32)
    return _load_labels(info.labels_path, info.num_images)


def _group_files(folder: str, names: Iterable[str]) -> tuple[str, dict[int, tuple[str, ...]]]:
    """Sorts the TFRecords by resolution, and finds the dataset's name."""
    matches = [match for name in names if (match := _FILE_PATTERN.fullmatch(name))]
    if not matches:
        raise UserError(
            f"{folder}: expected files like NAME-r05.tfrecords, found none: "
            "make them with python -m tfrecords.create"
        )
    datasets = sorted({match["name"] for match in matches})
    if len(datasets) > 1:
        raise UserError(
            f"{folder}: expected one dataset, found {' and '.join(datasets)}: "
            "move them into folders of their own"
        )
    logs = sorted({int(match["log2"]) for match in matches})
    for log2 in range(logs[0], logs[-1]):
        if log2 not in logs:
            raise UserError(
                f"{folder}: expected every resolution from {2 ** logs[0]} to {2 ** logs[-1]} px, "
                f"{datasets[0]}-r{log2:02}.tfrecords is missing: make the dataset again"
            )
    files = {}
    for log2 in logs:
        shards = [match for match in matches if int(match["log2"]) == log2]
        _check_shards(folder, shards)
        files[2**log2] = tuple(tf.io.gfile.join(folder, shard[0]) for shard in shards)
    return datasets[0], files


def _check_shards(folder: str, shards: list[re.Match]) -> None:
    """Checks that the shards of one resolution, in order, are 0 to n - 1 of n."""
    expected = int(shards[0]["shards"] or 1)
    if [int(shard["shard"] or 0) for shard in shards] != list(range(expected)):
        raise UserError(
            f"{folder}: expected {expected} file(s) of {2 ** int(shards[0]['log2'])} px, "
            f"found {', '.join(shard[0] for shard in shards)}: make the dataset again"
        )


def _check_shapes(files: dict[int, tuple[str, ...]]) -> int:
    """Checks the first picture of each file, and returns the number of channels."""
    num_channels = None
    for resolution, paths in files.items():
        for path in paths:
            try:
                shape = read_shape(read_first_record(path))
            except ValueError as error:
                raise UserError(
                    f"{path}: expected records of this format, got {error}: make the dataset again"
                ) from error
            num_channels = num_channels or shape[0]
            if shape != (num_channels, resolution, resolution):
                raise UserError(
                    f"{path}: expected pictures of shape "
                    f"{(num_channels, resolution, resolution)}, got {shape}: "
                    "make the dataset again"
                )
    return num_channels


def _check_counts(folder: str, files: dict[int, tuple[str, ...]], expected: int | None) -> int:
    """Counts each resolution's pictures and checks that they agree."""
    for resolution, paths in files.items():
        count = sum(count_records(path) for path in paths)
        if expected is None:
            expected = count
        if count != expected:
            raise UserError(
                f"{folder}: expected {expected} pictures of {resolution} px, "
                f"got {count}: make the dataset again"
            )
    return expected


def _load_labels(path: str, num_images: int) -> np.ndarray:
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            labels = np.load(io.BytesIO(file.read()), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise UserError(f"{path}: expected a .npy file of numbers, got {error}") from error
    if labels.ndim != 2 or labels.dtype.kind not in "fiub":
        raise UserError(
            f"{path}: expected one-hot rows, got {labels.dtype} of shape {labels.shape}"
        )
    if len(labels) != num_images:
        raise UserError(
            f"{path}: expected a row for each of {num_images} pictures, got {len(labels)}"
        )
    return labels.astype(np.float32)


def _read_json(folder: str) -> dict[str, Any]:
    path = tf.io.gfile.join(folder, JSON_NAME)
    try:
        with tf.io.gfile.GFile(path) as file:
            details = json.loads(file.read())
        version = details["version"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: expected JSON of a dataset, got {error!r}: remove it") from error
    if version != JSON_VERSION:
        raise UserError(
            f"{path}: expected version {JSON_VERSION}, got {version}: "
            "make the dataset again, or use a newer pgan-tf"
        )
    return details
