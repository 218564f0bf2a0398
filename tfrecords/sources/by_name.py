"""Opens sources by the names that users give them."""

import functools
import os
from collections.abc import Callable

from tfrecords.common.errors import UserError
from tfrecords.common.paths import is_remote
from tfrecords.pictures.images import resolutions
from tfrecords.pictures.source import Source
from tfrecords.sources import shapes
from tfrecords.sources.archive import is_archive, open_archive
from tfrecords.sources.arrays import open_numpy
from tfrecords.sources.celeba import open_celeba
from tfrecords.sources.cifar import detect_cifar, open_cifar
from tfrecords.sources.folder import open_folder
from tfrecords.sources.hdf5 import open_hdf5
from tfrecords.sources.idx import is_idx_folder, open_mnist, open_mnist_rgb
from tfrecords.sources.lsun import open_lsun
from tfrecords.sources.svhn import open_svhn
from tfrecords.sources.tfds import open_tfds

# To add a kind of source, write `open_…(rest, labels) -> Source` and name it here. `labels` is
# None for the source's own, `none`, or other values if pictures have paths.
_KINDS: dict[str, Callable[[str, str | None], Source]] = {
    "mnist": open_mnist,
    "mnist_rgb": open_mnist_rgb,
    "svhn": open_svhn,
    "lsun": open_lsun,
    "celeba": open_celeba,
    "hdf5": open_hdf5,
    "numpy": open_numpy,
    "cifar10": functools.partial(open_cifar, "cifar10"),
    "cifar100": functools.partial(open_cifar, "cifar100"),
}

_ENDINGS = {".mat": "svhn", ".h5": "hdf5", ".hdf5": "hdf5", ".npy": "numpy", ".npz": "numpy"}
_FILES_OF_ARRAYS = {"hdf5": "an HDF5 file", "numpy": "a NumPy file"}

SOURCES_HELP = (
    "a folder of pictures, a .zip or .tar of them, 'tfds:NAME[:SPLIT]', 'shapes', or a copy of "
    "a known dataset: 'mnist:FOLDER', 'mnist_rgb:FOLDER[:COUNT]', 'cifar10:FOLDER', "
    "'cifar100:FOLDER', 'svhn:FILE.mat', 'lsun:FOLDER', 'celeba:FOLDER_OR_ZIP', 'hdf5:FILE.h5' or "
    "'numpy:FILE.npy'"
)


def open_source(
    source: str,
    *,
    resolution: int | None = None,
    labels: str | None = None,
    tfds_data_dir: str | None = None,
) -> Source:
    """Finds the pictures that `source` names; see `SOURCES_HELP`.

    A path may also be a copy of MNIST, CIFAR, SVHN or LSUN, or an HDF5 archive, recognized by its
    files. Copies may have splits, as in `mnist:FOLDER[:train|test]`, `cifar10:PATH[:…]` and
    `svhn:FOLDER[:train|test|extra]`. `resolution`, in pixels, a power of two, is only for `shapes`.
    For `labels` see `find_labels`; pictures without paths allow only None, for their own, and
    `none`. Raises UserError if the source does not exist or has no pictures, or an option does not
    fit.
    """
    if resolution is not None:
        resolutions(resolution)
    # Shells expand ~ only at the start of a word.
    labels = labels and os.path.expanduser(labels)
    kind, _, rest = source.partition(":")
    rest = os.path.expanduser(rest)
    own_labels = None if labels == "wanted" else labels
    if source == "shapes":
        return shapes.open_shapes(resolution, own_labels)
    if kind == "tfds":
        return open_tfds(rest, own_labels, tfds_data_dir)
    if rest and kind in _KINDS:
        return _KINDS[kind](rest, own_labels)
    if is_remote(source):
        return open_folder(source, labels)
    if not os.path.exists(source):
        raise UserError(f"source: expected {SOURCES_HELP}, got {source!r}: no such folder or file")
    if detected := _detect(source):
        return _KINDS[detected](source, own_labels)
    if os.path.isdir(source):
        return open_folder(source, labels)
    if is_archive(source):
        return open_archive(source, labels)
    raise UserError(f"source: expected {SOURCES_HELP}, got {source!r}, a file of another kind")


def _detect(path: str) -> str | None:
    """Returns the kind of dataset if a file or folder clearly is a copy of one, or None."""
    if cifar := detect_cifar(path):
        return cifar
    if os.path.isdir(path):
        if is_idx_folder(path):
            return "mnist"
        return "lsun" if os.path.isfile(os.path.join(path, "data.mdb")) else None
    return _ENDINGS.get(os.path.splitext(path.lower())[1])


def kind_in_words(source: str) -> str:
    """Describes the kind of source that a name for `open_source` stands for."""
    kind, _, rest = source.partition(":")
    if source == "shapes":
        return "built in"
    if kind == "tfds":
        return "from TensorFlow Datasets"
    known = kind if rest and kind in _KINDS else _detect(source)
    if known:
        return _FILES_OF_ARRAYS.get(known, f"a copy of {known}")
    return "a folder" if is_remote(source) or os.path.isdir(source) else "an archive"


def split_kind(source: str) -> tuple[str, str]:
    """Splits a source into kind and path, such as `mnist:` and `digits:test`. One may be empty."""
    kind, colon, rest = source.partition(":")
    if source == "shapes" or kind == "tfds":
        return source, ""
    return (kind + colon, rest) if rest and kind in _KINDS else ("", source)
