"""The sources by the names that users give them."""

import functools
import os
from collections.abc import Callable

from tfrecords.common.errors import UserError
from tfrecords.common.paths import is_remote
from tfrecords.pictures.images import resolutions
from tfrecords.pictures.source import Source
from tfrecords.sources import shapes
from tfrecords.sources.archives.archive import is_archive, open_archive
from tfrecords.sources.celeba import open_celeba
from tfrecords.sources.cifar import detect_cifar, open_cifar
from tfrecords.sources.folder import open_folder
from tfrecords.sources.hdf5 import ENDINGS, open_hdf5
from tfrecords.sources.idx import is_idx_folder, open_mnist, open_mnist_rgb
from tfrecords.sources.lsun import is_lmdb_folder, open_lsun
from tfrecords.sources.svhn import open_svhn
from tfrecords.sources.tfds import open_tfds

# To add a kind of source, write `open_…(rest, labels) -> Source` and name it here.
_KINDS: dict[str, Callable[[str, str | None], Source]] = {
    "mnist": open_mnist,
    "mnist_rgb": open_mnist_rgb,
    "svhn": open_svhn,
    "lsun": open_lsun,
    "celeba": open_celeba,
    "hdf5": open_hdf5,
    "cifar10": functools.partial(open_cifar, "cifar10"),
    "cifar100": functools.partial(open_cifar, "cifar100"),
}

SOURCES_HELP = (
    "a folder of pictures, a .zip or .tar of them, 'tfds:NAME[:SPLIT]', 'shapes', or a copy of "
    "a known dataset: 'mnist:FOLDER', 'mnist_rgb:FOLDER[:COUNT]', 'cifar10:FOLDER', "
    "'cifar100:FOLDER', 'svhn:FILE.mat', 'lsun:FOLDER', 'celeba:FOLDER_OR_ZIP' or 'hdf5:FILE.h5'"
)


def open_source(
    source: str,
    *,
    resolution: int | None = None,
    labels: str | None = None,
    tfds_data_dir: str | None = None,
) -> Source:
    """Finds the pictures that `source` names.

    Args:
        source: one of these, or a path: a folder, local or remote, of pictures, in
            sub-folders too; an archive; or a copy of MNIST, CIFAR, SVHN or LSUN, or an
            HDF5 archive, that its files give away.

            - `shapes`: the built-in dataset.
            - `tfds:NAME[:SPLIT]`: TensorFlow Datasets; NAME may be NAME/CONFIG.
            - `mnist:FOLDER[:train|test]`, `mnist_rgb:FOLDER[:COUNT]`: IDX files.
            - `cifar10:PATH[:train|test]`, `cifar100:…`: the Python form.
            - `svhn:FILE.mat`, `svhn:FOLDER[:train|test|extra]`: cropped digits.
            - `lsun:FOLDER`: LMDB. `celeba:FOLDER_OR_ZIP`: the aligned pictures.
            - `hdf5:FILE.h5`: the archives of the first release.
        resolution: of `shapes`, in pixels, a power of two; the others have their own.
        labels: None for the source's own, where it has some for sure, folders and archives
            in a `dataset.json`; `none`; `folders`: first sub-folders are classes; `wanted`:
            the source's own, or else of a folder or archive the sub-folders; or the path of a
            CSV or JSON file, see `labels.files.read_label_file`.
        tfds_data_dir: where TensorFlow Datasets keeps its files.

    Raises:
        UserError: there is no such source, or it holds no pictures, or an option
            does not suit it.
    """
    if resolution is not None:
        resolutions(resolution)
    # The shell expands ~ only where a word begins.
    labels = labels and os.path.expanduser(labels)
    kind, _, rest = source.partition(":")
    rest = os.path.expanduser(rest)
    folder_labels = labels
    labels = None if labels == "wanted" else labels
    if source == "shapes":
        return shapes.open_shapes(resolution, labels)
    if kind == "tfds":
        return open_tfds(rest, labels, tfds_data_dir)
    if rest and kind in _KINDS:
        return _KINDS[kind](rest, labels)
    return _open_path(source, labels, folder_labels)


def split_kind(source: str) -> tuple[str, str]:
    """Splits a source, as for `open_source`, into its kind with the colon and what has a path.

    Returns:
        Such as `mnist:` and `digits:test`; a bare path has no kind, `shapes` and `tfds:NAME`
        no path: "".
    """
    kind, colon, rest = source.partition(":")
    if source == "shapes" or kind == "tfds":
        return source, ""
    return (kind + colon, rest) if rest and kind in _KINDS else ("", source)


def _open_path(path: str, labels: str | None, folder_labels: str | None) -> Source:
    if is_remote(path):
        return open_folder(path, folder_labels)
    cifar = detect_cifar(path)
    if cifar and os.path.exists(path):
        return open_cifar(cifar, path, labels)
    if os.path.isdir(path):
        if is_idx_folder(path):
            return open_mnist(path, labels)
        if is_lmdb_folder(path):
            return open_lsun(path, labels)
        return open_folder(path, folder_labels)
    if not os.path.exists(path):
        raise UserError(f"source: expected {SOURCES_HELP}, got {path!r}: no such folder or file")
    if is_archive(path):
        return open_archive(path, folder_labels)
    if path.lower().endswith(".mat"):
        return open_svhn(path, labels)
    if path.lower().endswith(ENDINGS):
        return open_hdf5(path, labels)
    raise UserError(f"source: expected {SOURCES_HELP}, got {path!r}, a file of another kind")
