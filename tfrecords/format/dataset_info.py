"""A finished dataset folder: what is in it, and whether it is whole.

The published layout, `<name>` being the source's name in ours, the folder's as a rule elsewhere:

    <name>-r02.tfrecords … <name>-r05.tfrecords   pictures of 2^2 … 2^5 px
    <name>-rxx.labels                             .npy, float32 one-hot rows, if any
A resolution may be split into shards, `<name>-r05-00000-of-00016.tfrecords` and so on.
Our own also hold `dataset.json`, and `rejected.jsonl` where pictures were left out.
"""

import mmap
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfrecords.common import paths
from tfrecords.common.errors import UserError
from tfrecords.common.paths import check_regular_file, is_remote, read_bytes
from tfrecords.common.text import as_file_name, as_text, counted, is_file_name
from tfrecords.format.dataset_json import JOURNAL_NAME, JSON_NAME, read_details_file
from tfrecords.format.record import decode_record
from tfrecords.format.record_file import FRAME_BYTES, BadRecordError, RecordFile, read_first_record
from tfrecords.pickles.npy import parse_npy
from tfrecords.pictures.source import OneHot, label_line, row_blocks

_FILE_PATTERN = re.compile(
    r"(?P<name>.+)-r(?P<log2>\d\d)(?:-(?P<shard>\d{5})-of-(?P<shards>\d{5}))?\.tfrecords"
)


@dataclass(frozen=True)
class DatasetInfo:
    """What a dataset folder holds."""

    name: str  # its folder's; where others wrote it, that of its files
    num_images: int  # of each resolution
    resolution: int  # the largest, in pixels
    num_channels: int  # 1 for gray, 3 for RGB
    files: dict[int, tuple[str, ...]]  # of each resolution, in order; smallest resolution first
    label_size: int  # how many classes; 0 without labels
    label_names: tuple[str, ...]  # of the classes; empty when unknown
    labels_path: str | None
    encoding: str  # of the pictures, `raw` or `png`
    num_records: dict[int, tuple[int, ...]]  # in each of `files`
    num_rejected: int = 0  # pictures that were left out

    @property
    def folder(self) -> str:
        """The folder that holds the files."""
        return os.path.dirname(self.files[self.resolution][0])


def is_dataset_folder(folder: str) -> bool:
    """True if a folder, local or remote, holds TFRecords of a dataset, even unfinished.

    Raises UserError if it cannot be read.
    """
    names = paths.list_names(folder)
    return JOURNAL_NAME in names or any(_FILE_PATTERN.fullmatch(name) for name in names)


def read_dataset_info(folder: str) -> DatasetInfo:
    """Looks through a dataset folder, local or remote, ours or of the published layout.

    Where `dataset.json` tells of the files, they are checked by their sizes; others are
    counted. `python -m tfrecords.inspect verify` checks every byte.

    Raises UserError if there is no dataset in it, it cannot be read, or something is missing, cut
    short, or disagrees with the rest.
    """
    names = paths.list_names(folder)
    if not names and not paths.is_folder(folder):
        raise UserError(f"{folder}: expected a folder of TFRecords, found no such folder")
    if JOURNAL_NAME in names and JSON_NAME not in names:
        raise UserError(
            f"{folder}: expected a finished dataset, its conversion has not ended: give the "
            "same command again"
        )
    name, files = _group_files(folder, names)
    details = read_details_file(paths.join(folder, JSON_NAME)) if JSON_NAME in names else {}
    if "files" in details:
        num_records = _check_sizes(folder, files, details)
    else:
        num_records = {
            resolution: tuple(_count_records(path) for path in its_paths)
            for resolution, its_paths in files.items()
        }
    num_channels, encoding = _check_shapes(files)
    num_images = _check_counts(folder, num_records, details.get("num_images"))
    labels_path, label_size = None, 0
    if f"{name}-rxx.labels" in names:
        labels_path = paths.join(folder, f"{name}-rxx.labels")
        label_size = _load_labels(labels_path, num_images).shape[1]
    label_names = tuple(details.get("label_names", ()))
    if label_names and labels_path and len(label_names) != label_size:
        raise UserError(
            f"{folder}: expected labels of {len(label_names)} classes, as {JSON_NAME} names them, "
            f"got {label_size}: make the dataset again"
        )
    return DatasetInfo(
        name=as_file_name(paths.dataset_name(folder)) if details else name,
        num_images=num_images,
        resolution=max(files),
        num_channels=num_channels,
        files=files,
        label_size=label_size,
        label_names=label_names,
        labels_path=labels_path,
        encoding=encoding,
        num_records=num_records,
        num_rejected=details.get("num_rejected", 0),
    )


def read_labels(info: DatasetInfo) -> np.ndarray:
    """Reads the labels, those of a local file when they are looked at.

    Returns (num_images, label_size) numbers, float32 as a rule, in the order of the pictures in
    the files; (num_images, 0) without labels. Raises UserError if the file holds something else.
    """
    if info.labels_path is None:
        return np.zeros((info.num_images, 0), np.float32)
    return _load_labels(info.labels_path, info.num_images)


def read_classes(info: DatasetInfo) -> np.ndarray | None:
    """Returns the class numbers of the labels. Raises as `read_labels` does."""
    return _class_numbers(read_labels(info))


def describe_labels(info: DatasetInfo) -> str:
    """Returns `label_line` of the labels. Raises as `read_labels` does."""
    labels = read_labels(info)
    classes = _class_numbers(labels)
    if classes is None:
        return label_line(labels, info.label_names)
    return label_line(OneHot(classes, info.label_size), info.label_names)


def _load_labels(path: str, num_images: int) -> np.ndarray:
    """Reads a file of labels, (num_images, label_size) numbers; raises UserError for another.

    Of a local file only what is looked at is read: a class for each picture makes it large.
    """
    check_regular_file(path)
    try:
        if is_remote(path):
            labels = parse_npy(read_bytes(path))
        else:
            labels = np.load(path, mmap_mode="r", allow_pickle=False)
    except UserError:
        raise
    except Exception as error:  # a damaged header raises all sorts
        raise UserError(
            f"{path}: expected a .npy file of numbers, got {error}: copy it or make the dataset "
            "again"
        ) from error
    if labels.ndim != 2 or labels.dtype.kind not in "fiub":
        raise UserError(
            f"{path}: expected one-hot rows, got {labels.dtype} of shape {labels.shape}"
        )
    if len(labels) != num_images:
        raise UserError(
            f"{path}: expected a row for each of {num_images} pictures, got {len(labels)}"
        )
    return labels


def _class_numbers(labels: np.ndarray) -> np.ndarray | None:
    """Returns the class of each row of (pictures, label_size), int64 (pictures,); -1 for none.

    None without labels, and for rows that are not one-hot.
    """
    if not labels.shape[1]:
        return None
    mapped = getattr(labels, "_mmap", None)
    classes = []
    for block in row_blocks(labels):
        is_one = block == 1
        if not (is_one | (block == 0)).all() or (is_one.sum(axis=1) > 1).any():
            return None
        classes.append(np.where(is_one.any(axis=1), is_one.argmax(axis=1), -1))
        # Gives back the memory of what was read of a file so far, where the system lets us.
        if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)
    return np.concatenate(classes)


def _group_files(folder: str, names: Iterable[str]) -> tuple[str, dict[int, tuple[str, ...]]]:
    """Returns the dataset's name, and its files, all shards in order, by resolution."""
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
    if not is_file_name(datasets[0]):
        raise UserError(
            f"{as_text(folder)}: expected a name in UTF-8 without control characters, got "
            f"{as_text(datasets[0])!r}: rename the files"
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
        expected = int(shards[0]["shards"] or 1)
        if [int(shard["shard"] or 0) for shard in shards] != list(range(expected)):
            raise UserError(
                f"{folder}: expected {counted(expected, 'file')} of {2**log2} px, "
                f"found {', '.join(shard[0] for shard in shards)}: make the dataset again"
            )
        files[2**log2] = tuple(paths.join(folder, shard[0]) for shard in shards)
    return datasets[0], files


def _check_sizes(
    folder: str, files: dict[int, tuple[str, ...]], details: dict[str, Any]
) -> dict[int, tuple[int, ...]]:
    """Compares the files with `dataset.json`, and returns what that says they hold."""
    listed = {entry["file"]: entry for entry in details["files"]}
    found = {path.rsplit("/", 1)[1] for its_paths in files.values() for path in its_paths}
    for name, entry in listed.items():
        if "records" in entry and name not in found:
            raise UserError(
                f"{paths.join(folder, name)}: missing, {JSON_NAME} tells of it: copy it or make "
                "the dataset again"
            )
    num_records = {}
    for resolution, its_paths in files.items():
        counts = []
        for path in its_paths:
            entry = listed.get(path.rsplit("/", 1)[1])
            if entry is None:
                raise UserError(f"{path}: {JSON_NAME} does not tell of it: move it away")
            size = paths.size(path)
            if size != entry["bytes"]:
                raise UserError(
                    f"{path}: expected {entry['bytes']:,} bytes, got {size:,}: copy it or make "
                    "the dataset again"
                )
            counts.append(entry["records"])
        num_records[resolution] = tuple(counts)
    return num_records


def _count_records(path: str) -> int:
    """Counts a file's records: by its size where all are as long as the first."""
    frame_bytes = len(read_first_record(path)) + FRAME_BYTES
    count, rest = divmod(paths.size(path), frame_bytes)
    file = RecordFile(path, None if rest else count)
    try:
        file.read(len(file) - 1)
    except BadRecordError:  # its length only happens to be a multiple of the first's
        file.close()
        file = RecordFile(path)
    file.close()
    return len(file)


def _check_shapes(files: dict[int, tuple[str, ...]]) -> tuple[int, str]:
    """Checks the first picture of each file; returns the number of channels and encoding."""
    num_channels, encoding = 0, ""
    for resolution, its_paths in files.items():
        for path in its_paths:
            try:
                its_encoding, image = decode_record(read_first_record(path))
            except ValueError as error:
                raise UserError(
                    f"{path}: expected records of this format, got {error}: make the dataset again"
                ) from error
            shape = image.transpose(2, 0, 1).shape
            num_channels, encoding = num_channels or shape[0], encoding or its_encoding
            expected = (num_channels, resolution, resolution)
            if (shape, its_encoding) != (expected, encoding):
                raise UserError(
                    f"{path}: expected pictures of shape {expected}, {encoding}, got {shape}, "
                    f"{its_encoding}: make the dataset again"
                )
    return num_channels, encoding


def _check_counts(
    folder: str, num_records: dict[int, tuple[int, ...]], expected: int | None
) -> int:
    """Checks that the resolutions have as many pictures, and returns how many."""
    if expected is None:
        expected = sum(next(iter(num_records.values())))
    for resolution, counts in num_records.items():
        count = sum(counts)
        if count != expected:
            raise UserError(
                f"{folder}: expected {counted(expected, 'picture')} of {resolution} px, "
                f"got {count}: make the dataset again"
            )
    return expected
