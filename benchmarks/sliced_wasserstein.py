"""How long the sliced Wasserstein distance takes.

    PYTHONPATH=. python benchmarks/sliced_wasserstein.py [--pictures=2048] [--resolution=64]

Compares two sets of noise: how long it takes does not depend on what pictures show. The time
of all processors together tells what other work on the machine added to the first one.
"""

import time

import numpy as np
from absl import app

from pgan_tf.metrics.sliced_wasserstein import make_swd
from tfrecords.common.bounds import COUNTS, RESOLUTIONS
from tfrecords.common.command_line import define_number

PICTURES = define_number("pictures", 2048, "In each of the two sets.", COUNTS)
RESOLUTION = define_number("resolution", 64, "In pixels.", RESOLUTIONS)
BATCH_SIZE = 64


def main(_: list[str]) -> None:
    """Measures and prints."""
    count, resolution = PICTURES.value, RESOLUTION.value
    random = np.random.default_rng(0)
    reals, fakes = random.integers(0, 256, (2, count, resolution, resolution, 3), np.uint8)
    begin, used = time.monotonic(), time.process_time()
    metric = make_swd(count, resolution, 3, seed=0)
    collectors = []
    for which, pictures in enumerate((reals, fakes)):
        collector = metric.collect(which)
        for first in range(0, count, BATCH_SIZE):
            collector.add(pictures[first : first + BATCH_SIZE])
        collectors.append(collector)
    collected = time.monotonic()
    values = metric.compare(*collectors)
    end = time.monotonic()
    used = time.process_time() - used
    words = ", ".join(f"{name} {value:.3f}" for name, value in values.items())
    print(
        f"{count} + {count} pictures of {resolution} px: {end - begin:.1f} s "
        f"(patches {collected - begin:.1f} s, distances {end - collected:.1f} s; "
        f"{used:.1f} s of processors): {words}"
    )


if __name__ == "__main__":
    app.run(main)
