"""Reads the records of one resolution by number, from memory or files, and replaces bad ones."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfrecords.common.errors import UserError
from tfrecords.format.dataset_info import DatasetInfo
from tfrecords.format.record_file import BadRecordError, RecordFile

# Smaller datasets are kept in memory: opening a file per small record takes longer than decoding.
MEMORY_BYTES = 2**30


@dataclass(frozen=True)
class Records:
    """The file and byte range of each picture's record."""

    paths: tuple[str, ...]
    file_of: np.ndarray  # (num_pictures,) int64, index into `paths`
    begins: np.ndarray  # (num_pictures,) int64, first byte of the record's frame in the file
    ends: np.ndarray  # (num_pictures,) int64, the byte after its last one


def check_resolutions(info: DatasetInfo, first: int, last: int) -> None:
    """Raises UserError if a dataset lacks a run's first or last resolution."""
    smallest = min(info.files)
    for flag, resolution, hint in (
        ("resolution", last, "choose one of these"),
        ("initial_resolution", first, f"give --initial_resolution={smallest}"),
    ):
        if resolution not in info.files:
            raise UserError(
                f"--{flag}: expected one of {info.name}, {', '.join(map(str, info.files))} px, got "
                f"{resolution}: {hint}, or convert the pictures again"
            )


def find_records(info: DatasetInfo, resolution: int) -> Records:
    """Finds all records. UserError if the resolution or a file is missing, or a file is cut off."""
    wanted = f"{resolution} px in {info.name}"
    if resolution not in info.files:
        got = f"{sorted(info.files)}: choose another --resolution or convert the pictures again"
        raise UserError(f"data: expected TFRecords of {wanted}, got {got}")
    paths, offsets = info.files[resolution], []
    for path, count in zip(paths, info.num_records[resolution], strict=True):
        with contextlib.closing(RecordFile(path, count)) as file:
            offsets.append(file.offsets)
    counts = [len(one) - 1 for one in offsets]
    if sum(counts) != info.num_images:
        got = f"{sum(counts)}: convert the pictures again"
        raise UserError(f"data: expected {info.num_images} pictures of {wanted}, got {got}")
    file_of = np.repeat(np.arange(len(counts)), counts)
    begins = np.concatenate([one[:-1] for one in offsets])
    return Records(paths, file_of, begins, ends=np.concatenate([one[1:] for one in offsets]))


def load_records(records: Records) -> tuple[list[bytes], np.ndarray, list[str]]:
    """Returns a record for each picture, whose record it is, and what is wrong with damaged ones.

    Whose record it is: `(num_pictures,)` int64, the picture itself, or the next good one if it is
    damaged. Raises UserError if a file is missing, or no record can be read.
    """
    loaded: list[bytes] = []  # empty bytes for damaged records
    problems: dict[int, str] = {}
    for index, path in enumerate(records.paths):
        count = int((records.file_of == index).sum())
        with contextlib.closing(RecordFile(path, count)) as file:
            for number in range(len(file)):
                try:
                    loaded.append(file.read(number))
                except BadRecordError as error:
                    problems[len(loaded)] = str(error)
                    loaded.append(b"")
    good = np.delete(np.arange(len(loaded)), list(problems))
    if not len(good):
        raise UserError(f"data: expected records, got none that is intact ({problems[0]})")
    pictures = good[np.searchsorted(good, np.arange(len(loaded))) % len(good)]
    return [loaded[number] for number in pictures], pictures, list(problems.values())


def make_file_reader(records: Records, most_damaged: int) -> Callable[[tf.Tensor], tf.data.Dataset]:
    """Returns a function from a picture number to a dataset of one record and its number.

    It is the picture's own record, or the next good one if it is damaged. The number is -1 if more
    than `most_damaged` in a row are. A missing file raises `tf.errors.NotFoundError`.
    """
    paths, file_of = tf.constant(records.paths), tf.constant(records.file_of)
    begins, ends = tf.constant(records.begins), tf.constant(records.ends)
    num_pictures = len(records.file_of)

    def read_own(picture: tf.Tensor) -> tf.data.Dataset:
        path, begin = paths[file_of[picture]][None], begins[picture][None]
        size = ends[picture] - begins[picture]
        variant = tf.raw_ops.TFRecordDatasetV2(
            filenames=path, compression_type="", buffer_size=size, byte_offsets=begin
        )
        record = tf.data.experimental.from_variant(variant, tf.TensorSpec((), tf.string)).take(1)
        # Read within a map, which moves on after an error. A file dataset would try to open a
        # missing file again and again; with ignore_errors, forever.
        good = tf.data.Dataset.from_tensors(picture).map(lambda _: record.get_single_element())
        # Reached only without a good record. Yields nothing, but fails if the file is missing.
        there = tf.data.FixedLengthRecordDataset(path, record_bytes=1).take(1)
        found = good.ignore_errors(log_warning=True).concatenate(there.filter(lambda _: False))
        return found.map(lambda one: (one, picture))

    none = tf.data.Dataset.from_tensors((tf.constant(""), tf.constant(-1, tf.int64)))

    def read(picture: tf.Tensor) -> tf.data.Dataset:
        tries = tf.data.Dataset.range(picture, picture + min(most_damaged + 1, num_pictures))
        found = tries.flat_map(lambda number: read_own(number % num_pictures))
        return found.concatenate(none).take(1)

    return read
