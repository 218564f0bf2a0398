"""Arrays of numbers as a source: any channels, any range, from NumPy's files and from HDF5.

An array is (pictures, height, width, channels), or without the last axis. `.npy` files are
memory-mapped; of `.npz` files the array is unpacked to a temporary one. Labels, one-hot rows,
vectors or class numbers, are `labels` in a `.npz`, or in `NAME-labels.npy` beside the file.
"""

import functools
import os
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.lib.format import MAGIC_PREFIX
from tqdm import tqdm

from tfrecords.common.errors import UserError
from tfrecords.common.limits import check_expansion, picture_too_large
from tfrecords.common.paths import check_regular_file
from tfrecords.common.text import printable
from tfrecords.pictures.source import MOST_CHANNELS, Reader, Source, as_labels
from tfrecords.sources.single_file import (
    TemporaryPath,
    file_identity,
    new_temporary_file,
    user_error_on,
    with_own_labels,
)

_USUAL_NAMES = ("images", "data", "x", "arr_0")  # of the pictures among other arrays
_BLOCK_BYTES = 2**20


@dataclass(frozen=True)
class Layout:
    """The axes of an array, and its type."""

    num_pictures: int
    height: int
    width: int
    channels: int
    dtype: np.dtype

    @property
    def is_usual(self) -> bool:
        """Whether it holds gray or RGB pictures as usual files do."""
        return self.dtype == np.uint8 and self.channels in (1, 3)


def layout_of(shape: Sequence[int], dtype: np.dtype) -> Layout:
    """Returns an array's layout. Raises ValueError for one that holds no pictures."""
    count, height, width, channels = (*shape, 1) if len(shape) == 3 else (*shape, 0, 0, 0, 0)[:4]
    expected = f"numbers (pictures, height, width, channels), of 1 to {MOST_CHANNELS} channels"
    if len(shape) not in (3, 4) or not 1 <= channels <= MOST_CHANNELS or dtype.kind not in "fiu":
        moved = " (numpy.moveaxis(a, 1, -1) moves channels last)" if len(shape) == 4 else ""
        raise ValueError(f"expected {expected}, got {dtype} of {tuple(shape)}{moved}")
    if not count * height * width:
        raise ValueError(f"expected {expected}, got none: {tuple(shape)}")
    if channels == 4:
        raise ValueError(
            "expected another number of channels than 4, which means RGBA: add a channel or remove "
            "one, or save RGBA pictures as PNG files"
        )
    if too_large := picture_too_large(height * width * channels * dtype.itemsize):
        raise ValueError(f"pictures like {too_large}")
    return Layout(count, height, width, channels, dtype.newbyteorder("="))


def array_source(
    path: str, layout: Layout, open_reader: Callable[[], Reader], identity: Sequence[Any]
) -> Source:
    """Returns a source of an array's pictures, with no labels."""
    numbers: dict[str, Any] = {}
    if not layout.is_usual:
        numbers["num_channels"] = layout.channels
        numbers["depth"] = 8 if layout.dtype == np.uint8 else 16
        numbers["value_range"] = functools.partial(_find_range, layout, open_reader)
    return Source(
        name=os.path.splitext(os.path.basename(path))[0],
        description=path,
        num_pictures=layout.num_pictures,
        open=open_reader,
        identity=identity,
        picture_name=lambda index: f"{path} picture {index}",
        sample_sizes=lambda: [(layout.width, layout.height)],
        **numbers,
    )


def open_numpy(path: str, labels: str | None = None) -> Source:
    """Opens a local .npy or .npz file. Raises UserError if it is missing, damaged or unsuitable."""
    check_regular_file(path)
    identity = ["numpy", file_identity(path)]
    found: np.ndarray | None = None
    where: str | TemporaryPath = path
    with user_error_on(f"{path}: cannot be read as pictures of NumPy"):
        if zipfile.is_zipfile(path):
            where, found = _unpack(path)
        array = _map(where)
        layout = layout_of(array.shape, array.dtype)
        beside = f"{os.path.splitext(path)[0]}-labels.npy"
        if found is None and os.path.isfile(beside):
            found = np.array(_map(beside))
            identity.append(file_identity(beside))
        rows = None if found is None else as_labels(found, layout.num_pictures)
    source = array_source(path, layout, functools.partial(_open_mapped, where, path), identity)
    return with_own_labels(replace(source, labels=rows), labels)


def _map(path: str | TemporaryPath) -> np.ndarray:
    """Maps a .npy file of numbers, which may be larger than the memory."""
    with open(path, "rb") as file:
        if file.read(len(MAGIC_PREFIX)) != MAGIC_PREFIX:  # NumPy would try to unpickle it
            raise ValueError("no array of NumPy")
    return np.load(os.fspath(path), mmap_mode="r", allow_pickle=False)


def _open_mapped(where: str | TemporaryPath, path: str) -> Reader:
    with user_error_on(f"{path}: cannot be opened"):
        array = _map(where)

    def read(index: int) -> np.ndarray:
        picture = np.array(array[index])
        return picture[..., None] if picture.ndim == 2 and picture.dtype != np.uint8 else picture

    return read


def _unpack(path: str) -> tuple[TemporaryPath, np.ndarray | None]:
    """Unpacks the pictures of a .npz file. Returns their place, and `labels` if it has them."""
    with zipfile.ZipFile(path) as archive:
        members = {name.removesuffix(".npy"): name for name in archive.namelist()}
        labels = None
        if name := members.pop("labels", None):
            with new_temporary_file() as (write, place):
                _copy(archive, name, write, path)
            labels = np.array(_map(place))
        names = [name for name in _USUAL_NAMES if name in members] or [*members]
        if not names or (len(members) > 1 and names[0] not in _USUAL_NAMES):
            got = ", ".join(map(printable, [*members][:10])) or "none"
            raise ValueError(f"expected one array, or one named images, got {got}")
        with new_temporary_file() as (write, place):
            _copy(archive, members[names[0]], write, path)
    return place, labels


def _copy(archive: zipfile.ZipFile, name: str, write: Callable[[Any], object], path: str) -> None:
    count = 0
    with archive.open(name) as packed:
        while block := packed.read(_BLOCK_BYTES):
            count += len(block)
            check_expansion(count, os.path.getsize(path), path)
            write(block)


def _find_range(layout: Layout, open_reader: Callable[[], Reader]) -> tuple[float, float]:
    """Returns what the least and the largest level stand for: the type's range, or that found."""
    if layout.dtype in (np.uint8, np.uint16):
        return 0.0, float(np.iinfo(layout.dtype).max)
    read, low, high = open_reader(), np.inf, -np.inf
    for index in tqdm(range(layout.num_pictures), "Finding the range", disable=None):
        numbers = np.asarray(read(index))
        numbers = numbers[np.isfinite(numbers)]  # others are rejected later
        if numbers.size:
            low, high = min(low, float(numbers.min())), max(high, float(numbers.max()))
    if not low < high:
        got = "none" if low > high else f"{low:g} alone"
        raise UserError(f"value_range: expected pictures of different numbers, got {got}")
    return low, high
