"""MNIST, Fashion-MNIST and others in IDX files, and MNIST-RGB with a digit per color channel."""

import contextlib
import functools
import math
import os
import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tfrecords.common.errors import UserError
from tfrecords.common.paths import read_bytes
from tfrecords.pictures.images import MAX_PIXELS
from tfrecords.pictures.source import Reader, Source, one_hot
from tfrecords.sources import single_file

_DEFAULT_RGB_PICTURES = "200000"  # for a few hours of training; published are 1,000,000
_RGB_SEED = 123
_PADDING = 2  # pixels on each side, which makes 28 px 32, as in the published dataset
_IMAGES_MAGIC, _LABELS_MAGIC = 2051, 2049
_FASHION_NAMES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


def is_idx_folder(folder: str) -> bool:
    """Returns whether a folder has MNIST's pictures under their published names."""
    return bool(_find(folder, "train", "images", 3))


def open_mnist(folder_and_split: str, labels: str | None = None) -> Source:
    """Opens `FOLDER[:train|test]` with IDX files, with or without .gz.

    Two zeros on each side make 28 px 32. Labels are the digits, or Fashion-MNIST's names if the
    folder's path contains `fashion`. Raises UserError for missing or damaged files.
    """
    folder, split = single_file.split_option(folder_and_split, ("train", "test"))
    whole = os.path.abspath(folder)
    images = _only_file(folder, split, "images", 3)
    shape, open_pictures = _open_images(images)
    source = Source(
        name=f"{os.path.basename(whole)}-{split}",
        description=f"mnist:{folder}:{split}",
        num_pictures=shape[0],
        open=open_pictures,
        identity=["mnist", single_file.file_identity(images)],
        picture_name=lambda index: f"{images} picture {index}",
        sample_sizes=lambda: [(shape[2] + 2 * _PADDING, shape[1] + 2 * _PADDING)],
    )
    if labels is None:
        file = _only_file(folder, split, "labels", 1)
        classes = _read_labels(file, shape[0])
        num_classes = max(10, int(classes.max(initial=0)) + 1)
        fashion = "fashion" in whole.lower() and num_classes == 10
        source = replace(
            source,
            identity=[*source.identity, single_file.file_identity(file)],
            labels=one_hot(classes, num_classes),
            label_names=_FASHION_NAMES if fashion else tuple(map(str, range(num_classes))),
        )
    return single_file.with_own_labels(source, labels)


def open_mnist_rgb(folder_and_count: str, labels: str | None = None) -> Source:
    """Opens `FOLDER[:COUNT]`: pictures of three random digits, in red, green and blue.

    The digits of picture i depend only on i, so larger counts start with the same pictures. The
    default count is 200,000. There are no labels. Raises UserError as `open_mnist` does.
    """
    folder, _, count = folder_and_count.rpartition(":")
    if not (folder and count.isdecimal()):
        folder, count = folder_and_count, _DEFAULT_RGB_PICTURES
    if len(count) > 9 or int(count) < 1:  # their order is kept in memory
        raise UserError(f"mnist_rgb: expected a count below 10^9, 1 or more, got {count:.40}")
    digits = open_mnist(folder, "none")
    source = replace(
        digits,
        name=f"{os.path.basename(os.path.abspath(folder))}-rgb",
        description=f"mnist_rgb:{folder}:{count}",
        num_pictures=int(count),
        open=functools.partial(_open_three_digits, digits.open, digits.num_pictures),
        identity=["mnist_rgb", int(count), _RGB_SEED, *digits.identity],
        picture_name=lambda index: f"mnist_rgb:{folder} picture {index}",
    )
    return single_file.with_own_labels(source, labels)


def choose_digits(index: int, num_digits: int) -> np.ndarray:
    """Returns the indices of the three digits of picture `index`, (3,) int64."""
    return np.random.default_rng([_RGB_SEED, index]).integers(num_digits, size=3)


def _open_three_digits(open_digits: Callable[[], Reader], num_digits: int) -> Reader:
    read = open_digits()
    return lambda index: np.stack([*map(read, choose_digits(index, num_digits))], axis=-1)


def _find(folder: str, split: str, what: str, dims: int) -> list[str]:
    split = "train" if split == "train" else "(t10k|test)"
    pattern = re.compile(rf"(.*[-_.])?{split}[-_]{what}[-.]idx{dims}-ubyte(\.gz)?", re.IGNORECASE)
    found: set[str] = set()
    with contextlib.suppress(OSError):
        found = {file for file in os.listdir(folder) if pattern.fullmatch(file)}
    packed = {f"{file}.gz" for file in found}  # often still there after unpacking
    return [os.path.join(folder, file) for file in sorted(found - packed)]


def _only_file(folder: str, split: str, what: str, dims: int) -> str:
    found = _find(folder, split, what, dims)
    if len(found) != 1:
        name = f"{'train' if split == 'train' else 't10k'}-{what}-idx{dims}-ubyte"
        files = f"one file {name} or {name}.gz in {folder!r}"
        raise UserError(f"mnist: expected {files}, found {len(found)}")
    return found[0]


def _open_images(path: str) -> tuple[list[int], Callable[[], Reader]]:
    """Returns the shape, (pictures, height, width), and a `Source.open`."""
    raw = single_file.unpack(path)
    header = read_bytes(str(raw), 16)
    magic, *shape = (int.from_bytes(header[at : at + 4]) for at in (0, 4, 8, 12))
    if magic != _IMAGES_MAGIC or 0 in shape or math.prod(shape[1:]) > MAX_PIXELS:
        raise UserError(f"{path}: expected an IDX file of pictures: is it damaged?")
    num_bytes = os.path.getsize(raw) - 16
    if num_bytes != math.prod(shape):
        expected = f"{shape[0]} pictures of {shape[1]}x{shape[2]}"
        raise UserError(f"{path}: expected {expected}, got {num_bytes} bytes: is it damaged?")
    return shape, functools.partial(single_file.open_raw, raw, tuple(shape), path, 16, _PADDING)


def _read_labels(path: str, num_pictures: int) -> np.ndarray:
    raw = single_file.unpack(path)  # keeps a temporary copy alive
    data = read_bytes(str(raw), 8 + num_pictures + 1)
    magic, count = (int.from_bytes(data[at : at + 4]) for at in (0, 4))
    classes = np.frombuffer(data[8:], np.uint8)
    if magic != _LABELS_MAGIC or not count == len(classes) == num_pictures:
        expected = f"an IDX file of {num_pictures} labels"
        raise UserError(f"{path}: expected {expected}, got {len(classes)}: is it damaged?")
    return classes
