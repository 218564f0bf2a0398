"""A finished dataset's pictures by number, and what is known about it.

What the commands of `tfrecords.inspect` have in common, and the command `summary`.
"""

from __future__ import annotations

import bisect
import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tfrecords.common.errors import UserError
from tfrecords.common.in_words import counted, size_in_words
from tfrecords.format.dataset_info import DatasetInfo, read_classes, read_dataset_info
from tfrecords.format.dataset_json import JSON_NAME, read_details_file
from tfrecords.format.record import decode_record
from tfrecords.format.record_file import BadRecordError, RecordFile

T = TypeVar("T")

# Pictures in one task of a thread: about this many pixels, so that the bar moves often,
# but no more than that many pictures.
_TASK_PIXELS = 2**22
_TASK_PICTURES = 1024

_CLASSES_IN_TABLE = 40


class Pictures:
    """The pictures of one resolution, by their number over all files; for any thread."""

    def __init__(self, info: DatasetInfo, resolution: int) -> None:
        """Opens the files.

        Raises:
            UserError: there is no such resolution, or a file is missing or damaged.
        """
        if resolution not in info.files:
            raise UserError(
                f"resolution: expected one of {', '.join(map(str, info.files))}, got {resolution}"
            )
        paths, counts = info.files[resolution], info.num_records[resolution]
        self.shape = (resolution, resolution, info.num_channels)
        self._files = [RecordFile(path, n) for path, n in zip(paths, counts, strict=True)]
        self._ends = np.cumsum([len(file) for file in self._files]).tolist()
        # A remote file has one position, which every reader moves.
        self._lock = threading.Lock() if "://" in paths[0] else contextlib.nullcontext()

    def __len__(self) -> int:
        """The number of pictures."""
        return self._ends[-1]

    def record(self, index: int) -> bytes:
        """Returns the record of a picture.

        Raises:
            BadRecordError: its bytes are not those that were written, or cannot be read.
        """
        file = bisect.bisect_right(self._ends, index)
        first = self._ends[file - 1] if file else 0
        try:
            with self._lock:
                return self._files[file].read(index - first)
        except (OSError, tf.errors.OpError) as error:
            raise BadRecordError(f"{self._files[file].path}: {error}") from error

    def decode(self, index: int) -> tuple[str, np.ndarray]:
        """Returns the encoding of a picture, and its (height, width, channels) uint8.

        Raises:
            ValueError: its record is damaged, or no such record, or of another size.
        """
        encoding, image = decode_record(self.record(index))
        if image.shape != self.shape:
            raise ValueError(
                f"expected a picture of {self.shape} (height, width, channels), got {image.shape}"
            )
        return encoding, image

    def read(self, index: int) -> np.ndarray:
        """Returns a picture, (height, width, channels) uint8.

        Raises:
            UserError: it cannot be read.
        """
        try:
            return self.decode(index)[1]
        except ValueError as error:
            raise UserError(
                f"picture {index} at {self.shape[0]} px: {error}: "
                "python -m tfrecords.inspect verify finds all that is damaged"
            ) from error

    def close(self) -> None:
        """Closes the files."""
        for file in self._files:
            file.close()


def map_in_threads(
    work: Callable[[int], T], count: int, resolution: int, description: str
) -> Iterator[T]:
    """Does something for each picture, on all processors, and yields the results in order.

    What decodes, averages and compares pictures lets other threads run. Progress is shown
    on stderr when that is a terminal.

    Args:
        work: called with the numbers 0 to `count` - 1.
        count: of pictures.
        resolution: of the pictures, which decides how many make a task.
        description: for the progress bar.
    """
    size = max(1, min(_TASK_PICTURES, _TASK_PIXELS // resolution**2))
    tasks = [range(start, min(start + size, count)) for start in range(0, count, size)]

    def do(task: range) -> list[T]:
        return [work(index) for index in task]

    executor = ThreadPoolExecutor(os.cpu_count())
    try:
        # disable=None: no bar where nobody looks, in logs and pipes.
        with tqdm(total=count, desc=description, unit=" pictures", disable=None) as bar:
            for results in executor.map(do, tasks):
                yield from results
                bar.update(len(results))
    finally:
        executor.shutdown(cancel_futures=True)


def file_size(path: str) -> int:
    """Returns a file's size in bytes."""
    return tf.io.gfile.stat(path).length


def read_details(folder: str) -> dict[str, Any]:
    """Returns what `dataset.json` says, nothing where there is none.

    Raises:
        UserError: it holds something else.
    """
    path = tf.io.gfile.join(folder, JSON_NAME)
    if not tf.io.gfile.exists(path):
        return {}
    return read_details_file(path)


def class_names(info: DatasetInfo) -> tuple[str, ...]:
    """Returns what the classes are called; their numbers where they have no names."""
    digits = len(str(max(0, info.label_size - 1)))
    return info.label_names or tuple(f"{index:0{digits}}" for index in range(info.label_size))


def picture_classes(info: DatasetInfo) -> np.ndarray | None:
    """Reads each picture's class, int64 (num_images,); -1 for a picture without one.

    Returns:
        None when there are no labels, or they are vectors and not one-hot rows.
    """
    return read_classes(info)


def summarize(folder: str) -> dict[str, Any]:
    """Tells what a dataset holds, as values for JSON.

    Raises:
        UserError: there is no whole dataset in the folder.
    """
    info = read_dataset_info(folder)
    details = read_details(folder)
    classes = picture_classes(info)
    names = () if classes is None else class_names(info)
    counts = () if classes is None else np.bincount(classes[classes >= 0], minlength=len(names))
    resolutions = [
        {"resolution": resolution, "files": len(paths), "bytes": sum(map(file_size, paths))}
        for resolution, paths in info.files.items()
    ]
    return {
        "folder": folder,
        "name": info.name,
        "source": details.get("source"),
        "num_pictures": info.num_images,
        "num_rejected": details.get("num_rejected"),
        "num_channels": info.num_channels,
        "encoding": info.encoding,
        "bytes": sum(row["bytes"] for row in resolutions),
        "resolutions": resolutions,
        "label_size": info.label_size,
        "classes": [
            {"name": name, "pictures": int(count)}
            for name, count in zip(names, counts, strict=False)
        ],
    }


def format_summary(summary: dict[str, Any]) -> str:
    """Returns `summarize`'s values as text for people."""
    files = sum(row["files"] for row in summary["resolutions"])
    rejected = summary["num_rejected"]
    colour = {1: "grey", 3: "RGB"}[summary["num_channels"]]
    lines = [
        ("name", summary["name"]),
        ("source", summary["source"] or f"unknown (no {JSON_NAME})"),
        ("pictures", f"{summary['num_pictures']:,}"),
        ("rejected", "unknown" if rejected is None else f"{rejected:,}"),
        ("channels", f"{summary['num_channels']} ({colour})"),
        ("encoding", summary["encoding"]),
        ("size", f"{size_in_words(summary['bytes'])} in {counted(files, 'file')}"),
        ("labels", _describe_labels(summary)),
    ]
    text = "\n".join(f"{name:10}{value}" for name, value in lines)
    rows: list[tuple[str, ...]] = [
        (f"{row['resolution']} px", f"{row['files']:,}", size_in_words(row["bytes"]))
        for row in reversed(summary["resolutions"])
    ]
    text += "\n\n" + _format_table(("resolution", "files", "size"), rows)
    if summary["classes"]:
        rows = [(row["name"], f"{row['pictures']:,}") for row in summary["classes"]]
        text += "\n\n" + _format_table(("class", "pictures"), rows[:_CLASSES_IN_TABLE])
        if len(rows) > _CLASSES_IN_TABLE:
            text += f"\n… and {len(rows) - _CLASSES_IN_TABLE:,} more; --json lists all"
    return text


def _describe_labels(summary: dict[str, Any]) -> str:
    if not summary["label_size"]:
        return "none"
    kind = "classes" if summary["classes"] else "numbers for each picture"
    return f"{summary['label_size']:,} {kind}"


def _format_table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Lays out columns, the first to the left and the numbers to the right."""
    table = [header, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    return "\n".join(
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in table
    )
