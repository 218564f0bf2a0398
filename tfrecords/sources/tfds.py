"""An image dataset of TensorFlow Datasets as a source."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tfrecords.common.errors import UserError
from tfrecords.common.paths import load_gfile
from tfrecords.pictures.source import FileReader, Source, one_hot
from tfrecords.sources import single_file
from tfrecords.sources.folder import open_folder
from tfrecords.sources.listing import SAMPLED_PICTURES, sample_sizes


@dataclass(eq=False)
class _SpooledPictures:
    """Opens a copy of the pictures, made on first use, since TFDS can't read them by number."""

    pictures: Any  # a `tf.data.Dataset` of {feature: file}
    feature: str
    num_pictures: int
    name: str  # name of the dataset in errors

    def __call__(self) -> FileReader:
        return self.open_copy()

    def __reduce__(self) -> tuple:
        return functools.partial, (single_file.open_encoded, *self.open_copy.args)

    @functools.cached_property
    def open_copy(self) -> functools.partial[FileReader]:
        lengths = []
        with single_file.new_temporary_file() as (write, path):
            for picture in _values(self.pictures, self.feature, self.name):
                write(picture)
                lengths.append(len(picture))
        if (read := len(lengths)) != self.num_pictures:
            raise UserError(f"{self.name}: expected {self.num_pictures} pictures, read {read}")
        sizes = np.array(lengths, np.int64)
        starts = np.cumsum(sizes) - sizes
        return functools.partial(single_file.open_encoded, path, starts, sizes, self.name)


def open_tfds(
    name_and_split: str, labels: str | None = None, tfds_data_dir: str | None = None
) -> Source:
    """Opens a dataset, with labels if it has a feature `label` of classes.

    Pictures are the feature `image`, or the only feature of pictures. In a data directory DIR,
    DIR/NAME/SPLIT/CLASS/picture.png (TFDS's ImageFolder) is a dataset, too. The name is
    `NAME[/CONFIG][:SPLIT]`. The split defaults to `train` and may be sliced: `mnist:train[:10%]`.
    Raises UserError if TFDS is not installed, does not know the dataset or its split, or cannot
    prepare it, or if there is no feature of pictures.
    """
    name, _, split = name_and_split.partition(":")
    split = split or "train"
    try:
        load_gfile()  # TensorFlow, quietly
        import tensorflow_datasets as tfds
    except ImportError as error:
        missing = "TensorFlow Datasets is not installed: pip install tensorflow-datasets"
        raise UserError(f"tfds: {missing}") from error
    source = _open(tfds, name, split, tfds_data_dir, with_labels=labels is None)
    return single_file.with_own_labels(source, labels)


def needs_download(name_and_split: str, tfds_data_dir: str | None = None) -> bool:
    """Returns whether `open_tfds` would download a dataset. UserError if TFDS does not know it."""
    name = name_and_split.partition(":")[0]
    if tfds_data_dir and load_gfile().isdir(f"{tfds_data_dir}/{name}"):
        return False
    try:
        load_gfile()  # TensorFlow, quietly
        import tensorflow_datasets as tfds
    except ImportError:  # `open_tfds` will report it
        return False
    with single_file.user_error_on(f"tfds:{name}: cannot be prepared"):
        return not load_gfile().exists(tfds.builder(name, data_dir=tfds_data_dir).data_dir)


def _open(tfds: Any, name: str, split: str, data_dir: str | None, with_labels: bool) -> Source:
    gfile, folder = load_gfile(), f"{data_dir}/{name}" if data_dir else None
    # Checked first, because TFDS would download a dataset that it knows by the same name.
    if folder and gfile.isdir(f"{folder}/{split}"):
        return _open_image_folder(folder, name, split)
    cannot = f"tfds:{name}: cannot be prepared"
    try:
        with single_file.user_error_on(cannot):
            builder = tfds.builder(name, data_dir=data_dir)
    except UserError:
        if folder and gfile.isdir(folder):
            return _open_image_folder(folder, name, split)
        raise
    description = f"tfds:{name}:{split}"
    image, classes = _find_features(tfds, builder, name)
    with single_file.user_error_on(cannot):
        builder.download_and_prepare()
    pictures = _read_feature(tfds, builder, split, image, encoded=True)
    num_pictures = int(pictures.cardinality())
    if num_pictures < 1:
        raise UserError(f"tfds:{name}: expected pictures in the split {split}, found none")
    array = None
    if classes and with_labels:
        indices = _read_feature(tfds, builder, split, "label", encoded=False)
        array = one_hot(_values(indices, "label", description), len(classes))
    picture_name = functools.partial("{} picture {}".format, description)

    def find_sizes() -> list[tuple[int, int]]:
        # The first pictures, which need no copy; TFDS has shuffled most datasets.
        files = _values(pictures.take(SAMPLED_PICTURES), image, description)
        sampled = min(num_pictures, SAMPLED_PICTURES)
        return sample_sizes(sampled, lambda index: next(files), picture_name, description)

    return Source(
        name=name.replace("/", "-"),
        description=description,
        num_pictures=num_pictures,
        open=_SpooledPictures(pictures, image, num_pictures, description),
        identity=["tfds", builder.info.full_name, split, num_pictures],
        picture_name=picture_name,
        sample_sizes=find_sizes,
        labels=array,
        label_names=classes if array is not None else (),
    )


def _find_features(tfds: Any, builder: Any, name: str) -> tuple[str, tuple[str, ...]]:
    """Returns the name of the feature with pictures, and the classes, if any."""
    features = builder.info.features
    kinds = dict(features.items()) if hasattr(features, "items") else {}
    images = [key for key, kind in kinds.items() if isinstance(kind, tfds.features.Image)]
    if "image" not in images and len(images) != 1:
        found = f"it has {', '.join(kinds) or features}: take another dataset"
        raise UserError(f"tfds:{name}: expected 'image' or one feature of pictures, {found}")
    label: Any = kinds.get("label")
    labeled = isinstance(label, tfds.features.ClassLabel) and label.num_classes
    return "image" if "image" in images else images[0], tuple(label.names) if labeled else ()


def _read_feature(tfds: Any, builder: Any, split: str, feature: str, encoded: bool) -> Any:
    """Returns a `tf.data.Dataset` of {feature: value}, with pictures as files if `encoded`."""
    skipped = {feature: tfds.decode.SkipDecoding()} if encoded else None
    decoders = tfds.decode.PartialDecoding({feature: True}, decoders=skipped)
    try:
        return builder.as_dataset(split=split, decoders=decoders)
    except ValueError as error:
        expected = f"a split of {', '.join(builder.info.splits)}"
        raise UserError(f"tfds:{builder.name}: expected {expected}, got {split!r}") from error


def _values(dataset: Any, feature: str, name: str) -> Iterator[Any]:
    with single_file.user_error_on(f"{name}: cannot be read"):  # TensorFlow's, on damaged files
        for example in dataset.as_numpy_iterator():
            yield example[feature]


def _open_image_folder(folder: str, name: str, split: str) -> Source:
    splits = _folders_in(folder)
    if split not in splits:
        expected = f"a split of {', '.join(splits) or 'SPLIT/CLASS/picture.png'}"
        raise UserError(f"tfds:{name}: expected {expected}, got {split!r}")
    inside = f"{folder}/{split}"
    source = replace(
        open_folder(inside), name=name.replace("/", "-"), description=f"tfds:{name}:{split}"
    )
    # As in TFDS, the classes are those of all splits together.
    names = sorted({entry for each in splits for entry in _folders_in(f"{folder}/{each}")})
    names = [entry for entry in names if not entry.startswith(".")]
    if len(names) < 2:
        return replace(source, labels=None, label_names=())
    indices = {entry: index for index, entry in enumerate(names)}
    paths = (file.path.removeprefix(f"{inside}/") for file in source.identity)
    rows = one_hot((indices.get(path.split("/")[0], -1) for path in paths), len(names))
    return replace(source, labels=rows, label_names=tuple(names))


def _folders_in(folder: str) -> list[str]:
    gfile = load_gfile()
    names = sorted(name.strip("/") for name in gfile.listdir(folder))
    return [name for name in names if gfile.isdir(f"{folder}/{name}")]
