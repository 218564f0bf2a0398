"""An image dataset of TensorFlow Datasets as a source."""

import functools
import tempfile
from typing import Any, BinaryIO

import numpy as np

from tfrecords.errors import UserError
from tfrecords.images import read_picture, smaller_side
from tfrecords.source import (
    PictureOptions,
    Source,
    choose_resolution,
    compute_fingerprint,
    settle_options,
)

_SAMPLED_PICTURES = 1000


def open_tfds(name_and_split: str, options: PictureOptions) -> Source:
    """Opens a dataset with a feature `image`, and `label` where there is one.

    TFDS reads in one order only, so the first picture asked for copies all of them,
    still encoded, to a temporary file that lives as long as the source.

    Args:
        name_and_split: `NAME`, `NAME/CONFIG`, each with `:SPLIT` or without, which
            means `train`. Splits may be sliced: `mnist:train[:10%]`.
        options: see `PictureOptions`.

    Raises:
        UserError: TFDS is not installed, does not know the dataset or its split,
            cannot prepare it, or it holds no feature `image`.
    """
    name, _, split = name_and_split.partition(":")
    split = split or "train"
    builder = _prepare(name, options.tfds_data_dir)
    features = builder.info.features
    classes = features["label"] if "label" in features else None  # noqa: SIM401 - no dict
    labels = options.labels is not False and hasattr(classes, "names")
    dataset = _encoded_pictures(builder, split, labels)
    num_pictures = int(dataset.cardinality())
    if num_pictures < 1:
        raise UserError(f"tfds:{name}: expected pictures in the split {split}, found none")

    resolution = options.resolution
    if resolution is None:
        sampled = dataset.take(_SAMPLED_PICTURES).as_numpy_iterator()
        resolution = choose_resolution([smaller_side(one["image"]) for one in sampled])
    allow_upscaling = options.allow_upscaling
    if allow_upscaling is None:
        allow_upscaling = options.resolution is None
    settled = settle_options(options, resolution, allow_upscaling, labels)
    seen = [builder.info.full_name, split, num_pictures]

    @functools.cache
    def spool() -> tuple[BinaryIO, np.ndarray, np.ndarray]:
        return _spool(dataset)

    def read(index: int) -> np.ndarray:
        file, ends, _ = spool()
        start = int(ends[index - 1]) if index else 0
        file.seek(start)
        return read_picture(
            file.read(int(ends[index]) - start),
            resolution,
            options.num_channels,
            options.background,
            allow_upscaling,
            name=f"tfds:{name}:{split} picture {index}",
        )

    return Source(
        name=name.replace("/", "-"),
        description=f"tfds:{name}:{split}",
        num_pictures=num_pictures,
        resolution=resolution,
        num_channels=options.num_channels,
        read=read,
        fingerprint=compute_fingerprint("tfds", seen, settled),
        options=settled,
        read_label_indices=(lambda: spool()[2]) if labels else None,
        label_names=tuple(classes.names) if labels else (),
    )


def _prepare(name: str, data_dir: str | None) -> Any:
    """Returns the dataset's `tfds.core.DatasetBuilder`, downloaded and prepared."""
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise UserError(
            "tfds: TensorFlow Datasets is not installed: pip install tensorflow-datasets"
        ) from error
    try:
        builder = tfds.builder(name, data_dir=data_dir)
        features = builder.info.features
        if "image" not in features:
            raise UserError(
                f"tfds:{name}: expected a feature 'image', it has {', '.join(features)}: "
                "take another dataset"
            )
        builder.download_and_prepare()
    except UserError:
        raise
    except Exception as error:  # each dataset downloads and parses in its own way
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"tfds:{name}: cannot be prepared: {first_line}") from error
    return builder


def _encoded_pictures(builder: Any, split: str, labels: bool) -> Any:
    """Returns a `tf.data.Dataset` of {"image": encoded bytes[, "label": index]}."""
    import tensorflow_datasets as tfds

    kept = {"image": True, "label": True} if labels else {"image": True}
    decoders = tfds.decode.PartialDecoding(kept, decoders={"image": tfds.decode.SkipDecoding()})
    try:
        return builder.as_dataset(split=split, decoders=decoders)
    except ValueError as error:
        known = ", ".join(builder.info.splits)
        raise UserError(
            f"tfds:{builder.name}: expected a split of {known}, got {split!r}"
        ) from error


def _spool(dataset: Any) -> tuple[BinaryIO, np.ndarray, np.ndarray]:
    """Copies the pictures to a temporary file.

    Returns:
        The file, where each picture ends in it (int64), and the label indices (int64,
        -1 without labels), in the dataset's order.
    """
    file = tempfile.TemporaryFile(prefix="tfrecords-")  # noqa: SIM115 - the caller's to keep
    ends, labels = [], []
    for example in dataset.as_numpy_iterator():
        file.write(example["image"])
        ends.append(file.tell())
        labels.append(int(example.get("label", -1)))
    return file, np.array(ends, np.int64), np.array(labels, np.int64)
