"""Reads TFRecords into batches at one resolution, NHWC float32 in [-1, 1].

Pictures are read by number, in the order given by `order`. Each worker reads only its share.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pgan_tf.data.damage import BadRecords, note
from pgan_tf.data.order import TRAINING, check_held_out, flips_at, pictures_at
from pgan_tf.data.reals import mirror, to_float
from pgan_tf.data.record_reader import load_records, make_reader
from pgan_tf.data.records import MEMORY_BYTES, Records, find_records
from tfrecords.common.errors import UserError
from tfrecords.format.dataset_info import DatasetInfo, read_classes, read_labels
from tfrecords.format.record import parse_images

_READ_AHEAD = 16  # groups of batches that are read at the same time, to hide latency
# Up to so many pictures and bytes are read and decoded at a time, in whole batches: small batches
# would cost two to three times as much.
_GROUP_PICTURES, _GROUP_BYTES = 64, 2**21


def make_dataset(
    info: DatasetInfo,
    resolution: int,
    *,
    global_batch_size: int,
    label_size: int,
    seed: int,
    images_shown: int = 0,
    mirror_augment: bool = False,
    held_out: float = 0.0,
    part: str = TRAINING,
    replicas: Sequence[int] = (0,),
    num_replicas: int = 1,
    bad_records: BadRecords | None = None,
    memory_bytes: int = MEMORY_BYTES,
) -> tf.data.Dataset:
    """Returns endless batches `(images, labels)` of real images.

    Images are `(replica_batch_size, height, width, channels)` float32 in [-1, 1], labels
    `(replica_batch_size, label_size)` float32. The first batch comes after `images_shown` images.
    The seed decides their order and which half of them `mirror_augment` flips left to right.
    Of a dataset with a share `held_out`, only the pictures of `part` come; see `data.order`.

    A global batch is split into `num_replicas` parts, each with every `num_replicas`-th picture.
    Elements are the parts of `replicas`, in turn. Datasets of at most `memory_bytes` are kept in
    memory. Damaged records are skipped and collected in `bad_records`; without it they are errors.
    Raises UserError if the dataset lacks the resolution or the labels, or if too few are held out.
    """
    check_held_out(info.num_images, held_out)
    records = find_records(info, resolution)
    name, num_images = info.name, info.num_images
    if label_size not in (0, info.label_size):
        found = info.label_size
        raise UserError(f"data: expected labels of {label_size} classes in {name}, got {found}")
    labels_of = _make_label_lookup(info, label_size)
    shape = info.base.shape(resolution)
    size = global_batch_size // num_replicas
    batch_bytes = size * info.base.pixels(resolution) * info.num_channels
    group = max(1, min(_GROUP_PICTURES // size, _GROUP_BYTES // batch_bytes))
    firsts = tf.constant(list(replicas), tf.int64)
    picture = info.num_channels, info.encoding, info.depth

    def find_wanted(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns positions and picture numbers of all elements of the group of this number."""
        elements = number * group + tf.range(group, dtype=tf.int64)
        batches, replica = elements // len(replicas), elements % len(replicas)
        begins = images_shown + batches * global_batch_size + tf.gather(firsts, replica)
        # Every num_replicas-th picture, so that the groups of the minibatch standard deviation,
        # whose members are spread over a batch, are the same on one device and on many.
        within = num_replicas * tf.range(size, dtype=tf.int64)
        positions = tf.reshape(begins[:, tf.newaxis] + within, [-1])
        return positions, pictures_at(positions, num_images, seed, held_out, part)

    def finish(serialized: tf.Tensor, pictures: tf.Tensor, positions: tf.Tensor) -> Any:
        serialized = tf.ensure_shape(serialized, (group * size,))
        images = parse_images(serialized, shape, *picture)
        if mirror_augment:
            images = mirror(images, flips_at(positions, seed))
        return to_float(images), tf.ensure_shape(labels_of(pictures), (group * size, label_size))

    wanted = tf.data.Dataset.counter(dtype=tf.int64).map(find_wanted)
    met = bad_records.first_positions(resolution, num_images) if bad_records else None
    if (records.ends - records.begins).sum() <= memory_bytes:
        found = _from_memory(records, wanted, images_shown, met)
    else:
        most = bad_records.most if bad_records else 0
        found = _from_files(records, wanted, most, met)
    finished = found.map(finish, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    batches = finished.rebatch(size, drop_remainder=True)
    # Else the strategy of several workers prepares for partial batches at an end.
    endless = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
    return batches.apply(endless).prefetch(4)


def distribute(
    strategy: tf.distribute.Strategy, info: DatasetInfo, resolution: int, **options: Any
) -> tf.distribute.DistributedDataset:
    """Returns the batches of `make_dataset(info, resolution, **options)`, split over devices."""

    def parts(context: tf.distribute.InputContext) -> tf.data.Dataset:
        total = context.num_replicas_in_sync
        here = total // context.num_input_pipelines
        first = context.input_pipeline_id * here
        replicas = range(first, first + here)
        return make_dataset(info, resolution, replicas=replicas, num_replicas=total, **options)

    return strategy.distribute_datasets_from_function(parts)


def _make_label_lookup(info: DatasetInfo, label_size: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function from picture numbers to labels, `(n, label_size)` float32."""
    classes = read_classes(info) if label_size else None
    if classes is not None:  # one-hot rows of many classes might not fit into memory
        numbers = tf.constant(classes, tf.int32)
        return lambda pictures: tf.one_hot(tf.gather(numbers, pictures), label_size)
    labels = tf.constant(read_labels(info)[:, :label_size], tf.float32)
    return lambda pictures: tf.gather(labels, pictures)


def _from_memory(
    records: Records, wanted: tf.data.Dataset, images_shown: int, met: tf.Variable | None
) -> tf.data.Dataset:
    """Returns batches of records, picture numbers and positions, from records in memory."""
    loaded, pictures, problems = load_records(records)
    if problems and met is None:
        raise UserError(f"data: {problems[0]}: make the dataset again")
    if problems:
        damaged = np.flatnonzero(pictures != np.arange(len(pictures)))
        note(met, tf.constant(damaged), tf.constant(images_shown, tf.int64))
    both = (tf.constant(loaded), tf.constant(pictures))
    return wanted.map(lambda at, numbers: (*(tf.gather(one, numbers) for one in both), at))


def _from_files(
    records: Records, wanted: tf.data.Dataset, most_damaged: int, met: tf.Variable | None
) -> tf.data.Dataset:
    """Returns batches of records, picture numbers and positions, read from files."""
    reader = make_reader(records, most_damaged)
    types = tf.string, tf.int64, tf.int64, tf.int64

    def read(positions: tf.Tensor, numbers: tf.Tensor) -> Any:
        found = tf.numpy_function(reader, [numbers], types)
        return (*(tf.ensure_shape(one, [None]) for one in found), positions)

    def check(
        loaded: tf.Tensor, found: tf.Tensor, passed: tf.Tensor, by: tf.Tensor, at: tf.Tensor
    ) -> Any:
        if met is not None:
            note(met, passed, tf.gather(at, by))
        return loaded, found, at

    return wanted.map(read, num_parallel_calls=_READ_AHEAD, deterministic=True).map(check)
