"""How many pictures a second training's input can read and decode.

    python benchmarks/read_dataset.py [--data=FOLDER] [--resolution=32] [--batch_size=16]

Reads TFRecords both ways: kept in memory, and record by record from the files. Without --data
it makes some first, of blurred noise with grain, which is harder to decode than photographs.
"""

import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import functools
import tempfile
import time

import numpy as np
from absl import app, flags
from PIL import Image, ImageFilter

from pgan_tf.data.dataset import make_dataset
from tfrecords.common.bounds import COUNTS, RESOLUTIONS, Bounds
from tfrecords.common.command_line import define_number
from tfrecords.format.dataset_info import DatasetInfo, read_dataset_info
from tfrecords.pictures.source import PictureOptions, Source
from tfrecords.writing.writer import write_dataset

DATA = flags.DEFINE_string("data", None, "A folder of TFRecords.")
RESOLUTION = define_number("resolution", 32, "In pixels.", RESOLUTIONS)
BATCH_SIZE = define_number("batch_size", 16, "Pictures in a batch.", COUNTS)
ENCODING = flags.DEFINE_enum("encoding", "png", ["png", "raw"], "Of the records.")
PICTURES = define_number("pictures", 2000, "In the dataset.", COUNTS)
SECONDS = define_number("seconds", 5.0, "To measure for.", Bounds(0, 3600))


def _picture(resolution: int, index: int) -> np.ndarray:
    generator = np.random.default_rng(index)
    noise = generator.integers(0, 256, (resolution, resolution, 3), np.uint8)
    blurred = np.asarray(Image.fromarray(noise).filter(ImageFilter.GaussianBlur(2)), np.float64)
    grain = generator.normal(0, 2, blurred.shape)
    return np.clip(128 + (blurred - 128) * 6 + grain, 0, 255).astype(np.uint8)


def _open(resolution: int) -> functools.partial:
    return functools.partial(_picture, resolution)


def _make(folder: str) -> DatasetInfo:
    resolution = RESOLUTION.value
    source = Source(
        name="noise",
        description="noise",
        num_pictures=PICTURES.value,
        open=functools.partial(_open, resolution),
        identity=["noise"],
        picture_name=str,
    )
    options = PictureOptions(resolution, allow_upscaling=False)
    return write_dataset(source, options, f"{folder}/noise", encoding=ENCODING.value)


def _measure(info: DatasetInfo, memory_bytes: int) -> float:
    """Returns pictures a second."""
    dataset = make_dataset(
        info,
        RESOLUTION.value,
        global_batch_size=BATCH_SIZE.value,
        label_size=0,
        seed=1,
        mirror_augment=True,
        memory_bytes=memory_bytes,
    )
    batches = iter(dataset)
    for _ in range(20):
        next(batches)
    count, begin = 0, time.monotonic()
    while time.monotonic() - begin < SECONDS.value:
        next(batches)
        count += BATCH_SIZE.value
    return count / (time.monotonic() - begin)


def main(_: list[str]) -> None:
    """Measures and prints."""
    with tempfile.TemporaryDirectory() as folder:
        info = read_dataset_info(DATA.value) if DATA.value else _make(folder)
        for name, memory_bytes in (("memory", 2**34), ("files", 0)):
            speed = _measure(info, memory_bytes)
            print(
                f"{info.name}, {RESOLUTION.value} px, {info.encoding}, batch {BATCH_SIZE.value}, "
                f"from {name}: {speed:,.0f} pictures/s"
            )


if __name__ == "__main__":
    app.run(main)
