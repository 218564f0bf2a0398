"""Trains a few steps of SGD on these numbers of logical CPUs, and writes all weights.

    python -m tests.helpers.device_run DATA OUT DEVICES...

Each number has a process of its own: TensorFlow numbers the collective operations of a
MirroredStrategy from the start again. Names in the files OUT/DEVICES.npz are `start/…` and `end/…`.
"""

import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import dataclasses
import os
import sys

import keras
import numpy as np
import tensorflow as tf

from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.data.dataset import distribute
from pgan_tf.devices.strategy import make_strategy
from pgan_tf.training.state import build_state
from pgan_tf.training.step import make_train_step
from tfrecords.format.dataset_info import read_dataset_info

# In a fade-in: all kinds of layers are there. Groups of 4 lie within one replica of four.
STAGE = Stage(1, 8, "fade_in", 0, 1000)
BATCH, STEPS = 16, 5
CONFIG = TrainingConfig(
    network=NetworkConfig(resolution=8, fmap_base=64, fmap_max=8, latent_size=8, label_size=6),
    schedule=ScheduleConfig(resolution=8),
    minibatch_repeats=1,
)


def build(strategy):
    state = build_state(STAGE, CONFIG, strategy)
    generator = np.random.default_rng(0)
    for name, variable in state.weights().items():
        # As later in training: what began at 0 would be a few gradients, with their rounding.
        if name.endswith("/bias"):
            variable.assign(generator.normal(0.0, 0.1, variable.shape))
    optimizers = {}
    with strategy.scope():
        # Adam's steps hardly depend on the gradients' scale: it would hide a sum for a mean.
        for name, model in (("generator", state.generator), ("discriminator", state.discriminator)):
            optimizers[f"{name}_optimizer"] = keras.optimizers.SGD(learning_rate=0.0)
            optimizers[f"{name}_optimizer"].build(model.trainable_variables)
    return dataclasses.replace(state, **optimizers)


def run(data, out, devices):
    cpu = tf.config.list_physical_devices("CPU")[0]
    one = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(cpu, [one] * devices)
    tf.config.run_functions_eagerly(True)  # so few steps take less than compiling them
    strategy = make_strategy("mirrored" if devices > 1 else "one_device")
    state, arrays = build(strategy), {}
    step = make_train_step(state, CONFIG, strategy, BATCH)
    of_data = {"global_batch_size": BATCH, "label_size": 6, "seed": CONFIG.seed}
    batches = iter(distribute(strategy, read_dataset_info(data), 8, **of_data))
    for when, steps in (("start", 0), ("end", STEPS)):
        for number in range(steps):
            shown, rate = tf.constant(number * BATCH, tf.int64), tf.constant(0.01)
            step(batches, shown, tf.constant(0.5), rate, rate)
        arrays |= {f"{when}/{name}": one.numpy() for name, one in state.weights().items()}
    np.savez(f"{out}/{devices}.npz", **arrays)


def main(data, out, *numbers):
    for devices in numbers:
        if not os.fork():
            run(data, out, int(devices))
            sys.exit()
        if os.wait()[1]:
            sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
