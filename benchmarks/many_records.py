"""Start, speed and memory of training's input on a dataset of a million tiny pictures.

    python benchmarks/many_records.py [--pictures=1000000] [--resolution=4]

Writes as many PNG records, of different lengths and with no list of them, as old datasets have;
then a process of its own looks at them, finds each record, and reads batches from the files.
"""

import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import concurrent.futures
import multiprocessing
import os
import tempfile
import time

import numpy as np
from absl import app

from pgan_tf.data.dataset import make_dataset
from pgan_tf.planning.measurement import peak_memory_bytes
from tfrecords.common.bounds import COUNTS, RESOLUTIONS
from tfrecords.common.command_line import define_number
from tfrecords.format.dataset_info import read_dataset_info
from tfrecords.format.record import encode_image
from tfrecords.format.record_file import frame

PICTURES = define_number("pictures", 1_000_000, "In the dataset.", COUNTS)
RESOLUTION = define_number("resolution", 4, "In pixels.", RESOLUTIONS)

_DIFFERENT = 1000
_BATCH, _BATCHES = 64, 400


def _write(folder: str, count: int, resolution: int) -> int:
    shape = (_DIFFERENT, resolution, resolution, 3)
    noise = np.random.default_rng(0).integers(
        0, 64, shape, np.uint8
    )  # compresses, each another way
    frames = [frame(encode_image(one, "png")) for one in noise]
    path = os.path.join(folder, f"many-r{resolution.bit_length() - 1:02}.tfrecords")
    with open(path, "wb") as file:
        for start in range(0, count, _DIFFERENT):
            file.write(b"".join(frames[: count - start]))
        os.fsync(file.fileno())
        if hasattr(os, "posix_fadvise"):  # as after a restart: nothing of it is in memory
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return os.path.getsize(path)


def _measure(folder: str, resolution: int) -> tuple[float, float, int]:
    """Returns seconds to the first batch, pictures a second, and the process's peak in bytes."""
    begin = time.monotonic()
    info = read_dataset_info(folder)
    settings = {"global_batch_size": _BATCH, "label_size": 0, "seed": 1, "memory_bytes": 0}
    batches = iter(make_dataset(info, resolution, **settings))
    next(batches)
    start = time.monotonic()
    for _ in range(_BATCHES):
        next(batches)
    speed = _BATCH * _BATCHES / (time.monotonic() - start)
    return start - begin, speed, peak_memory_bytes()


def main(_: list[str]) -> None:
    """Measures and prints."""
    count, resolution = PICTURES.value, RESOLUTION.value
    context = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as folder,
        concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool,
    ):
        size = _write(folder, count, resolution)
        seconds, speed, peak = pool.submit(_measure, folder, resolution).result()
    print(f"{count:,} pictures of {resolution} px, {size / 2**20:,.0f} MiB of PNG, from files:")
    print(f"first batch after {seconds:.1f} s, {speed:,.0f} pictures/s, {peak / 2**20:,.0f} MiB")


if __name__ == "__main__":
    app.run(main)
