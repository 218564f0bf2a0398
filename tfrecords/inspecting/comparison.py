"""Says whether two datasets hold the same pictures: the command `compare`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfrecords.common.errors import UserError
from tfrecords.format.dataset_info import DatasetInfo, read_dataset_info, read_labels
from tfrecords.format.record_file import BadRecordError
from tfrecords.inspecting.inspection import Pictures, file_size, map_in_threads

_READ_BYTES = 2**22


@dataclass(frozen=True)
class Comparison:
    """What two datasets have in common.

    Attributes:
        differences: what differs, one line each; empty when the pictures, their order and
            their labels are the same.
        num_images: how many pictures were compared.
        equal_pictures: whether these are the same at the resolutions that both have, be
            their labels and what one has more as they may.
        equal_files: whether the files of all resolutions and of the labels hold the same
            bytes; their names may differ.
    """

    differences: tuple[str, ...]
    num_images: int
    equal_pictures: bool
    equal_files: bool


def compare_datasets(folder_a: str, folder_b: str) -> Comparison:
    """Compares two datasets, whatever their encoding, their shards and their names.

    Raises:
        UserError: one of them is no whole dataset, or a picture cannot be read.
    """
    a, b = read_dataset_info(folder_a), read_dataset_info(folder_b)
    differences = []
    for what, of_a, of_b in (
        ("pictures", a.num_images, b.num_images),
        ("channels", a.num_channels, b.num_channels),
        ("resolutions", _join(a.files), _join(b.files)),
        ("numbers in a label", a.label_size, b.label_size),
    ):
        if of_a != of_b:
            differences.append(f"{what}: {of_a} and {of_b}")
    differences += _compare_labels(a, b)
    # Same files are the same pictures: only the others need to be decoded.
    same_paths = {
        resolution: _equal_files(a.files[resolution], b.files[resolution])
        for resolution in a.files.keys() & b.files.keys()
    }
    changed = sorted((r for r, same in same_paths.items() if not same), reverse=True)
    equal_pictures = a.num_channels == b.num_channels and bool(same_paths)
    if changed and equal_pictures:
        found = _compare_pictures(a, b, changed)
        equal_pictures = not found
        differences += found
    equal_files = (
        all(same_paths.values())
        and a.files.keys() == b.files.keys()
        and _equal_files(_labels_of(a), _labels_of(b))
    )
    num_images = min(a.num_images, b.num_images)
    return Comparison(tuple(differences), num_images, equal_pictures, equal_files)


def _join(files: dict[int, tuple[str, ...]]) -> str:
    return f"{min(files)} to {max(files)} px"


def _labels_of(info: DatasetInfo) -> tuple[str, ...]:
    return () if info.labels_path is None else (info.labels_path,)


def _compare_labels(a: DatasetInfo, b: DatasetInfo) -> list[str]:
    if a.label_size != b.label_size:
        return []  # said already
    differences = []
    if a.label_names and b.label_names and a.label_names != b.label_names:
        names = zip(a.label_names, b.label_names, strict=False)
        index, pair = next(((i, p) for i, p in enumerate(names) if p[0] != p[1]), (0, ("", "")))
        differences.append(f"names of the classes: class {index} is {pair[0]!r} and {pair[1]!r}")
    count = min(a.num_images, b.num_images)
    rows_a, rows_b = read_labels(a)[:count], read_labels(b)[:count]
    same = np.all((rows_a == rows_b) | (np.isnan(rows_a) & np.isnan(rows_b)), axis=1)
    if not same.all():
        first = int(np.argmin(same))
        differences.append(
            f"labels: picture {first} has {_format_label(rows_a[first])} and "
            f"{_format_label(rows_b[first])}, the first of {_count(np.sum(~same), count)}"
        )
    return differences


def _format_label(label: np.ndarray) -> str:
    if np.count_nonzero(label) == 1 and label.max() == 1:
        return f"class {label.argmax()}"
    shown = ", ".join(f"{value:g}" for value in label[:4])
    return f"({shown}{', …' if len(label) > 4 else ''})"


def _compare_pictures(a: DatasetInfo, b: DatasetInfo, resolutions: list[int]) -> list[str]:
    """Compares the pictures that both have, at some resolutions."""
    count = min(a.num_images, b.num_images)
    pairs = {r: (Pictures(a, r), Pictures(b, r)) for r in resolutions}

    def compare(index: int) -> tuple[int, int, int] | None:
        """Returns the first resolution that differs, in how many values, and by how much."""
        for resolution, (of_a, of_b) in pairs.items():
            try:
                if of_a.record(index) == of_b.record(index):
                    continue
            except BadRecordError as error:
                raise UserError(f"{error}: verify names all that are damaged") from error
            image_a, image_b = of_a.read(index), of_b.read(index)
            if not np.array_equal(image_a, image_b):
                gaps = np.abs(image_a.astype(np.int16) - image_b)
                return resolution, int(np.count_nonzero(gaps)), int(gaps.max())
        return None

    first, num_different = None, 0
    for index, found in enumerate(map_in_threads(compare, count, resolutions[0], "compare")):
        if found is not None:
            first = first or (index, *found)
            num_different += 1
    for pair in pairs.values():
        for pictures in pair:
            pictures.close()
    if first is None:
        return []
    index, resolution, values, gap = first
    size = resolution**2 * a.num_channels
    return [
        f"picture {index} at {resolution} px differs in {values:,} of {size:,} values, by up to "
        f"{gap} of 255; it is the first of {_count(num_different, count)}"
    ]


def _count(num_different: int, total: int) -> str:
    return f"{num_different:,} that differ, of {total:,}"


def _equal_files(paths_a: tuple[str, ...], paths_b: tuple[str, ...]) -> bool:
    """Says whether as many files hold the same bytes."""
    return len(paths_a) == len(paths_b) and all(map(_equal_bytes, paths_a, paths_b))


def _equal_bytes(path_a: str, path_b: str) -> bool:
    if file_size(path_a) != file_size(path_b):
        return False
    with tf.io.gfile.GFile(path_a, "rb") as file_a, tf.io.gfile.GFile(path_b, "rb") as file_b:
        while data := file_a.read(_READ_BYTES):
            if data != file_b.read(_READ_BYTES):
                return False
    return True
