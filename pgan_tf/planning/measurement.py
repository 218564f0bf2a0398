"""Iterations of one stage by themselves: to time them, and to see whether they fit in memory."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator

import tensorflow as tf

from pgan_tf.config.schedule import Stage, position_at
from pgan_tf.config.training import TrainingConfig
from pgan_tf.training.state import build_state
from pgan_tf.training.step import make_train_step

# More calls than that make a mean of times no better.
_MOST_CALLS = 50


def make_iteration(
    config: TrainingConfig, stage: Stage, strategy: tf.distribute.Strategy
) -> Callable[[Iterator], None]:
    """Builds a stage's networks anew and returns what trains them for one iteration.

    They are thrown away with what is returned: no run knows of them.

    Args:
        config: the run.
        stage: one of its stages.
        strategy: the devices.

    Returns:
        A function of batches (see `training.step.make_train_step`), done when it returns.
    """
    config = dataclasses.replace(config, minibatch_repeats=1)
    position = position_at(config.schedule, (stage,), stage.first_image)
    step = make_train_step(
        build_state(stage, config, strategy), config, strategy, position.batch_size
    )

    def iterate(batches: Iterator) -> None:
        metrics = step(
            batches,
            tf.constant(stage.first_image, tf.int64),
            tf.constant(position.alpha, tf.float32),
            tf.constant(position.generator_learning_rate, tf.float32),
            tf.constant(position.discriminator_learning_rate, tf.float32),
        )
        metrics.numpy()  # waits for the devices

    return iterate


def noise_batches(
    config: TrainingConfig, stage: Stage, strategy: tf.distribute.Strategy
) -> Iterator:
    """Returns endless batches of noise in the shape of a stage's real images and labels."""
    size = int(config.schedule.batch_size.at(stage.resolution)) // strategy.num_replicas_in_sync
    network = config.network
    shape = (size, stage.resolution, stage.resolution, network.num_channels)

    def batches(_: tf.distribute.InputContext) -> tf.data.Dataset:
        images = tf.random.stateless_uniform(shape, (config.seed, 0), -1.0, 1.0)
        labels = tf.one_hot(tf.range(size) % max(1, network.label_size), network.label_size)
        return tf.data.Dataset.from_tensors((images, labels)).repeat()

    return iter(strategy.distribute_datasets_from_function(batches))


def measure_step(
    config: TrainingConfig, stage: Stage, strategy: tf.distribute.Strategy, budget_seconds: float
) -> float:
    """Trains a stage on noise for a moment, and returns how long it takes.

    Compiling does not count. At least one iteration is timed, however long it takes.

    Args:
        config: the run.
        stage: one of its stages.
        strategy: the devices.
        budget_seconds: for the iterations that are timed.

    Returns:
        Seconds for each real image shown.
    """
    iterate, batches = (
        make_iteration(config, stage, strategy),
        noise_batches(config, stage, strategy),
    )
    iterate(batches)  # compiles
    calls, begin = 0, time.monotonic()
    while calls == 0 or (calls < _MOST_CALLS and time.monotonic() - begin < budget_seconds):
        iterate(batches)
        calls += 1
    seconds = time.monotonic() - begin
    images = int(config.schedule.batch_size.at(stage.resolution)) * config.discriminator_repeats
    return seconds / (calls * images)
