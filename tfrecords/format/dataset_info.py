"""Reads what a finished dataset folder contains, and whether it is complete.

In the published layout, `<name>` is the source's name in our datasets, else usually the folder's:

    <name>-r02.tfrecords … <name>-r05.tfrecords   pictures of resolutions 2^2 … 2^5
    <name>-rxx.labels                             .npy, float32 one-hot rows, if any
A resolution may be split into shards, `<name>-r05-00000-of-00016.tfrecords` and so on. Our datasets
also have `dataset.json`, `pictures.txt` (see `picture_names`) if made from picture files, and
`rejected.jsonl` if pictures were skipped.
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
from tfrecords.common.shape import CELLS, PAPER, Base
from tfrecords.common.text import as_file_name, as_text, counted, is_file_name
from tfrecords.format.dataset_json import JOURNAL_NAME, JSON_NAME, read_details
from tfrecords.format.record import decode_record
from tfrecords.format.record_file import FRAME_BYTES, BadRecordError, RecordFile, read_first_record
from tfrecords.pickles.arrays import parse_npy
from tfrecords.pictures.source import OneHot, label_line, row_blocks

_FILE_PATTERN = re.compile(
    r"(?P<name>.+)-r(?P<log2>\d\d)(?:-(?P<shard>\d{5})-of-(?P<shards>\d{5}))?\.tfrecords"
)
_AGAIN = "make the dataset again"

# From resolution, in pixels, to all its shards in order; smallest resolution first.
Files = dict[int, tuple[str, ...]]


@dataclass(frozen=True)
class DatasetInfo:
    """The contents of a dataset folder."""

    name: str  # name of the folder, or of the files if others wrote them
    num_images: int  # number of pictures at each resolution
    resolution: int  # the largest resolution, in pixels
    num_channels: int  # 1 for gray, 3 for RGB, 4 for RGBA premultiplied by alpha; others
    files: Files
    label_size: int  # number of classes; 0 without labels
    label_names: tuple[str, ...]  # names of the classes; empty if unknown
    labels_path: str | None
    encoding: str  # encoding of the pictures, `raw` or `png`
    num_records: dict[int, tuple[int, ...]]  # number of records in each of `files`
    num_rejected: int = 0  # number of pictures that were skipped
    base: Base = PAPER  # of the pictures' shape
    depth: int = 8  # bits per channel, 8 or 16
    # What the least and the largest level stand for; of pictures, black and white.
    value_range: tuple[float, float] = (0.0, 1.0)

    @property
    def folder(self) -> str:
        """The folder of the files."""
        return os.path.dirname(self.files[self.resolution][0])


def is_dataset_folder(folder: str) -> bool:
    """Returns whether a folder has TFRecords, even unfinished ones. UserError if unreadable."""
    names = paths.list_names(folder)
    return JOURNAL_NAME in names or any(_FILE_PATTERN.fullmatch(name) for name in names)


def read_dataset_info(folder: str) -> DatasetInfo:
    """Reads a dataset folder, local or remote, ours or in the published layout.

    Checks the sizes of files that `dataset.json` lists, and counts the records of others. Raises
    UserError if a file is unreadable, missing, cut off or inconsistent with others.
    """
    names = paths.list_names(folder)
    if not names and not paths.is_folder(folder):
        raise UserError(f"{folder}: expected a folder of TFRecords, found no such folder")
    if JOURNAL_NAME in names and JSON_NAME not in names:
        raise UserError(f"{folder}: its conversion has not ended: run the same command again")
    name, files = _group_files(folder, names)
    details = read_details(folder)
    if "files" in details:
        num_records = _check_sizes(folder, files, details["files"])
    else:
        num_records = {side: tuple(map(_count_records, some)) for side, some in files.items()}
    num_images = details.get("num_images", sum(num_records[min(files)]))
    for side, counts in num_records.items():
        if (found := sum(counts)) != num_images:
            wanted = f"{counted(num_images, 'picture')} of {side} px"
            raise UserError(f"{folder}: expected {wanted}, got {found}: {_AGAIN}")
    num_channels, depth, encoding, base = _check_first_pictures(files)
    labels_name = f"{name}-rxx.labels"
    labels_path = paths.join(folder, labels_name) if labels_name in names else None
    label_size = _load_labels(labels_path, num_images).shape[1]
    label_names = tuple(details.get("label_names", ()))
    if label_names and labels_path and len(label_names) != label_size:
        wanted = f"labels of {len(label_names)} classes, as {JSON_NAME} names them"
        raise UserError(f"{folder}: expected {wanted}, got {label_size}: {_AGAIN}")
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
        base=base,
        depth=depth,
        value_range=tuple(details.get("options", {}).get("value_range", (0.0, 1.0))),
    )


def read_labels(info: DatasetInfo) -> np.ndarray:
    """Returns the labels, (num_images, label_size) numbers, mostly float32, in the files' order.

    A local file is memory-mapped. Raises UserError if the file is damaged or has another shape.
    """
    return _load_labels(info.labels_path, info.num_images)


def read_classes(info: DatasetInfo) -> np.ndarray | None:
    """Returns the class of each picture, int64 (num_images,), -1 for none. None if not one-hot."""
    labels = read_labels(info)
    if not info.label_size:
        return None
    mapped = getattr(labels, "_mmap", None)
    classes = []
    for block in row_blocks(labels):
        is_one = block == 1
        if not (is_one | (block == 0)).all() or (is_one.sum(axis=1) > 1).any():
            return None
        classes.append(np.where(is_one.any(axis=1), is_one.argmax(axis=1), -1))
        # Frees the memory of the part of the file read so far, if the system supports it.
        if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)
    return np.concatenate(classes)


def describe_labels(info: DatasetInfo) -> str:
    """Returns `label_line` of the labels."""
    classes = read_classes(info)
    labels = read_labels(info) if classes is None else OneHot(classes, info.label_size)
    return label_line(labels, info.label_names)


def _load_labels(path: str | None, count: int) -> np.ndarray:
    if path is None:
        return np.zeros((count, 0), np.float32)
    check_regular_file(path)
    try:
        if is_remote(path):
            labels = parse_npy(read_bytes(path))
        else:  # Mapped and not read, because many classes make a large file.
            labels = np.load(path, mmap_mode="r", allow_pickle=False)
    except UserError:
        raise
    except Exception as error:  # a damaged header may raise anything
        problem = f"expected a .npy file of numbers, got {error}: copy it or {_AGAIN}"
        raise UserError(f"{path}: {problem}") from error
    if labels.ndim != 2 or labels.dtype.kind not in "fiub":
        raise UserError(f"{path}: expected one-hot rows, got {labels.dtype} of {labels.shape}")
    if len(labels) != count:
        raise UserError(f"{path}: expected a row for each of {count} pictures, got {len(labels)}")
    return labels


def _group_files(folder: str, names: Iterable[str]) -> tuple[str, Files]:
    """Returns the dataset's name, and its files by resolution, with all shards in order."""
    matches = [match for name in names if (match := _FILE_PATTERN.fullmatch(name))]
    if not matches:
        how = "make them with python -m tfrecords.create"
        raise UserError(f"{folder}: expected files like NAME-r05.tfrecords, found none: {how}")
    name, *others = sorted({match["name"] for match in matches})
    if others:
        found = " and ".join([name, *others])
        raise UserError(f"{folder}: expected one dataset, found {found}: move each to a folder")
    if not is_file_name(name):
        wanted = "a name in UTF-8 without control characters"
        raise UserError(f"{folder}: expected {wanted}, got {as_text(name)!r}: rename the files")
    logs = [int(match["log2"]) for match in matches]
    files = {}
    for log2 in range(min(logs), max(logs) + 1):
        shards = [match for match in matches if int(match["log2"]) == log2]
        count = int(shards[0]["shards"] or 1) if shards else 1
        if [int(shard["shard"] or 0) for shard in shards] != list(range(count)):
            found = ", ".join(shard[0] for shard in shards) or f"no {name}-r{log2:02}.tfrecords"
            wanted = f"{counted(count, 'file')} of {2**log2} px"
            raise UserError(f"{folder}: expected {wanted}, found {found}: {_AGAIN}")
        files[2**log2] = tuple(paths.join(folder, shard[0]) for shard in shards)
    return name, files


def _check_sizes(folder: str, files: Files, entries: list[Any]) -> dict[int, tuple[int, ...]]:
    """Compares the files with the list in `dataset.json`. Returns the numbers of their records."""
    listed = {paths.join(folder, entry["file"]): entry for entry in entries}
    found = {path for some in files.values() for path in some}
    for path, entry in listed.items():
        if "records" in entry and path not in found:
            raise UserError(f"{path}: missing, {JSON_NAME} lists it: copy it or {_AGAIN}")
    for path in sorted(found):
        if path not in listed:
            raise UserError(f"{path}: {JSON_NAME} does not list it: move it away")
        size, wanted = paths.size(path), listed[path]["bytes"]
        if size != wanted:
            raise UserError(f"{path}: expected {wanted:,} bytes, got {size:,}: copy it or {_AGAIN}")
    return {side: tuple(listed[path]["records"] for path in some) for side, some in files.items()}


def _count_records(path: str) -> int:
    """Counts a file's records, by its size alone if all are as long as the first."""
    count, rest = divmod(paths.size(path), len(read_first_record(path)) + FRAME_BYTES)
    file = RecordFile(path, None if rest else count)
    try:
        file.read(len(file) - 1)
    except BadRecordError:  # the size is a multiple of the first record's only by chance
        file.close()
        file = RecordFile(path)
    file.close()
    return len(file)


def _check_first_pictures(files: Files) -> tuple[int, int, str, Base]:
    """Checks the first picture of each file. Returns channels, depth, encoding and base."""
    first: tuple[int, int, str, Base] | None = None
    for side, path in ((side, path) for side, some in files.items() for path in some):
        try:
            encoding, image = decode_record(read_first_record(path))
        except ValueError as error:
            problem = f"expected records of this format, got {error}: {_AGAIN}"
            raise UserError(f"{path}: {problem}") from error
        bits = 8 * image.dtype.itemsize
        first = first or (image.shape[2], bits, encoding, _base_of(image, side))
        deep = "" if first[1] == bits else f", {first[1]} bits"
        wanted = f"{(*first[3].shape(side), first[0])}, {first[2]}{deep}"
        got = f"{image.shape}, {encoding}{f', {bits} bits' if deep else ''}"
        if got != wanted:
            raise UserError(f"{path}: expected pictures of shape {wanted}, got {got}: {_AGAIN}")
    return first or (0, 8, "", PAPER)


def _base_of(image: np.ndarray, resolution: int) -> Base:
    """Returns the base with which a picture has a resolution, or the paper's if there is none."""
    height, width = (4 * side // resolution for side in image.shape[:2])
    base = Base(width, height) if width in CELLS and height in CELLS else PAPER
    return base if image.shape[:2] == base.shape(resolution) else PAPER
