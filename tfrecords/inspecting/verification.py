"""Checks a finished dataset to the last byte: the command `verify`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tfrecords.dataset_info import DatasetInfo, read_labels
from tfrecords.dataset_json import JSON_NAME, REJECTED_NAME
from tfrecords.errors import UserError
from tfrecords.inspecting.inspection import (
    Pictures,
    file_size,
    map_in_threads,
    picture_classes,
    read_details,
)
from tfrecords.pyramid import build_pyramid

_READ_BYTES = 2**22


def find_problems(info: DatasetInfo) -> Iterator[str]:
    """Looks for everything that is wrong with a dataset.

    That is: files that are not those that `dataset.json` tells of, records that are
    damaged or of another size, pictures that are not the averages of the largest, and
    labels that are no numbers or other classes than `dataset.json` counts.

    Args:
        info: from `read_dataset_info`, which finds missing files and unequal counts.

    Yields:
        What is wrong, one line each, as it is found.
    """
    details = read_details(info.folder)
    yield from _check_files(info, details)
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


def _check_files(info: DatasetInfo, details: dict[str, Any]) -> Iterator[str]:
    """Compares the files with the sizes and checksums in `dataset.json`."""
    listed = details.get("files", [])
    present = set(tf.io.gfile.listdir(info.folder))
    total = sum(entry["bytes"] for entry in listed)
    with tqdm(
        total=total, desc="checksums", unit="B", unit_scale=True, leave=False, disable=None
    ) as bar:
        for entry in listed:
            path = tf.io.gfile.join(info.folder, entry["file"])
            if entry["file"] not in present:
                yield f"{path}: missing, {JSON_NAME} tells of it"
            elif file_size(path) != entry["bytes"]:
                yield f"{path}: expected {entry['bytes']:,} bytes, got {file_size(path):,}"
            elif "sha256" in entry and (digest := _sha256(path, bar)) != entry["sha256"]:
                yield f"{path}: expected the SHA-256 {entry['sha256']}, got {digest}"


def _sha256(path: str, bar: tqdm) -> str:
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
        with tf.io.gfile.GFile(path, "rb") as file:
            count = file.read().count(b"\n")
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
    if info.label_names and len(info.label_names) != info.label_size:
        yield (
            f"{info.labels_path}: expected {len(info.label_names)} columns, one for each class "
            f"in {JSON_NAME}, got {info.label_size}"
        )
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
