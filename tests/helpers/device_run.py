"""Trains a few steps on these numbers of logical CPUs, and writes all weights.

    python -m tests.helpers.device_run DATA OUT DEVICES...

Each number has a process of its own: TensorFlow numbers the collective operations of a
MirroredStrategy from the start again. Names in the files OUT/DEVICES.npz are `OPTIMIZER/…`, and
`start/…` for what SGD starts with.
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
BATCH = 16
CONFIG = TrainingConfig(
    network=NetworkConfig(resolution=8, fmap_base=64, fmap_max=8, latent_size=8, label_size=6),
    schedule=ScheduleConfig(resolution=8),
    minibatch_repeats=1,
)
SGD_STEPS, ADAM_STEPS = 5, 20
# Adam's is small: at 0.001 rounding has grown, in 20 steps of networks that answer each other, to a
# quarter of a step for one weight in a hundred on two cores, and to 0.0003 steps on one core.
LEARNING_RATE = {"sgd": 0.01, "adam": 0.0001}


def build(strategy, optimizer):
    state = build_state(STAGE, CONFIG, strategy)
    if optimizer == "adam":
        return state
    generator = np.random.default_rng(0)
    for name, variable in state.weights().items():
        # As later in training: what began at 0 would be a few gradients, with their rounding.
        if name.endswith("/bias"):
            variable.assign(generator.normal(0.0, 0.1, variable.shape))
    with strategy.scope():
        # Adam's steps hardly depend on the gradients' scale: it would hide a sum for a mean.
        optimizers = [keras.optimizers.SGD(learning_rate=0.0) for _ in range(2)]
        for one, model in zip(optimizers, (state.generator, state.discriminator), strict=True):
            one.build(model.trainable_variables)
    return dataclasses.replace(
        state, generator_optimizer=optimizers[0], discriminator_optimizer=optimizers[1]
    )


def train(strategy, info, optimizer, steps):
    state = build(strategy, optimizer)
    start = read(state)
    step = make_train_step(state, CONFIG, strategy, BATCH)
    batches = iter(
        distribute(strategy, info, 8, global_batch_size=BATCH, label_size=6, seed=CONFIG.seed)
    )
    rate = tf.constant(LEARNING_RATE[optimizer])
    for number in range(steps):
        step(batches, tf.constant(number * BATCH, tf.int64), tf.constant(0.5), rate, rate)
    return start, read(state)


def read(state):
    return {name: variable.numpy() for name, variable in state.weights().items()}


def run(data, out, devices):
    cpu = tf.config.list_physical_devices("CPU")[0]
    one = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(cpu, [one] * devices)
    info = read_dataset_info(data)
    strategy = make_strategy("mirrored" if devices > 1 else "one_device")
    tf.config.run_functions_eagerly(True)  # so few steps take less than compiling them
    weights = dict(zip(("start", "sgd"), train(strategy, info, "sgd", SGD_STEPS), strict=True))
    if devices <= 2:
        _, weights["adam"] = train(strategy, info, "adam", ADAM_STEPS)
    arrays = {f"{key}/{name}": one for key, of in weights.items() for name, one in of.items()}
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
