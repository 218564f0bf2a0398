"""The HDF5 archives of Progressive GAN's first release as a source.

They have datasets `data4x4`, `data8x8` and so on, uint8 (pictures, channels, height, width); the
largest is used. Of a file without these the only array, or `images`, is read: see `sources.arrays`.
Labels, one-hot rows, vectors or class numbers, are in a dataset `labels` or, next to `NAME.h5`, in
a NumPy file `NAME-labels.npy` (as published) or `NAME.labels`.
"""

import functools
import itertools
import math
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from tfrecords.common.errors import UserError
from tfrecords.common.limits import check_expansion, picture_too_large
from tfrecords.common.paths import check_regular_file, read_whole
from tfrecords.common.text import printable
from tfrecords.pickles.arrays import parse_npy
from tfrecords.pictures.source import Reader, Source, as_labels
from tfrecords.sources.arrays import array_source, layout_of
from tfrecords.sources.single_file import file_identity, user_error_on, with_own_labels

_MOST_LABEL_BYTES = 2**29
_USUAL_NAMES = ("images", "data", "x")

# Supported HDF5 filters: gzip, shuffle, Fletcher's checksum, szip and LZF.
_FILTERS, _GZIP = frozenset((1, 2, 3, 4, 32000)), 1
_MOST_BLOCKS = 2**16  # in a picture or in labels
_CHECKSUM_BYTES = 4  # Fletcher's checksum, which may be packed with the values


def open_hdf5(file: str, labels: str | None = None) -> Source:
    """Opens a local archive. Raises UserError without h5py, or for a missing or damaged file."""
    identity = [file_identity(file)]
    rows = None
    with _open(file) as archive, user_error_on(f"{file}: cannot be read as an HDF5 file"):
        if name := _find_array(archive):
            array = _own_dataset(archive, name, file)
            layout = layout_of(array.shape, array.dtype)
            open_reader = functools.partial(_open_dataset, file, name, channels_last=True)
            found, label_file = _find_labels(archive, file) if labels is None else (None, None)
            identity += [file_identity(label_file)] if label_file else []
            source = array_source(file, layout, open_reader, ["hdf5 array", name, *identity])
            if found is not None:
                source = replace(source, labels=as_labels(found, layout.num_pictures))
            return with_own_labels(source, labels)
        dataset = _find_largest(archive, file)
        name, (num_pictures, _, side, _) = dataset.name, dataset.shape
        if labels is None:
            array, label_file = _find_labels(archive, file)
            identity += [file_identity(label_file)] if label_file else []
            rows = None if array is None else as_labels(array, num_pictures)
    source = Source(
        name=os.path.splitext(os.path.basename(file))[0],
        description=f"hdf5:{file}",
        num_pictures=num_pictures,
        open=functools.partial(_open_dataset, file, name),
        identity=["hdf5", *identity],
        picture_name=lambda index: f"{file} picture {index}",
        sample_sizes=lambda: [(side, side)],
        labels=rows,
    )
    return with_own_labels(source, labels)


def _open(file: str) -> Any:
    try:
        import h5py
    except ImportError as error:
        raise UserError("hdf5: h5py is not installed: pip install h5py") from error
    check_regular_file(file)
    with user_error_on(f"{file}: cannot be read as an HDF5 file"):
        return h5py.File(file, "r")


def _find_array(archive: Any) -> str:
    """Returns the name of the pictures in a file that is no archive of the first release, or ""."""
    if any(re.fullmatch(r"data\d{1,4}x\d{1,4}", key) for key in archive):
        return ""
    names = [key for key in archive if getattr(archive[key], "ndim", 0) in (3, 4)]
    usual = [name for name in _USUAL_NAMES if name in names]
    return usual[0] if usual else names[0] if len(names) == 1 else ""


def _open_dataset(file: str, name: str, channels_last: bool = False) -> Reader:
    dataset = _open(file)[name]
    checked: set[tuple[int, ...]] = set()  # the last picture's blocks; the next may share them

    def read(index: int) -> np.ndarray:
        nonlocal checked
        with user_error_on(f"{file}: picture {index} cannot be read"):
            blocks = {*_blocks_of(dataset, index)}
            for offset in blocks - checked:
                _check_block(dataset, offset)
            checked = blocks
            picture = dataset[index]
        if channels_last:
            return picture[..., None] if picture.ndim == 2 else picture
        return picture[0] if len(picture) == 1 else np.ascontiguousarray(picture.transpose(1, 2, 0))

    return read


def _blocks_of(dataset: Any, index: int) -> Iterator[tuple[int, ...]]:
    """Yields the offsets of the blocks that store a row, none if the dataset has no blocks."""
    if dataset.chunks:
        first = index // dataset.chunks[0] * dataset.chunks[0]
        sides = zip(dataset.shape[1:], dataset.chunks[1:], strict=True)
        yield from itertools.product([first], *(range(0, side, step) for side, step in sides))


def _check_block(dataset: Any, offset: tuple[int, ...]) -> None:
    """Raises ValueError if a block unpacks to more than its size, since HDF5 has no limit."""
    kinds = _filters(dataset)
    stored = dataset.id.get_chunk_info_by_coord(offset)
    if _GZIP not in kinds or stored.byte_offset is None:
        return
    most = math.prod(dataset.chunks) * dataset.dtype.itemsize + _CHECKSUM_BYTES
    skipped, packed = dataset.id.read_direct_chunk(offset)
    is_packed = not skipped & 1 << kinds.index(_GZIP)
    if is_packed and len(zlib.decompressobj().decompress(packed, most + 1)) > most:
        raise ValueError(f"a block unpacks to more than {most:,} bytes")


def _filters(dataset: Any) -> list[int]:
    properties = dataset.id.get_create_plist()
    return [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]


def _find_largest(archive: Any, file: str) -> Any:
    matches = (re.fullmatch(r"data(\d{1,4})x\1", key) for key in archive)
    side = max((int(match[1]) for match in matches if match), default=None)
    if side is None:
        names = ", ".join(map(printable, itertools.islice(archive, 10))) or "none"
        raise ValueError(f"expected datasets data4x4, data8x8, …, found {names}")
    dataset = _own_dataset(archive, f"data{side}x{side}", file)
    shape = dataset.shape
    if dataset.dtype != np.uint8 or shape[1:] not in ((1, side, side), (3, side, side)):
        expected = f"data{side}x{side} to be uint8 (pictures, 1 or 3, {side}, {side})"
        raise ValueError(f"expected {expected}, got {dataset.dtype} {shape}")
    if not shape[0]:
        raise ValueError("expected pictures, found none")
    return dataset


def _own_dataset(archive: Any, key: str, file: str) -> Any:
    """Returns a dataset. ValueError for values in other files, other filters, implausible sizes."""
    import h5py

    if not isinstance(archive.get(key, getlink=True), h5py.HardLink):
        raise ValueError(f"expected {key} in the file itself, it is a link: refused")
    dataset = archive[key]
    if not isinstance(dataset, h5py.Dataset) or dataset.shape is None:
        raise ValueError(f"expected {key} to be a dataset, it is something else")
    if dataset.is_virtual or dataset.id.get_create_plist().get_external_count():
        raise ValueError(f"expected the values of {key} in this file, they are in others: refused")
    filters = _filters(dataset)
    if not _FILTERS.issuperset(filters) or len({*filters}) < len(filters):
        raise ValueError(f"{key} is packed in an unknown way: refused")
    if dataset.dtype.kind not in "fiub":
        raise ValueError(f"expected numbers in {key}, got {dataset.dtype}")
    size = math.prod(dataset.shape) * dataset.dtype.itemsize
    check_expansion(size, os.path.getsize(file), f"{file}: {key}")
    if too_large := picture_too_large(math.prod(dataset.chunks or ()) * dataset.dtype.itemsize):
        raise ValueError(f"{key} is packed in blocks like {too_large}")
    sides = zip(dataset.shape, dataset.chunks or dataset.shape, strict=True)
    blocks = [-(-side // step) for side, step in sides if step]
    if (count := math.prod(blocks[1:] if len(blocks) == 4 else blocks)) > _MOST_BLOCKS:
        raise ValueError(f"expected {key} in few blocks, got {count:,}: refused")
    if dataset.size and not dataset.id.get_storage_size():
        raise ValueError(f"expected values in {key}, none were ever written")
    return dataset


def _find_labels(archive: Any, file: str) -> tuple[np.ndarray | None, str | None]:
    """Returns the labels, and the path of their file if they are in another one."""
    if "labels" in archive:
        labels = _own_dataset(archive, "labels", file)
        for index in range(0, len(labels), labels.chunks[0]) if labels.chunks else ():
            for offset in _blocks_of(labels, index):
                _check_block(labels, offset)
        return np.asarray(labels), None
    stem = os.path.splitext(file)[0]
    for label_file in (f"{stem}-labels.npy", f"{stem}.labels"):
        if os.path.isfile(label_file):
            with user_error_on(f"{label_file}: cannot be read as a NumPy file"):
                return parse_npy(read_whole(label_file, _MOST_LABEL_BYTES)), label_file
    return None, None
