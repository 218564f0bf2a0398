"""A source of pictures to a dataset folder, all of it or nothing."""

import contextlib
import json
import os
import shutil

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tfrecords import pyramid
from tfrecords.dataset_info import JSON_NAME, JSON_VERSION, DatasetInfo, read_dataset_info
from tfrecords.errors import UserError
from tfrecords.record import encode_image
from tfrecords.source import Source

# The published converter shuffles with this seed; the same gives the same files.
_SHUFFLE_SEED = 123

_RECORD_OVERHEAD_BYTES = 64


def write_dataset(
    source: Source, out_dir: str, shuffle: bool = True, name: str | None = None
) -> DatasetInfo:
    """Converts a source: one file of TFRecords per resolution, uncompressed.

    The files are written into a folder beside `out_dir`, which is renamed when all
    are complete and removed when anything goes wrong, Ctrl-C included. Progress is
    shown on stderr when that is a terminal.

    Args:
        source: the pictures.
        out_dir: the folder to make, local or remote; absent or empty so far.
        shuffle: whether the pictures are put into a random order, always the same;
            training wants it wherever the source is sorted.
        name: what the files are called; `out_dir`'s last part when absent.

    Raises:
        UserError: `out_dir` is not empty or cannot be written, the disk is too small,
            or a picture cannot be read.
    """
    check_out_dir(out_dir)
    out_dir = out_dir.rstrip("/") if "://" in out_dir else os.path.abspath(out_dir)
    name = name or out_dir.split("/")[-1]
    order = np.arange(source.num_pictures)
    if shuffle:
        np.random.RandomState(_SHUFFLE_SEED).shuffle(order)
    partial_dir = f"{out_dir}.partial-{os.getpid()}"
    try:
        _check_free_disk(source, out_dir)
        tf.io.gfile.makedirs(partial_dir)
        try:
            _write_pictures(source, order, partial_dir, name)
            _write_labels_and_json(source, order, partial_dir, name, shuffle)
            check_out_dir(out_dir)  # another process may have made it meanwhile
            if tf.io.gfile.exists(out_dir):
                tf.io.gfile.rmtree(out_dir)
            tf.io.gfile.rename(partial_dir, out_dir)
        except BaseException:
            if tf.io.gfile.exists(partial_dir):
                tf.io.gfile.rmtree(partial_dir)
            raise
    except tf.errors.OpError as error:
        raise UserError(f"{out_dir}: cannot be written: {error.message}") from error
    return read_dataset_info(out_dir)


def check_out_dir(out_dir: str) -> None:
    """Checks that a dataset folder can be made, worth knowing before a long download.

    Raises:
        UserError: it is a file, or a folder that is not empty.
    """
    if not out_dir:
        raise UserError("out: expected a folder to make, got an empty name")
    if not tf.io.gfile.exists(out_dir):
        return
    if not tf.io.gfile.isdir(out_dir):
        raise UserError(f"{out_dir}: expected a folder to make, found a file: take another name")
    if tf.io.gfile.listdir(out_dir):
        raise UserError(
            f"{out_dir}: expected a new or empty folder, it holds files: "
            "remove it or take another name"
        )


def estimate_bytes(num_pictures: int, resolution: int, num_channels: int) -> int:
    """Returns the size of a dataset's TFRecords, from above, in bytes."""
    per_picture = sum(
        num_channels * level**2 + _RECORD_OVERHEAD_BYTES
        for level in pyramid.resolutions(resolution)
    )
    return num_pictures * per_picture


def _write_pictures(source: Source, order: np.ndarray, folder: str, name: str) -> None:
    with contextlib.ExitStack() as stack:
        writers = {}
        for resolution in pyramid.resolutions(source.resolution):
            log2 = resolution.bit_length() - 1
            path = tf.io.gfile.join(folder, f"{name}-r{log2:02}.tfrecords")
            writers[resolution] = stack.enter_context(tf.io.TFRecordWriter(path))
        # disable=None: no bar where nobody looks, in logs and pipes.
        for index in tqdm(order, desc=f"{name}", unit=" pictures", disable=None):
            image = source.read(int(index))
            expected = (source.resolution, source.resolution, source.num_channels)
            if image.shape != expected:
                raise ValueError(f"{source.name} read {image.shape}, expected {expected}")
            for resolution, level in pyramid.build_pyramid(image).items():
                writers[resolution].write(encode_image(level))


def _write_labels_and_json(
    source: Source, order: np.ndarray, folder: str, name: str, shuffle: bool
) -> None:
    labels = source.labels
    counts = []
    if labels is not None:
        counts = labels.sum(axis=0).astype(int).tolist()
        with tf.io.gfile.GFile(tf.io.gfile.join(folder, f"{name}-rxx.labels"), "wb") as file:
            np.save(file, labels[order])
    details = {
        "version": JSON_VERSION,
        "name": name,
        "num_images": source.num_pictures,
        "num_channels": source.num_channels,
        "resolutions": sorted(pyramid.resolutions(source.resolution)),
        "encoding": "raw",
        "label_names": list(source.label_names),
        "label_counts": counts,
        "source": source.description,
        "fingerprint": source.fingerprint,
        "options": {**source.options, "shuffle": shuffle},
    }
    with tf.io.gfile.GFile(tf.io.gfile.join(folder, JSON_NAME), "w") as file:
        file.write(json.dumps(details, indent=2, ensure_ascii=False) + "\n")


def _check_free_disk(source: Source, out_dir: str) -> None:
    if "://" in out_dir:  # nobody knows how much a bucket holds
        return
    needed = estimate_bytes(source.num_pictures, source.resolution, source.num_channels)
    folder = os.path.abspath(out_dir)
    while not os.path.exists(folder):
        folder = os.path.dirname(folder)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"{out_dir}: expected {needed / 2**20:,.0f} MiB of free disk, got "
            f"{free / 2**20:,.0f} MiB: make room or take a lower resolution"
        )
