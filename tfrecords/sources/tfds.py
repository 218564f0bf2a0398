"""An image dataset of TensorFlow Datasets as a source."""

import functools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tfrecords.common.errors import UserError
from tfrecords.common.paths import load_gfile
from tfrecords.pictures.source import FileReader, Source, one_hot
from tfrecords.sources.folder import open_folder
from tfrecords.sources.listing import sample_sides
from tfrecords.sources.parts import new_temporary_file, open_parts, with_own_labels

_SAMPLED_PICTURES = 1000


@dataclass(eq=False)
class _SpooledPictures:
    """Opens a dataset's pictures; the first use copies them, encoded, to a temporary file.

    TensorFlow Datasets reads in one order only, and needs TensorFlow; the copy is read
    in any order by processes that do without. Only the copy's place is pickled.
    """

    pictures: Any  # a `tf.data.Dataset` of {feature: file}
    feature: str
    num_pictures: int
    name: str  # what errors call the dataset

    def __call__(self) -> FileReader:
        return self.parts()

    def __reduce__(self) -> tuple:
        return functools.partial, (open_parts, *self.parts.args)

    @functools.cached_property
    def parts(self) -> functools.partial[FileReader]:
        lengths = []
        with new_temporary_file() as (file, path):
            for picture in _values(self.pictures, self.feature, self.name):
                file.write(picture)
                lengths.append(len(picture))
        if len(lengths) != self.num_pictures:
            raise UserError(
                f"{self.name}: expected {self.num_pictures} pictures, read {len(lengths)}"
            )
        sizes = np.array(lengths, np.int64)
        starts = np.cumsum(sizes) - sizes
        return functools.partial(open_parts, path, starts, sizes, self.name)


def open_tfds(
    name_and_split: str, labels: str | None = None, tfds_data_dir: str | None = None
) -> Source:
    """Opens a dataset with its labels, where it has a feature `label` of classes.

    The pictures are its feature `image`, else its only feature of pictures. With a data
    directory DIR, a folder of pictures in the layout that TFDS calls ImageFolder,
    DIR/NAME/SPLIT/CLASS/picture.png, is such a dataset too. The name is `NAME` or `NAME/CONFIG`,
    each with `:SPLIT` or without, which means `train`; splits may be sliced: `mnist:train[:10%]`.

    Raises UserError if TFDS is not installed, does not know the dataset or its split, cannot
    prepare it, or it holds no feature of pictures.
    """
    name, _, split = name_and_split.partition(":")
    split = split or "train"
    description = f"tfds:{name}:{split}"
    try:
        gfile = load_gfile()  # TensorFlow, quietly
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise UserError(
            "tfds: TensorFlow Datasets is not installed: pip install tensorflow-datasets"
        ) from error
    folder = f"{tfds_data_dir}/{name}" if tfds_data_dir else None
    # First: a dataset that TFDS knows by the same name would be downloaded.
    if folder and gfile.isdir(f"{folder}/{split}"):
        return _open_image_folder(folder, name, split, labels)
    try:
        builder = tfds.builder(name, data_dir=tfds_data_dir)
    except Exception as error:  # each dataset fails in its own way
        if folder and gfile.isdir(folder):
            return _open_image_folder(folder, name, split, labels)
        raise UserError(f"tfds:{name}: cannot be prepared: {_first_line(error)}") from error
    image, classes = _find_features(tfds, builder, name)
    try:
        builder.download_and_prepare()
    except Exception as error:  # as above
        raise UserError(f"tfds:{name}: cannot be prepared: {_first_line(error)}") from error
    pictures = _read_feature(tfds, builder, split, image, encoded=True)
    num_pictures = int(pictures.cardinality())
    if num_pictures < 1:
        raise UserError(f"tfds:{name}: expected pictures in the split {split}, found none")
    array = None
    if classes and labels is None:
        indices = _read_feature(tfds, builder, split, "label", encoded=False)
        array = one_hot(_values(indices, "label", description), len(classes))

    def picture_name(index: int) -> str:
        return f"{description} picture {index}"

    def find_sides() -> Sequence[int]:
        # In their order, which needs no copy; TFDS has shuffled most datasets.
        files = _values(pictures.take(_SAMPLED_PICTURES), image, description)
        sampled = min(num_pictures, _SAMPLED_PICTURES)
        return sample_sides(sampled, lambda index: next(files), picture_name, description)

    source = Source(
        name=name.replace("/", "-"),
        description=description,
        num_pictures=num_pictures,
        open=_SpooledPictures(pictures, image, num_pictures, description),
        identity=["tfds", builder.info.full_name, split, num_pictures],
        picture_name=picture_name,
        sample_sides=find_sides,
        labels=array,
        label_names=classes if array is not None else (),
    )
    return with_own_labels(source, labels, f"tfds:{name}")


def _find_features(tfds: Any, builder: Any, name: str) -> tuple[str, tuple[str, ...]]:
    """Returns the name of the feature of pictures, and the classes, if there are any."""
    features = builder.info.features
    kinds = dict(features.items()) if hasattr(features, "items") else {}
    images = [key for key, kind in kinds.items() if isinstance(kind, tfds.features.Image)]
    if "image" not in images and len(images) != 1:
        raise UserError(
            f"tfds:{name}: expected a feature 'image' or one feature of pictures, it has "
            f"{', '.join(kinds) or features}: take another dataset"
        )
    image = "image" if "image" in images else images[0]
    label = kinds.get("label")
    if isinstance(label, tfds.features.ClassLabel) and label.num_classes:
        return image, tuple(label.names)
    return image, ()


def _read_feature(tfds: Any, builder: Any, split: str, feature: str, encoded: bool) -> Any:
    """Returns a `tf.data.Dataset` of {feature: value}; pictures as files when `encoded`."""
    skipped = {feature: tfds.decode.SkipDecoding()} if encoded else None
    decoders = tfds.decode.PartialDecoding({feature: True}, decoders=skipped)
    try:
        return builder.as_dataset(split=split, decoders=decoders)
    except ValueError as error:
        known = ", ".join(builder.info.splits)
        raise UserError(
            f"tfds:{builder.name}: expected a split of {known}, got {split!r}"
        ) from error


def _values(dataset: Any, feature: str, name: str) -> Iterator[Any]:
    try:
        for example in dataset.as_numpy_iterator():
            yield example[feature]
    except Exception as error:  # TensorFlow's, about damaged files
        raise UserError(f"{name}: cannot be read: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _open_image_folder(folder: str, name: str, split: str, labels: str | None) -> Source:
    gfile = load_gfile()
    splits = [each.strip("/") for each in gfile.listdir(folder)]
    splits = sorted(each for each in splits if gfile.isdir(f"{folder}/{each}"))
    if split not in splits:
        raise UserError(
            f"tfds:{name}: expected a split of {', '.join(splits) or 'SPLIT/CLASS/picture.png'}, "
            f"got {split!r}"
        )
    # The classes are those of all splits, as TFDS has it.
    classes = set()
    for each in splits:
        entries = (entry.strip("/") for entry in gfile.listdir(f"{folder}/{each}"))
        classes |= {entry for entry in entries if gfile.isdir(f"{folder}/{each}/{entry}")}
    names = tuple(sorted(entry for entry in classes if not entry.startswith(".")))
    inside = os.path.join(folder, split)
    source = open_folder(inside)
    rows = None
    if len(names) > 1:
        indices = {entry: index for index, entry in enumerate(names)}
        paths = (file.path.removeprefix(f"{inside}/") for file in source.identity)
        first = (path.split("/")[0] for path in paths)
        rows = one_hot((indices.get(entry, -1) for entry in first), len(names))
    source = replace(
        source,
        name=name.replace("/", "-"),
        description=f"tfds:{name}:{split}",
        labels=rows,
        label_names=names if rows is not None else (),
    )
    return with_own_labels(source, labels, f"tfds:{name}")
