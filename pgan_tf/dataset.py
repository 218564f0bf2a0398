"""TFRecords to batches of one resolution, NHWC float32 in [-1, 1].

The order is a pure function of the seed and of how many images were shown: epoch e is
shuffled with a seed made of (seed, e), so that training goes on anywhere by skipping.
"""

from __future__ import annotations

import tensorflow as tf

from pgan_tf.reals import flip_half, to_float
from tfrecords.dataset_info import DatasetInfo, read_labels
from tfrecords.errors import UserError
from tfrecords.record import parse_image

# Serialized records held for shuffling; a data set that is larger is shuffled in parts.
_SHUFFLE_BYTES = 2**28


def make_dataset(
    info: DatasetInfo,
    resolution: int,
    *,
    global_batch_size: int,
    label_size: int,
    seed: int,
    images_shown: int = 0,
    mirror_augment: bool = False,
) -> tf.data.Dataset:
    """Returns endless batches of real images, from a position on.

    Args:
        info: the TFRecords.
        resolution: which set of them, in pixels.
        global_batch_size: images in a batch, over all devices.
        label_size: width of the labels: the data set's, or 0 to leave them out.
        seed: of order and flips.
        images_shown: how many images come before the first one here.
        mirror_augment: flip half of the images left to right.

    Returns:
        `(images, labels)`: `(global_batch_size, resolution, resolution, channels)` float32 in
        [-1, 1] and `(global_batch_size, label_size)` float32, one-hot.

    Raises:
        UserError: the data set lacks the resolution or the labels.
    """
    if resolution not in info.files:
        raise UserError(
            f"data: expected TFRecords of {resolution} px in {info.name}, got "
            f"{sorted(info.files)}: choose another --resolution or convert the pictures again"
        )
    if label_size and label_size != info.label_size:
        raise UserError(
            f"data: expected labels of {label_size} classes in {info.name}, got {info.label_size}"
        )
    labels = read_labels(info)[:, :label_size]
    record_bytes = resolution * resolution * info.num_channels
    shuffle_buffer = max(1, min(info.num_images, _SHUFFLE_BYTES // record_bytes))

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        records = tf.data.TFRecordDataset(list(info.files[resolution]))
        examples = tf.data.Dataset.zip(records, tf.data.Dataset.from_tensor_slices(labels))
        epoch_seed = tf.random.stateless_uniform(
            (), tf.stack([tf.constant(seed, tf.int64), epoch]), None, None, tf.int64
        )
        return examples.shuffle(shuffle_buffer, seed=epoch_seed, reshuffle_each_iteration=False)

    def finish(batch: tf.Tensor, images: tf.Tensor, labels: tf.Tensor) -> tuple:
        images = to_float(images)
        if mirror_augment:
            position = images_shown + batch * global_batch_size
            images = flip_half(images, seed=tf.stack([seed, position]))
        return images, labels

    def parse(record: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return parse_image(record, resolution, info.num_channels), label

    first_epoch, consumed = divmod(images_shown, info.num_images)
    return (
        tf.data.Dataset.range(first_epoch, tf.int64.max)
        .flat_map(one_epoch)
        .skip(consumed)
        .map(parse, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(global_batch_size, drop_remainder=True)
        .enumerate()
        .map(lambda batch, examples: finish(batch, *examples))
        .prefetch(tf.data.AUTOTUNE)
    )
