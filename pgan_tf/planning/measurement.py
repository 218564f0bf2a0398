"""Iterations of one stage by themselves: to time them, and to see whether they fit in memory."""

import dataclasses
import gc
import math
import time
from collections.abc import Callable, Iterator

import tensorflow as tf

from pgan_tf.config.schedule import Stage, position_at
from pgan_tf.config.training import TrainingConfig
from pgan_tf.data.damage import BadRecords, readable_data_errors
from pgan_tf.data.dataset import distribute
from pgan_tf.devices.out_of_memory import readable_memory_errors
from pgan_tf.planning.limits import heaviest_stage
from pgan_tf.training.state import build_state
from pgan_tf.training.step import make_train_step
from tfrecords.format.dataset_info import DatasetInfo

# More calls than that make a mean of times no better.
_MOST_CALLS = 50


def make_iteration(
    config: TrainingConfig, stage: Stage, strategy: tf.distribute.Strategy
) -> Callable[[Iterator], None]:
    """Builds a stage's networks anew and returns a function that trains them for one iteration.

    It takes batches (see `training.step.make_train_step`), and returns when the devices are done.
    No run knows of these networks.
    """
    config = dataclasses.replace(config, minibatch_repeats=1)
    position = position_at(config.schedule, (stage,), stage.first_image)
    state = build_state(stage, config, strategy)
    step = make_train_step(state, config, strategy, position.batch_size)

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


def seconds_per_call(
    call: Callable[[], None], budget_seconds: float, most_calls: float = math.inf
) -> float:
    """Returns the mean time of calls, at least one, without the first, which compiles."""
    call()
    calls, begin = 0, time.monotonic()
    while calls == 0 or (calls < most_calls and time.monotonic() - begin < budget_seconds):
        call()
        calls += 1
    return (time.monotonic() - begin) / calls


def measure_step(
    config: TrainingConfig, stage: Stage, strategy: tf.distribute.Strategy, budget_seconds: float
) -> float:
    """Trains a stage on noise for about `budget_seconds`, and returns seconds per real image."""
    iterate = make_iteration(config, stage, strategy)
    batches = noise_batches(config, stage, strategy)
    seconds = seconds_per_call(lambda: iterate(batches), budget_seconds, _MOST_CALLS)
    batch_size = int(config.schedule.batch_size.at(stage.resolution))
    return seconds / (batch_size * config.discriminator_repeats)


def try_heaviest_stage(
    config: TrainingConfig,
    info: DatasetInfo,
    strategy: tf.distribute.Strategy,
    max_bad_records: int = 0,
) -> Stage:
    """Trains the heaviest stage on the data for one iteration, throws it away and returns it.

    Raises UserError if memory runs out or the data cannot be read.
    """
    num_replicas = strategy.num_replicas_in_sync
    stage = heaviest_stage(config, num_replicas)
    with readable_memory_errors(config, stage, num_replicas), readable_data_errors():
        iterate = make_iteration(config, stage, strategy)
        batches = iter(
            distribute(
                strategy,
                info,
                stage.resolution,
                global_batch_size=int(config.schedule.batch_size.at(stage.resolution)),
                label_size=config.network.label_size,
                seed=config.seed,
                mirror_augment=config.mirror_augment,
                bad_records=BadRecords(max_bad_records),  # the run counts for itself
            )
        )
        iterate(batches)
    del iterate, batches
    gc.collect()  # models and compiled steps hold each other
    return stage
