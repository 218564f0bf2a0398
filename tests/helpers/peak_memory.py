"""Trains two iterations of a stage in a process of its own, and prints the memory it came to.

    python -m tests.helpers.peak_memory RESOLUTION BATCH_SIZE FMAP_BASE FMAP_MAX THREADS [PART]

Bytes: at most in use by tensors at one time, and the process's peak over what it had before. With
one thread operations run one after the other, always in the same order; with more (0: as many as
TensorFlow likes) the peak is a matter of luck, some 20% higher, and never twice the same. Linux
only: the process's peak is /proc's, since getrusage's begins at what the parent process had.
"""

import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import re
import sys

import tensorflow as tf

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.devices.strategy import make_strategy
from pgan_tf.planning.measurement import make_iteration, noise_batches


def make_config(resolution, batch_size, fmap_base, fmap_max, micro_batch=0):
    sizes = {"fmap_base": fmap_base, "fmap_max": fmap_max, "latent_size": fmap_max}
    batches = {"batch_size": batch_size, "micro_batch": micro_batch}
    batches = {name: PerResolution(((4, size),)) for name, size in batches.items()}
    return TrainingConfig(
        network=NetworkConfig(resolution=resolution, **sizes),
        schedule=ScheduleConfig(resolution=resolution, **batches),
    )


def peak():
    with open("/proc/self/status") as status:
        return int(re.search(r"^VmHWM:\s+(\d+) kB$", status.read(), re.MULTILINE)[1]) * 1024


def main(resolution, batch_size, fmap_base, fmap_max, threads, micro_batch=0):
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    config = make_config(resolution, batch_size, fmap_base, fmap_max, micro_batch)
    stage = make_stages(config.schedule)[-1]
    strategy = make_strategy("one_device")
    before = peak()
    iterate, batches = (make(config, stage, strategy) for make in (make_iteration, noise_batches))
    iterate(batches)
    iterate(batches)
    print(tf.config.experimental.get_memory_info("CPU:0")["peak"], peak() - before)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
