"""CIFAR-10 and CIFAR-100: pickled batches, in a folder or archive, read without running them."""

import functools
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfrecords.common.paths import read_whole
from tfrecords.pickles import safe_pickle
from tfrecords.pickles.arrays import plain, printable
from tfrecords.pictures.source import Source, SourceFile, one_hot
from tfrecords.sources import single_file
from tfrecords.sources.archive import is_archive, read_named

# The largest file, CIFAR-100's training pictures, takes a quarter of this.
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
        *("cifar-10-batches-py", "cifar-10-python.tar.gz", "batches.meta"),
        *("labels", "label_names"),
    ),
    "cifar100": _Layout(
        {"train": ("train",), "test": ("test",)},
        *("cifar-100-python", "cifar-100-python.tar.gz", "meta"),
        *("fine_labels", "fine_label_names"),
    ),
}


def detect_cifar(path: str) -> str | None:
    """Returns `cifar10` or `cifar100` if a folder or archive clearly is one, or None."""
    for kind, layout in _LAYOUTS.items():
        if os.path.basename(path) == layout.archive:
            return kind
        wanted = [*layout.splits["train"], layout.meta]
        for folder in (path, os.path.join(path, layout.folder)):
            if all(os.path.isfile(os.path.join(folder, name)) for name in wanted):
                return kind
    return None


def open_cifar(kind: str, path_and_split: str, labels: str | None = None) -> Source:
    """Opens `PATH[:train|test]`, a folder or the published archive.

    Labels of `cifar100` are the fine ones. The batches are copied to a temporary file, which
    processes share. Raises UserError if files are missing, damaged, or have other contents.
    """
    path, split = single_file.split_option(path_and_split, ("train", "test"))
    description = f"{kind}:{path}:{split}"
    layout = _LAYOUTS[kind]
    classes: list[int] = []
    with single_file.user_error_on(f"{kind}: {path}: cannot be read"):
        files, identity = _read_files(path, layout, (*layout.splits[split], layout.meta))
        names = tuple(map(_text, _load(files, path, layout.meta, {layout.names: list})[0]))
        with single_file.new_temporary_file() as (write, temporary):
            for name in layout.splits[split]:
                wanted = {"data": np.ndarray, layout.labels: list}
                pictures, indices = _load(files, path, name, wanted)
                if pictures.dtype != np.uint8 or pictures.shape != (len(indices), 3 * 32 * 32):
                    got = f"{pictures.dtype} {pictures.shape}"
                    raise ValueError(f"expected uint8 ({len(indices)}, 3072) in {name}, got {got}")
                if not all(isinstance(i, int) and 0 <= i < len(names) for i in indices):
                    raise ValueError(f"expected labels from 0 to {len(names) - 1} in {name}")
                write(np.ascontiguousarray(pictures).data)
                classes += indices
        if not classes:
            raise ValueError("expected pictures, found none")
    shape = (len(classes), 3, 32, 32)
    source = Source(
        name=f"{kind}-{split}",
        description=description,
        num_pictures=len(classes),
        open=functools.partial(single_file.open_raw, temporary, shape, path),
        identity=[kind, split, *identity],
        picture_name=lambda index: f"{description} picture {index}",
        sample_sizes=lambda: [(32, 32)],
        labels=one_hot(classes, len(names)),
        label_names=names,
    )
    return single_file.with_own_labels(source, labels)


def _read_files(
    path: str, layout: _Layout, wanted: tuple[str, ...]
) -> tuple[dict[str, bytes], list[SourceFile]]:
    """Returns the bytes of the files by name, and their identity."""
    if is_archive(path):
        identity = [single_file.file_identity(path)]
        files = dict(read_named(path, wanted, _MOST_BYTES))
    else:
        inside = os.path.join(path, layout.folder)
        root = inside if os.path.isdir(inside) else path
        places = {name: os.path.join(root, name) for name in wanted}
        places = {name: file for name, file in places.items() if os.path.isfile(file)}
        files = {name: read_whole(file, _MOST_BYTES) for name, file in places.items()}
        identity = [single_file.file_identity(file) for file in places.values()]
    missing = [name for name in wanted if name not in files]
    if missing:
        raise ValueError(f"expected the file {missing[0]}: no such file")
    return files, identity


def _load(files: dict[str, bytes], path: str, name: str, entries: dict[str, type]) -> list[Any]:
    """Returns entries of a pickled dict, which must have these types. Removes it from `files`."""
    file = f"{path}: {name}"
    content = safe_pickle.load(files.pop(name), file, "arrays, lists and text", _MOST_OPERATIONS)
    if not isinstance(content, dict):
        raise ValueError(f"expected a pickle of a dict in {name}, it holds {printable(content)}")
    values = {_text(key): plain(value) for key, value in content.items()}
    for key, kind in entries.items():
        if not isinstance(values.get(key), kind):
            raise ValueError(f"expected {key!r} in {name}, a {kind.__name__}: is it damaged?")
    return [values[key] for key in entries]


def _text(value: Any) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else str(value)
