"""CIFAR-10 and CIFAR-100 in their Python form: a folder of batches, or the archive of it.

The batches are pickles, which can hold any code; they are read so that none of it runs.
"""

import functools
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfrecords.common.errors import UserError
from tfrecords.common.paths import read_whole
from tfrecords.pickles import safe_pickle
from tfrecords.pickles.pieces import plain, printable
from tfrecords.pictures.source import Source, SourceFile, one_hot
from tfrecords.sources import parts
from tfrecords.sources.archives.archive import is_archive
from tfrecords.sources.archives.entries import ARCHIVE_ERRORS
from tfrecords.sources.archives.tar import open_tar, read_named

# The largest, CIFAR-100's training pictures, takes a quarter of each.
_MOST_OPERATIONS = 1_000_000
_MOST_BYTES = 2**29


@dataclass(frozen=True)
class _Layout:
    splits: dict[str, tuple[str, ...]]
    folder: str
    archive: str
    meta: str
    labels: str
    names: str


_LAYOUTS = {
    "cifar10": _Layout(
        {"train": tuple(f"data_batch_{i}" for i in range(1, 6)), "test": ("test_batch",)},
        folder="cifar-10-batches-py",
        archive="cifar-10-python.tar.gz",
        meta="batches.meta",
        labels="labels",
        names="label_names",
    ),
    "cifar100": _Layout(
        {"train": ("train",), "test": ("test",)},
        folder="cifar-100-python",
        archive="cifar-100-python.tar.gz",
        meta="meta",
        labels="fine_labels",
        names="fine_label_names",
    ),
}


def detect_cifar(path: str) -> str | None:
    """Returns `cifar10` or `cifar100` for a folder or archive that obviously is one."""
    for kind, layout in _LAYOUTS.items():
        if os.path.basename(path) == layout.archive:
            return kind
        wanted = [*layout.splits["train"], layout.meta]
        for folder in (path, os.path.join(path, layout.folder)):
            if all(os.path.isfile(os.path.join(folder, name)) for name in wanted):
                return kind
    return None


def open_cifar(kind: str, path_and_split: str, labels: str | None = None) -> Source:
    """Opens `PATH[:train|test]`, a folder or the archive as it is published.

    The kind is `cifar10` or `cifar100`, whose labels are the fine ones. The batches are copied to
    a temporary file, which processes share. Raises UserError if files are missing, damaged, or
    hold something else than arrays.
    """
    path, split = parts.split_option(path_and_split, ("train", "test"))
    layout = _LAYOUTS[kind]
    wanted = (*layout.splits[split], layout.meta)
    files, identity = _read_files(kind, path, layout.folder, wanted)
    meta = _load(files[layout.meta], f"{path}: {layout.meta}")
    names = tuple(_text(name) for name in _entry(meta, layout.names, list, path, layout.meta))
    classes: list[int] = []
    with parts.new_temporary_file() as (spool, temporary):
        for name in layout.splits[split]:
            batch = _load(files.pop(name), f"{path}: {name}")
            pictures = _entry(batch, "data", np.ndarray, path, name)
            indices = _entry(batch, layout.labels, list, path, name)
            if pictures.dtype != np.uint8 or pictures.shape != (len(indices), 3 * 32 * 32):
                raise UserError(
                    f"{path}: expected uint8 ({len(indices)}, 3072) in {name}, "
                    f"got {pictures.dtype} {pictures.shape}"
                )
            if not all(isinstance(i, int) and 0 <= i < len(names) for i in indices):
                raise UserError(f"{path}: expected labels from 0 to {len(names) - 1} in {name}")
            spool.write(np.ascontiguousarray(pictures).data)
            classes += indices
    if not classes:
        raise UserError(f"{path}: expected pictures, found none")
    shape = (len(classes), 3, 32, 32)
    source = Source(
        name=f"{kind}-{split}",
        description=f"{kind}:{path}:{split}",
        num_pictures=len(classes),
        open=functools.partial(parts.open_arrays, temporary, shape, path),
        identity=[kind, split, *identity],
        picture_name=lambda index: f"{kind}:{path}:{split} picture {index}",
        sample_sides=lambda: [32],
        labels=one_hot(classes, len(names)),
        label_names=names,
    )
    return parts.with_own_labels(source, labels, f"{kind}:{path}")


def _read_files(
    kind: str, path: str, folder: str, wanted: tuple[str, ...]
) -> tuple[dict[str, bytes], list[SourceFile]]:
    """Returns the bytes of the files by name, and what tells them from others."""
    files: dict[str, bytes] = {}
    with parts.user_error_on(f"{kind}: {path}: cannot be read", *ARCHIVE_ERRORS):
        if is_archive(path):
            identity = [parts.file_identity(path)]
            with open_tar(path) as archive:
                files.update(read_named(archive, wanted, _MOST_BYTES))
        else:
            inside = os.path.join(path, folder)
            root = inside if os.path.isdir(inside) else path
            for name in wanted:
                if os.path.isfile(file := os.path.join(root, name)):
                    files[name] = read_whole(file, _MOST_BYTES)
            identity = [parts.file_identity(os.path.join(root, name)) for name in files]
    missing = [name for name in wanted if name not in files]
    if missing:
        raise UserError(f"{kind}: expected the file {missing[0]} in {path!r}: no such file")
    return files, identity


def _load(data: bytes, name: str) -> dict[str, Any]:
    content = safe_pickle.load(data, name, "arrays, lists and text", _MOST_OPERATIONS)
    if not isinstance(content, dict):
        raise UserError(f"{name}: expected a pickle of a dict, it holds {printable(content)}")
    return {_text(key): plain(value) for key, value in content.items()}


def _text(value: Any) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else str(value)


def _entry(content: dict[str, Any], key: str, kind: type, path: str, file: str) -> Any:
    value = content.get(key)
    if not isinstance(value, kind):
        raise UserError(f"{path}: expected {key!r} in {file}, a {kind.__name__}: is it damaged?")
    return value
