"""Checks a finished dataset down to the last byte, for the command `verify`."""

import contextlib
import hashlib
import posixpath
from collections.abc import Iterator
from typing import Any

import numpy as np
from tqdm import tqdm

from tfrecords.common import paths
from tfrecords.common.errors import UserError
from tfrecords.format.dataset_info import DatasetInfo, read_classes, read_dataset_info, read_labels
from tfrecords.format.dataset_json import JSON_NAME, REJECTED_NAME, read_details
from tfrecords.format.record_file import BadRecordError, RecordFile
from tfrecords.inspecting.inspection import Pictures, map_in_threads
from tfrecords.pictures.images import build_pyramid

_READ_BYTES = 2**22
_MOST_REJECTED_BYTES = 2**29  # lines about five million pictures


def find_problems(folder: str) -> Iterator[str]:
    """Looks for everything that is wrong with a dataset, and yields a line for each problem found.

    Problems are files that are missing, cut off or not those in `dataset.json`; records that are
    damaged or of another size; pictures that are not averages of the largest; and labels that are
    not numbers or whose counts differ from `dataset.json`. If files are missing or cut off, it does
    not compare pictures. UserError if the folder is not a dataset or its parts do not match.
    """
    details, found = read_details(folder), []
    for problem in _check_files(folder, details):
        found.append(problem)
        yield problem
    try:
        info = read_dataset_info(folder)
    except UserError as error:
        for problem in _check_unlisted_files(folder, details):
            found.append(problem)
            yield problem
        if not found:
            raise
        named = (posixpath.basename(problem.split(": ")[0]) for problem in found)
        if not any(name in str(error) for name in named):
            yield str(error)
        return
    yield from _check_details(info, details)
    yield from _check_labels(info, details)
    with contextlib.ExitStack() as stack:
        levels = {}
        for side in sorted(info.files, reverse=True):
            try:
                level = stack.enter_context(contextlib.closing(Pictures(info, side)))
            except UserError as error:
                yield str(error)
                continue
            if (got := len(level)) == info.num_images:
                levels[side] = level
            else:
                yield f"{info.folder}: expected {info.num_images} pictures of {side} px, got {got}"
        yield from _check_pictures(info, levels)


def _check_files(folder: str, details: dict[str, Any]) -> Iterator[str]:
    """Compares the files with the sizes and checksums in `dataset.json`."""
    listed = details.get("files", [])
    present = set(paths.list_names(folder))
    total = sum(entry["bytes"] for entry in listed)
    settings: dict[str, Any] = {"unit": "B", "unit_scale": True, "leave": False, "disable": None}
    with tqdm(total=total, desc="checksums", **settings) as bar:
        for entry in listed:
            path = paths.join(folder, entry["file"])
            if entry["file"] not in present:
                yield f"{path}: missing, {JSON_NAME} lists it"
            elif (size := paths.size(path)) != entry["bytes"]:
                yield f"{path}: expected {entry['bytes']:,} bytes, got {size:,}"
            elif "sha256" in entry and (digest := _sha256(path, bar)) != entry["sha256"]:
                yield f"{path}: expected the SHA-256 {entry['sha256']}, got {digest}"


def _check_unlisted_files(folder: str, details: dict[str, Any]) -> Iterator[str]:
    """Reads each record of files without checksums in `dataset.json`."""
    listed = {entry["file"] for entry in details.get("files", [])}
    for name in paths.list_names(folder):
        if name in listed or not name.endswith(".tfrecords"):
            continue
        try:
            file = RecordFile(paths.join(folder, name))
        except UserError as error:
            yield str(error)
            continue
        with contextlib.closing(file):
            for index in range(len(file)):
                try:
                    file.read(index)
                except BadRecordError as error:
                    yield str(error)


def _sha256(path: str, bar: tqdm) -> str:
    digest = hashlib.sha256()
    with paths.open_file(path) as file:
        while data := file.read(_READ_BYTES):
            digest.update(data)
            bar.update(len(data))
    return digest.hexdigest()


def _check_details(info: DatasetInfo, details: dict[str, Any]) -> Iterator[str]:
    """Compares `dataset.json` with the files that can be counted without reading them."""
    path, sides = paths.join(info.folder, JSON_NAME), sorted(info.files)
    held: dict[str, Any] = {"num_channels": info.num_channels, "depth": info.depth}
    held |= {"encoding": info.encoding, "resolutions": sides}
    for name, value in held.items():
        expected = details.get(name, value)
        if (sorted(expected) if isinstance(expected, list) else expected) != value:
            yield f"{path}: {name} is {expected}, the files hold {value}"
    path, count = paths.join(info.folder, REJECTED_NAME), 0
    if paths.exists(path):
        count = paths.read_whole(path, _MOST_REJECTED_BYTES).count(b"\n")
    if count != details.get("num_rejected", count):
        yield f"{path}: expected {details['num_rejected']:,} lines, got {count:,}"


def _check_labels(info: DatasetInfo, details: dict[str, Any]) -> Iterator[str]:
    if info.labels_path is None:
        if details.get("label_counts"):
            yield f"{info.folder}: the labels are missing, {JSON_NAME} counts them"
        return
    labels = read_labels(info)
    for row in np.flatnonzero(~np.isfinite(labels).all(axis=1)):
        yield f"{info.labels_path}: row {row}: expected numbers, got {labels[row].tolist()}"
    classes, expected = read_classes(info), details.get("label_counts")
    if classes is not None and expected:
        counts = np.bincount(classes[classes >= 0], minlength=info.label_size).tolist()
        if counts != expected:
            yield f"{info.labels_path}: expected {expected} pictures of the classes, got {counts}"


def _check_pictures(info: DatasetInfo, levels: dict[int, Pictures]) -> Iterator[str]:
    """Reads each picture at every resolution and compares it with the largest."""

    def check(index: int) -> list[str]:
        problems, images = [], {}
        for resolution, pictures in levels.items():
            which = f"picture {index} at {resolution} px"
            try:
                encoding, images[resolution] = pictures.decode(index)
                if encoding != info.encoding:
                    problems.append(f"{which}: expected {info.encoding}, got {encoding}")
            except ValueError as error:  # includes BadRecordError
                problems.append(f"{which}: {error}")
        if info.resolution not in images:  # the largest is missing
            return problems
        expected = build_pyramid(images[info.resolution], info.base)
        for resolution, image in images.items():
            different = image != expected[resolution]
            if different.any():
                wrong = f"not the average of the one at {info.resolution} px"
                amount = f"{different.sum()} of {different.size} values differ"
                problems.append(f"picture {index} at {resolution} px: {wrong}, {amount}")
        return problems

    for problems in map_in_threads(check, info.num_images, info.resolution, "pictures"):
        yield from problems
