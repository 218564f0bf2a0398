"""Trains two iterations of a stage in a process of its own, and prints the memory it came to.

    python tests/peak_memory.py RESOLUTION BATCH_SIZE

Bytes, over what the process had before; the allocator gives back what is free at once. Linux
only: the peak is /proc's, since getrusage's begins at what the parent process had.
"""

import tfrecords.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import re
import sys

from pgan_tf.config import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.distribution import make_strategy
from pgan_tf.measurement import make_iteration, noise_batches
from pgan_tf.per_resolution import PerResolution
from pgan_tf.schedule import make_stages

ENVIRONMENT = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}


def make_config(resolution, batch_size):
    return TrainingConfig(
        network=NetworkConfig(resolution=resolution, fmap_base=1024, fmap_max=64, latent_size=64),
        schedule=ScheduleConfig(
            resolution=resolution, batch_size=PerResolution(((4, batch_size),))
        ),
    )


def peak():
    with open("/proc/self/status") as status:
        return int(re.search(r"^VmHWM:\s+(\d+) kB$", status.read(), re.MULTILINE)[1]) * 1024


def main(resolution, batch_size):
    config = make_config(int(resolution), int(batch_size))
    stage = make_stages(config.schedule)[-1]
    strategy = make_strategy("one_device")
    before = peak()
    iterate, batches = (
        make_iteration(config, stage, strategy),
        noise_batches(config, stage, strategy),
    )
    iterate(batches)
    iterate(batches)
    print(peak() - before)


if __name__ == "__main__":
    main(*sys.argv[1:])
