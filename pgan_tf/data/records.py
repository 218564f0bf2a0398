"""Finds the records of one resolution in its files."""

import contextlib
from dataclasses import dataclass

import numpy as np

from tfrecords.common.errors import UserError
from tfrecords.format.dataset_info import DatasetInfo
from tfrecords.format.record_file import RecordFile

# Smaller datasets are kept in memory, which takes three times as much while they are loaded.
MEMORY_BYTES = 2**28


@dataclass(frozen=True)
class Records:
    """The file and byte range of each picture's record."""

    paths: tuple[str, ...]
    file_of: np.ndarray  # (num_pictures,) int64, index into `paths`
    begins: np.ndarray  # (num_pictures,) int64, first byte of the record's frame in the file
    ends: np.ndarray  # (num_pictures,) int64, the byte after its last one

    def place(self, picture: int) -> str:
        """Returns where a picture's record is, for messages."""
        file = self.file_of[picture]
        number = picture - int(np.searchsorted(self.file_of, file))
        return f"{self.paths[file]}: record {number}, at byte {self.begins[picture]}"


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
