"""TFRecords to batches of one resolution, NHWC float32 in [-1, 1].

Pictures are read by number in the order of `order`: going on costs nothing, and each worker
reads just the pictures that its own devices train on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pgan_tf.data.bad_records import BadRecords, note
from pgan_tf.data.order import flips_at, pictures_at
from pgan_tf.data.reals import mirror, to_float
from pgan_tf.data.records import MEMORY_BYTES, Records, find_records, load_records, make_file_reader
from tfrecords.common.errors import UserError
from tfrecords.format.dataset_info import DatasetInfo, read_classes, read_labels
from tfrecords.format.record import parse_images

# Records read at a time from files, to hide how long each takes to arrive.
_READ_AHEAD = 16


def make_dataset(
    info: DatasetInfo,
    resolution: int,
    *,
    global_batch_size: int,
    label_size: int,
    seed: int,
    images_shown: int = 0,
    mirror_augment: bool = False,
    replicas: Sequence[int] = (0,),
    num_replicas: int = 1,
    bad_records: BadRecords | None = None,
    memory_bytes: int = MEMORY_BYTES,
) -> tf.data.Dataset:
    """Returns endless batches of real images, from a position on.

    Args:
        info: the TFRecords.
        resolution: which set of them, in pixels.
        global_batch_size: images in a batch, over all replicas.
        label_size: width of the labels: the data set's, or 0 to leave them out.
        seed: of order and flips.
        images_shown: how many images come before the first one here.
        mirror_augment: flip half of the images left to right.
        replicas: whose parts of each global batch to read, one element for each.
        num_replicas: into how many parts a global batch falls: each takes every
            `num_replicas`-th picture.
        bad_records: collects the damaged records that are left out; without it they are errors.
        memory_bytes: data sets that are no larger are kept in memory.

    Returns:
        `(images, labels)`: `(replica_batch_size, resolution, resolution, channels)` float32
        in [-1, 1] and `(replica_batch_size, label_size)` float32, one-hot.

    Raises:
        UserError: the data set lacks the resolution or the labels.
    """
    records = find_records(info, resolution)
    if label_size and label_size != info.label_size:
        raise UserError(
            f"data: expected labels of {label_size} classes in {info.name}, got {info.label_size}"
        )
    labels_of = _make_label_lookup(info, label_size)
    size = global_batch_size // num_replicas
    firsts = tf.constant(list(replicas), tf.int64)

    def positions_of(part: tf.Tensor) -> tf.Tensor:
        """The positions of the part-th element: batch by batch, replica by replica."""
        batch, replica = part // len(replicas), part % len(replicas)
        first = images_shown + batch * global_batch_size + firsts[replica]
        # Every num_replicas-th picture: the groups of the minibatch standard deviation, whose
        # members lie apart, then are the same ones on one device and on many.
        return first + num_replicas * tf.range(size, dtype=tf.int64)

    def finish(serialized: tf.Tensor, pictures: tf.Tensor, positions: tf.Tensor) -> Any:
        images = parse_images(serialized, resolution, info.num_channels, info.encoding)
        images = tf.ensure_shape(images, (size, *images.shape[1:]))
        if mirror_augment:
            images = mirror(images, flips_at(positions, seed))
        return to_float(images), tf.ensure_shape(labels_of(pictures), (size, label_size))

    positions = tf.data.Dataset.counter(dtype=tf.int64).map(positions_of)
    met = None if bad_records is None else bad_records.first_positions(resolution, info.num_images)
    if records.total_bytes <= memory_bytes:
        found = _from_memory(records, positions, info.num_images, seed, images_shown, met)
    else:
        most = 0 if bad_records is None else bad_records.most
        found = _from_files(records, positions, size, info.num_images, seed, most, met)
    return found.map(finish, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(4)


def _make_label_lookup(info: DatasetInfo, label_size: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns what gives pictures, by number, their labels, `(n, label_size)` float32."""
    classes = read_classes(info) if label_size else None
    if classes is not None:  # rows of many classes would not fit into memory
        numbers = tf.constant(classes, tf.int32)
        return lambda pictures: tf.one_hot(tf.gather(numbers, pictures), label_size)
    labels = tf.constant(read_labels(info)[:, :label_size], tf.float32)
    return lambda pictures: tf.gather(labels, pictures)


def distribute(
    strategy: tf.distribute.Strategy, info: DatasetInfo, resolution: int, **options: Any
) -> tf.distribute.DistributedDataset:
    """Returns `make_dataset`'s batches, each replica's part where it trains.

    Args:
        strategy: the devices.
        info: the TFRecords.
        resolution: in pixels.
        **options: of `make_dataset`.
    """

    def parts(context: tf.distribute.InputContext) -> tf.data.Dataset:
        num_replicas = context.num_replicas_in_sync
        here = num_replicas // context.num_input_pipelines
        first = context.input_pipeline_id * here
        return make_dataset(
            info,
            resolution,
            replicas=range(first, first + here),
            num_replicas=num_replicas,
            **options,
        )

    return strategy.distribute_datasets_from_function(parts)


def _from_memory(
    records: Records,
    positions: tf.data.Dataset,
    num_images: int,
    seed: int,
    images_shown: int,
    met: tf.Variable | None,
) -> tf.data.Dataset:
    loaded, pictures, problems = load_records(records)
    if problems and met is None:
        raise UserError(f"data: {problems[0]}: make the data set again")
    if problems:
        damaged = np.flatnonzero(pictures != np.arange(num_images))
        note(met, tf.constant(damaged), tf.constant(images_shown, tf.int64))
    serialized, pictures = tf.constant(loaded), tf.constant(pictures)

    def find(positions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        numbers = pictures_at(positions, num_images, seed)
        return tf.gather(serialized, numbers), tf.gather(pictures, numbers), positions

    return positions.map(find)


def _from_files(
    records: Records,
    positions: tf.data.Dataset,
    size: int,
    num_images: int,
    seed: int,
    most_damaged: int,
    met: tf.Variable | None,
) -> tf.data.Dataset:
    read = make_file_reader(records, most_damaged)

    def find(position: tf.Tensor) -> tf.data.Dataset:
        wanted = pictures_at(position[None], num_images, seed)[0]
        return read(wanted).map(lambda one, found: (one, found, position, wanted))

    def check(
        one: tf.Tensor, found: tf.Tensor, position: tf.Tensor, wanted: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Notes the damaged records, those between what was wanted and what was found."""
        words = f"data: expected at most {most_damaged} damaged records, got more in a row"
        with tf.control_dependencies([tf.debugging.Assert(found >= 0, [words])]):
            if met is not None:
                damaged = (wanted + tf.range((found - wanted) % num_images)) % num_images
                note(met, damaged, position)
            return one, found, position

    return (
        positions.unbatch()
        .interleave(
            find, cycle_length=_READ_AHEAD, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        )
        .map(check)
        .batch(size, drop_remainder=True)
    )
