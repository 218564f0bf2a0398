"""Reads a finished dataset's pictures by number, for all commands; and the command `summary`."""

import bisect
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tfrecords.common import paths
from tfrecords.common.errors import UserError
from tfrecords.common.text import align, counted, size_in_words
from tfrecords.format.dataset_info import DatasetInfo, read_classes, read_dataset_info
from tfrecords.format.dataset_json import JSON_NAME, read_details
from tfrecords.format.record import decode_record
from tfrecords.format.record_file import BadRecordError, RecordFile
from tfrecords.pictures.source import COLORS

T = TypeVar("T")

_TASK_PIXELS, _TASK_PICTURES = 2**22, 1024  # at most per task, so that the bar moves often
_CLASSES_IN_TABLE = 40


class Pictures:
    """The pictures of one resolution, numbered over all files. Thread-safe."""

    def __init__(self, info: DatasetInfo, resolution: int) -> None:
        """Opens the files. Raises UserError if one is damaged or there is no such resolution."""
        if resolution not in info.files:
            sides = ", ".join(map(str, info.files))
            raise UserError(f"resolution: expected one of {sides}, got {resolution}")
        names, counts = info.files[resolution], info.num_records[resolution]
        self.shape = (*info.base.shape(resolution), info.num_channels)
        self._resolution = resolution
        self._files = [RecordFile(path, n) for path, n in zip(names, counts, strict=True)]
        self._ends = np.cumsum([len(file) for file in self._files]).tolist()

    def __len__(self) -> int:
        return self._ends[-1]

    def record(self, index: int) -> bytes:
        """Returns a picture's record. Raises BadRecordError if it is damaged or unreadable."""
        file = bisect.bisect_right(self._ends, index)
        first = self._ends[file - 1] if file else 0
        try:
            return self._files[file].read(index - first)
        except (OSError, tf.errors.OpError) as error:
            raise BadRecordError(f"{self._files[file].path}: {error}") from error

    def decode(self, index: int) -> tuple[str, np.ndarray]:
        """Returns a picture's encoding, and the picture, (height, width, channels) uint8 or uint16.

        Raises ValueError if its record is damaged, invalid or of another size.
        """
        encoding, image = decode_record(self.record(index))
        if image.shape != self.shape:
            wanted = f"{self.shape} (height, width, channels)"
            raise ValueError(f"expected a picture of {wanted}, got {image.shape}")
        return encoding, image

    def read(self, index: int) -> np.ndarray:
        """Returns a picture, (height, width, channels) uint8 or uint16. UserError if damaged."""
        try:
            return self.decode(index)[1]
        except ValueError as error:
            where = f"picture {index} at {self._resolution} px"
            advice = "python -m tfrecords.inspect verify finds all that is damaged"
            raise UserError(f"{where}: {error}: {advice}") from error

    def close(self) -> None:
        """Closes the files."""
        for file in self._files:
            file.close()


def map_in_threads(
    work: Callable[[int], T], count: int, resolution: int, description: str
) -> Iterator[T]:
    """Calls `work` with 0 to `count` - 1 on all processors, and yields the results in order.

    `resolution` decides how many pictures make a task. `description` labels the progress bar.
    """
    size = max(1, min(_TASK_PICTURES, _TASK_PIXELS // resolution**2))
    tasks = [range(start, min(start + size, count)) for start in range(0, count, size)]
    executor = ThreadPoolExecutor(os.cpu_count())
    try:
        # disable=None hides the bar unless the output is a terminal.
        with tqdm(total=count, desc=description, unit=" pictures", disable=None) as bar:
            for results in executor.map(lambda task: list(map(work, task)), tasks):
                yield from results
                bar.update(len(results))
    finally:
        executor.shutdown(cancel_futures=True)


def class_names(info: DatasetInfo) -> tuple[str, ...]:
    """Returns the names of the classes, or their numbers if they have no names."""
    digits = len(str(max(0, info.label_size - 1)))
    return info.label_names or tuple(f"{index:0{digits}}" for index in range(info.label_size))


def summarize(folder: str) -> dict[str, Any]:
    """Describes a dataset, as values for JSON. Raises UserError if it is incomplete."""
    info, details = read_dataset_info(folder), read_details(folder)
    classes = read_classes(info)
    resolutions = [
        {
            "resolution": resolution,
            "shape": info.base.text(resolution),
            "files": len(names),
            "bytes": sum(map(paths.size, names)),
        }
        for resolution, names in info.files.items()
    ]
    counts: list[int] = []
    if classes is not None:
        counts = np.bincount(classes[classes >= 0], minlength=info.label_size).tolist()
    named = zip(class_names(info), counts, strict=False)  # vector labels have no counts
    return {
        "folder": folder,
        "name": info.name,
        "source": details.get("source"),
        "num_pictures": info.num_images,
        "num_rejected": details.get("num_rejected"),
        "num_channels": info.num_channels,
        "depth": info.depth,
        "encoding": info.encoding,
        "bytes": sum(row["bytes"] for row in resolutions),
        "resolutions": resolutions,
        "label_size": info.label_size,
        "classes": [{"name": name, "pictures": count} for name, count in named],
    }


def format_summary(summary: dict[str, Any]) -> str:
    """Formats the result of `summarize` as text for people."""
    files = sum(row["files"] for row in summary["resolutions"])
    rejected, classes = summary["num_rejected"], summary["classes"]
    colors = COLORS.get(summary["num_channels"], "numbers")
    bits = "" if summary["depth"] == 8 else f", {summary['depth']} bits"
    kind = "classes" if classes else "numbers for each picture"
    lines = [
        ("name", summary["name"]),
        ("source", summary["source"] or f"unknown (no {JSON_NAME})"),
        ("pictures", f"{summary['num_pictures']:,}"),
        ("rejected", "unknown" if rejected is None else f"{rejected:,}"),
        ("channels", f"{summary['num_channels']} ({colors}{bits})"),
        ("encoding", summary["encoding"]),
        ("size", f"{size_in_words(summary['bytes'])} in {counted(files, 'file')}"),
        ("labels", f"{summary['label_size']:,} {kind}" if summary["label_size"] else "none"),
    ]
    text = "\n".join(f"{name:10}{value}" for name, value in lines)
    rows = [
        (_shape_in_words(row), f"{row['files']:,}", size_in_words(row["bytes"]))
        for row in reversed(summary["resolutions"])
    ]
    text += "\n\n" + _format_table([("resolution", "files", "size"), *rows])
    if classes:
        shown = [(row["name"], f"{row['pictures']:,}") for row in classes[:_CLASSES_IN_TABLE]]
        text += "\n\n" + _format_table([("class", "pictures"), *shown])
    if len(classes) > _CLASSES_IN_TABLE:
        text += f"\n… and {len(classes) - _CLASSES_IN_TABLE:,} more; --json lists all"
    return text


def _shape_in_words(row: dict[str, Any]) -> str:
    resolution, shape = row["resolution"], row["shape"]
    beside = "" if shape == f"{resolution}x{resolution}" else f" ({shape})"
    return f"{resolution} px{beside}"


def _format_table(rows: Sequence[Sequence[str]]) -> str:
    """Aligns columns, the first on the left and numbers on the right."""
    width = max(len(row[0]) for row in rows)
    return "\n".join(align([(first.ljust(width), *numbers) for first, *numbers in rows]))
