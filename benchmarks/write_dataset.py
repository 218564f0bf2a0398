"""Measures how fast pictures become a dataset, and what memory that takes.

    python benchmarks/write_dataset.py --pictures=100000 --resolution=64 --encoding=raw

It makes PNG files of its own in a temporary folder: some thousand distinct ones, smooth
colors with noise, each under many names. It prints pictures per second, the time of a
4096 x 4096 product in float32 beside it, to compare machines by, and the most memory that
the writing process held (RSS), before and after.
"""

import os
import resource
import sys
import tempfile
import time

import numpy as np
from absl import flags
from PIL import Image

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tfrecords.common import command_line
from tfrecords.common.bounds import COUNTS, RESOLUTIONS
from tfrecords.common.command_line import define_number

_PICTURES = define_number("pictures", 100_000, "How many.", COUNTS)
_DISTINCT = define_number("distinct", 4_000, "How many of them differ.", COUNTS)
_RESOLUTION = define_number("resolution", 64, "Pixels, of pictures and dataset.", RESOLUTIONS)
_PROCESSES = define_number("processes", None, "How many convert.", COUNTS)
_ENCODING = flags.DEFINE_enum("encoding", "png", ["png", "raw"], "How pictures are stored.")

_PRODUCT_SIZE = 4096
_PRODUCT_ROUNDS = 5


def main() -> None:
    """Makes pictures, converts them, and prints what that took."""
    from tfrecords.pictures.source import PictureOptions
    from tfrecords.sources.by_name import open_source
    from tfrecords.writing.writer import write_dataset

    gigaflops = measure_product()
    with tempfile.TemporaryDirectory() as folder:
        pictures, out = os.path.join(folder, "pictures"), os.path.join(folder, "out")
        make_pictures(pictures, _PICTURES.value, _DISTINCT.value, _RESOLUTION.value)
        options = PictureOptions(_RESOLUTION.value, allow_upscaling=False)
        started = time.perf_counter()
        source = open_source(pictures)
        opened = time.perf_counter()
        before = peak_mebibytes()
        info = write_dataset(
            source, options, out, encoding=_ENCODING.value, processes=_PROCESSES.value
        )
        written = time.perf_counter()
        size = sum(os.path.getsize(path) for paths in info.files.values() for path in paths)
    print(f"4096 x 4096 product, float32:  {gigaflops:,.0f} GFLOP/s")
    print(f"listing {info.num_images:,} files:       {opened - started:.1f} s")
    print(f"converting:                    {info.num_images / (written - opened):,.0f} pictures/s")
    print(f"both:                          {info.num_images / (written - started):,.0f} pictures/s")
    print(f"written:                       {size / 2**20:,.0f} MiB as {_ENCODING.value}")
    print(f"most memory of this process:   {before:,.0f} MiB before, {peak_mebibytes():,.0f} after")


def make_pictures(folder: str, count: int, distinct: int, resolution: int) -> None:
    """Writes PNG files, of which all but `distinct` are further names of these."""
    generator = np.random.default_rng(0)
    os.makedirs(folder)
    for number in range(count):
        path = os.path.join(folder, f"{number:08}.png")
        if number >= distinct:
            os.link(os.path.join(folder, f"{number % distinct:08}.png"), path)
            continue
        corners = Image.fromarray(generator.integers(0, 256, (4, 4, 3), np.uint8))
        smooth = corners.resize((resolution, resolution), Image.Resampling.BICUBIC)
        noise = generator.normal(0, 4, (resolution, resolution, 3))
        pixels = np.clip(np.asarray(smooth) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(path)


def measure_product() -> float:
    """Returns the speed of a 4096 x 4096 product in float32, in GFLOP/s, the best of some."""
    matrix = np.random.default_rng(0).random((_PRODUCT_SIZE, _PRODUCT_SIZE), np.float32)
    best = float("inf")
    for _ in range(_PRODUCT_ROUNDS):
        started = time.perf_counter()
        matrix @ matrix
        best = min(best, time.perf_counter() - started)
    return 2 * _PRODUCT_SIZE**3 / best / 1e9


def peak_mebibytes() -> float:
    """Returns the most memory that this process has held so far, in MiB."""
    kibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kibibytes / 1024


if __name__ == "__main__":
    command_line.run(main)
