"""From whatever `--data=` names to a dataset that can be trained on."""

import json
import os

import tensorflow as tf

from tfrecords.dataset_info import JSON_NAME, DatasetInfo, is_dataset_folder, read_dataset_info
from tfrecords.errors import UserError
from tfrecords.images import WHITE
from tfrecords.source import Source
from tfrecords.sources import open_source
from tfrecords.writer import write_dataset


def prepare(
    data: str,
    cache_dir: str,
    resolution: int | None = None,
    num_channels: int = 3,
    *,
    background: tuple[int, int, int] = WHITE,
    allow_upscaling: bool | None = None,
    labels: bool | None = None,
    tfds_data_dir: str | None = None,
) -> DatasetInfo:
    """Returns a dataset: `data` itself, or `data` converted, once, into the cache.

    A folder of TFRecords is used as it is, if it has the resolution, channels and
    labels asked for. Anything else is converted on first use into
    `<cache_dir>/<name>-<resolution>px-<fingerprint>`, and found there as long as neither
    the pictures nor the options change. One line on stdout says which.

    Args:
        data: a folder of TFRecords, or a source as for `open_source`.
        cache_dir: where converted datasets are kept, local or remote.
        resolution: as for `open_source`, like all that follow.
        num_channels: 1 for grey, 3 for RGB.
        background: what shows through transparent pixels; RGB, 0 to 255.
        allow_upscaling: whether smaller pictures are enlarged.
        labels: whether to keep class labels; True needs some.
        tfds_data_dir: where TensorFlow Datasets keeps its files.

    Raises:
        UserError: as `read_dataset_info`, `open_source` and `write_dataset` do, or
            there are TFRecords, but not the ones asked for.
    """
    data = os.path.expanduser(data)  # the shell leaves --data=~/pictures as it is
    if is_dataset_folder(data):
        return _check_fits(read_dataset_info(data), data, resolution, num_channels, labels)
    source = open_source(
        data,
        resolution,
        num_channels,
        background=background,
        allow_upscaling=allow_upscaling,
        labels=labels,
        tfds_data_dir=tfds_data_dir,
    )
    if labels and source.read_label_indices is None:
        raise UserError(f"{data}: expected class labels, found none: do without them")
    return _convert_once(source, data, cache_dir)


def _convert_once(source: Source, data: str, cache_dir: str) -> DatasetInfo:
    folder = f"{source.name}-{source.resolution}px-{source.fingerprint[:8]}"
    cached = tf.io.gfile.join(os.path.expanduser(cache_dir), folder)
    if _holds(cached, source):
        print(f"Using {cached}, converted from {data} before", flush=True)
        return read_dataset_info(cached)
    print(f"Converting {source.num_pictures:,} pictures of {data} to {cached}, once", flush=True)
    try:
        return write_dataset(source, cached, name=source.name)
    except UserError:
        # Of several processes that convert the same pictures, one comes first.
        if _holds(cached, source):
            return read_dataset_info(cached)
        raise


def _check_fits(
    info: DatasetInfo, data: str, resolution: int | None, num_channels: int, labels: bool | None
) -> DatasetInfo:
    if resolution is not None and resolution not in info.files:
        raise UserError(
            f"{data}: expected TFRecords of the resolution {resolution}, found "
            f"{', '.join(map(str, info.files))} px: take one of these"
        )
    if num_channels != info.num_channels:
        raise UserError(
            f"{data}: expected TFRecords with {num_channels} channels, found "
            f"{info.num_channels}: give --channels={'gray' if info.num_channels == 1 else 'rgb'}"
        )
    if labels and not info.label_size:
        raise UserError(f"{data}: expected TFRecords with labels, found none beside them")
    return info


def _holds(folder: str, source: Source) -> bool:
    """Says whether a cached folder was made from just this source."""
    path = tf.io.gfile.join(folder, JSON_NAME)
    if not tf.io.gfile.exists(path):
        return False
    with tf.io.gfile.GFile(path) as file:
        return json.loads(file.read()).get("fingerprint") == source.fingerprint
