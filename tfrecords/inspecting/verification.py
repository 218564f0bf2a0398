"""Checks a finished dataset to the last byte: the command `verify`."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tfrecords.common import paths
from tfrecords.common.errors import UserError
from tfrecords.common.paths import check_regular_file, read_whole
from tfrecords.format.dataset_info import DatasetInfo, read_dataset_info, read_labels
from tfrecords.format.dataset_json import JSON_NAME, REJECTED_NAME
from tfrecords.format.record_file import BadRecordError, RecordFile
from tfrecords.inspecting.inspection import (
    Pictures,
    file_size,
    map_in_threads,
    picture_classes,
    read_details,
)
from tfrecords.pictures.images import build_pyramid

_READ_BYTES = 2**22
_MOST_REJECTED_BYTES = 2**29  # lines on five million pictures


def find_problems(folder: str) -> Iterator[str]:
    """Looks for everything that is wrong with a dataset.

    That is: files that are missing, cut or not those that `dataset.json` tells of, records
    that are damaged or of another size, pictures that are not the averages of the largest,
    and labels that are no numbers or other classes than `dataset.json` counts. Where whole
    files are missing or cut, all such are found, but pictures are not compared.

    Args:
        folder: of the dataset, local or remote (`gs://…`).

    Yields:
        What is wrong, one line each, as it is found.

    Raises:
        UserError: it is no dataset, or its parts do not belong together.
    """
    details = read_details(folder)
    found = []
    for problem in _check_files(folder, details):
        found.append(problem)
        yield problem
    try:
        info = read_dataset_info(folder)
    except UserError as error:
        for path in _unlisted_files(folder, details):
            for problem in _check_records(path):
                found.append(problem)
                yield problem
        if not found:
            raise
        told = (posixpath.basename(problem.split(": ")[0]) for problem in found)
        if not any(name in str(error) for name in told):
            yield str(error)
        return
    yield from _check_details(info, details)
    yield from _check_labels(info, details)
    levels = {}
    for resolution in sorted(info.files, reverse=True):
        try:
            levels[resolution] = Pictures(info, resolution)
        except UserError as error:
            yield str(error)
            continue
        if len(levels[resolution]) != info.num_images:
            yield (
                f"{info.folder}: expected {info.num_images} pictures of {resolution} px, "
                f"got {len(levels.pop(resolution))}"
            )
    try:
        yield from _check_pictures(info, levels)
    finally:
        for level in levels.values():
            level.close()


def _check_files(folder: str, details: dict[str, Any]) -> Iterator[str]:
    """Compares the files with the sizes and checksums in `dataset.json`."""
    listed = details.get("files", [])
    present = set(paths.list_names(folder))
    total = sum(entry["bytes"] for entry in listed)
    with tqdm(
        total=total, desc="checksums", unit="B", unit_scale=True, leave=False, disable=None
    ) as bar:
        for entry in listed:
            path = paths.join(folder, entry["file"])
            if entry["file"] not in present:
                yield f"{path}: missing, {JSON_NAME} tells of it"
            elif file_size(path) != entry["bytes"]:
                yield f"{path}: expected {entry['bytes']:,} bytes, got {file_size(path):,}"
            elif "sha256" in entry and (digest := _sha256(path, bar)) != entry["sha256"]:
                yield f"{path}: expected the SHA-256 {entry['sha256']}, got {digest}"


def _unlisted_files(folder: str, details: dict[str, Any]) -> list[str]:
    """Returns the TFRecords whose checksums `dataset.json` does not hold."""
    listed = {entry["file"] for entry in details.get("files", [])}
    names = [name for name in paths.list_names(folder) if name.endswith(".tfrecords")]
    return [paths.join(folder, name) for name in names if name not in listed]


def _check_records(path: str) -> Iterator[str]:
    """Reads a file by itself, each record's checksum with it."""
    try:
        file = RecordFile(path)
    except UserError as error:
        yield str(error)
        return
    for index in range(len(file)):
        try:
            file.read(index)
        except BadRecordError as error:
            yield str(error)
    file.close()


def _sha256(path: str, bar: tqdm) -> str:
    check_regular_file(path)
    digest = hashlib.sha256()
    with tf.io.gfile.GFile(path, "rb") as file:
        while data := file.read(_READ_BYTES):
            digest.update(data)
            bar.update(len(data))
    return digest.hexdigest()


def _check_details(info: DatasetInfo, details: dict[str, Any]) -> Iterator[str]:
    """Compares `dataset.json` with the files that can be counted without reading them."""
    path = tf.io.gfile.join(info.folder, JSON_NAME)
    found = {
        "num_images": info.num_images,
        "num_channels": info.num_channels,
        "encoding": info.encoding,
        "resolutions": sorted(info.files),
    }
    for name, value in found.items():
        expected = details.get(name, value)
        if (sorted(expected) if isinstance(expected, list) else expected) != value:
            yield f"{path}: {name} is {expected}, the files hold {value}"
    path, count = tf.io.gfile.join(info.folder, REJECTED_NAME), 0
    if tf.io.gfile.exists(path):
        count = read_whole(path, _MOST_REJECTED_BYTES).count(b"\n")
    if count != details.get("num_rejected", count):
        yield f"{path}: expected {details['num_rejected']:,} lines, got {count:,}"


def _check_labels(info: DatasetInfo, details: dict[str, Any]) -> Iterator[str]:
    if info.labels_path is None:
        if details.get("label_counts"):
            yield f"{info.folder}: the labels are missing, {JSON_NAME} tells of some"
        return
    labels = read_labels(info)
    for row in np.flatnonzero(~np.isfinite(labels).all(axis=1)):
        yield f"{info.labels_path}: row {row}: expected numbers, got {labels[row].tolist()}"
    classes, expected = picture_classes(info), details.get("label_counts")
    if classes is not None and expected:
        counts = np.bincount(classes[classes >= 0], minlength=info.label_size).tolist()
        if counts != expected:
            yield f"{info.labels_path}: expected {expected} pictures of the classes, got {counts}"


def _check_pictures(info: DatasetInfo, levels: dict[int, Pictures]) -> Iterator[str]:
    def check(index: int) -> list[str]:
        return _check_picture(info, levels, index)

    for problems in map_in_threads(check, info.num_images, info.resolution, "pictures"):
        yield from problems


def _check_picture(info: DatasetInfo, levels: dict[int, Pictures], index: int) -> list[str]:
    """Reads one picture at every resolution, and compares each with the largest."""
    problems, images = [], {}
    for resolution, pictures in levels.items():
        try:
            encoding, images[resolution] = pictures.decode(index)
        except ValueError as error:  # BadRecordError, too
            problems.append(f"picture {index} at {resolution} px: {error}")
            continue
        if encoding != info.encoding:
            problems.append(
                f"picture {index} at {resolution} px: expected {info.encoding}, got {encoding}"
            )
    if info.resolution not in images:  # nothing to compare with
        return problems
    expected = build_pyramid(images[info.resolution])
    for resolution, image in images.items():
        different = image != expected[resolution]
        if different.any():
            problems.append(
                f"picture {index} at {resolution} px: not the average of the one at "
                f"{info.resolution} px, {different.sum()} of {different.size} values differ"
            )
    return problems
