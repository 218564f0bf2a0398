"""Compares the pictures of two datasets, for the command `compare`."""

import contextlib
from dataclasses import dataclass

import numpy as np

from tfrecords.common import paths
from tfrecords.common.errors import UserError
from tfrecords.format.dataset_info import DatasetInfo, read_dataset_info, read_labels
from tfrecords.format.record_file import BadRecordError
from tfrecords.inspecting.inspection import Pictures, map_in_threads

_READ_BYTES = 2**22


@dataclass(frozen=True)
class Comparison:
    """The result of comparing two datasets."""

    differences: tuple[str, ...]  # in pictures, their order or their labels, a line each
    num_images: int  # number of pictures compared
    equal_pictures: bool  # whether pictures are equal at all resolutions that both have
    equal_files: bool  # whether all files have the same bytes; names may differ


def compare_datasets(folder_a: str, folder_b: str) -> Comparison:
    """Compares two datasets, however they are stored. UserError if one is incomplete."""
    a, b = read_dataset_info(folder_a), read_dataset_info(folder_b)
    count = min(a.num_images, b.num_images)
    amounts = (
        ("pictures", a.num_images, b.num_images),
        ("channels", a.num_channels, b.num_channels),
        ("bits per channel", a.depth, b.depth),
        ("resolutions", *(f"{min(one.files)} to {max(one.files)} px" for one in (a, b))),
        ("cells of the base", *(f"{one.base.width}x{one.base.height}" for one in (a, b))),
        ("numbers in a label", a.label_size, b.label_size),
    )
    differences = [f"{what}: {of_a} and {of_b}" for what, of_a, of_b in amounts if of_a != of_b]
    if a.label_size == b.label_size:
        differences += _compare_labels(a, b, count)
    # Equal files have equal pictures, so only the others need decoding.
    shared = sorted(a.files.keys() & b.files.keys(), reverse=True)
    changed = [one for one in shared if not _equal_files(a.files[one], b.files[one])]
    equal_pictures = (a.num_channels, a.base) == (b.num_channels, b.base) and bool(shared)
    if changed and equal_pictures:
        found = _compare_pictures(a, b, changed, count)
        equal_pictures = not found
        differences += found
    labels_a, labels_b = ((one.labels_path,) if one.labels_path else () for one in (a, b))
    equal_files = a.files.keys() == b.files.keys() and _equal_files(labels_a, labels_b)
    return Comparison(tuple(differences), count, equal_pictures, equal_files and not changed)


def _compare_labels(a: DatasetInfo, b: DatasetInfo, count: int) -> list[str]:
    differences = []
    names = enumerate(zip(a.label_names, b.label_names, strict=False))
    if found := next(((index, *pair) for index, pair in names if pair[0] != pair[1]), None):
        differences.append("names of the classes: class {} is {!r} and {!r}".format(*found))
    rows_a, rows_b = read_labels(a)[:count], read_labels(b)[:count]
    same = np.all((rows_a == rows_b) | (np.isnan(rows_a) & np.isnan(rows_b)), axis=1)
    if not same.all():
        first = int(np.argmin(same))
        pair = f"{_format_label(rows_a[first])} and {_format_label(rows_b[first])}"
        amount = f"the first of {np.sum(~same):,} that differ, of {count:,}"
        differences.append(f"labels: picture {first} has {pair}, {amount}")
    return differences


def _format_label(label: np.ndarray) -> str:
    if np.count_nonzero(label) == 1 and label.max() == 1:
        return f"class {label.argmax()}"
    shown = ", ".join(f"{value:g}" for value in label[:4])
    return f"({shown}{', …' if len(label) > 4 else ''})"


def _compare_pictures(a: DatasetInfo, b: DatasetInfo, sides: list[int], count: int) -> list[str]:
    """Compares the first `count` pictures at some resolutions. Returns a line if they differ."""
    pairs = {}
    with contextlib.ExitStack() as stack:
        for side in sides:
            opened = (contextlib.closing(Pictures(info, side)) for info in (a, b))
            pairs[side] = [stack.enter_context(pictures) for pictures in opened]

        def compare(index: int) -> str | None:
            """Describes the difference at the first resolution that has one."""
            for side, (of_a, of_b) in pairs.items():
                try:
                    if of_a.record(index) == of_b.record(index):
                        continue
                except BadRecordError as error:
                    raise UserError(f"{error}: verify names all that are damaged") from error
                gaps = np.abs(of_a.read(index).astype(np.int16) - of_b.read(index))
                if gaps.any():
                    amount = f"{np.count_nonzero(gaps):,} of {gaps.size:,} values"
                    limit = f"by up to {gaps.max()} of 255"
                    return f"picture {index} at {side} px differs in {amount}, {limit}"
            return None

        different = filter(None, map_in_threads(compare, count, sides[0], "compare"))
        if (first := next(different, None)) is None:
            return []
        num_different = 1 + sum(1 for _ in different)
    return [f"{first}; it is the first of {num_different:,} that differ, of {count:,}"]


def _equal_files(paths_a: tuple[str, ...], paths_b: tuple[str, ...]) -> bool:
    """Returns whether there are equally many files with the same bytes."""
    return len(paths_a) == len(paths_b) and all(map(_equal_bytes, paths_a, paths_b))


def _equal_bytes(path_a: str, path_b: str) -> bool:
    if paths.size(path_a) != paths.size(path_b):
        return False
    with paths.open_file(path_a) as file_a, paths.open_file(path_b) as file_b:
        blocks = iter(lambda: file_a.read(_READ_BYTES), b"")
        return all(data == file_b.read(_READ_BYTES) for data in blocks)
