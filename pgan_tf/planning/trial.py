"""One real iteration of the heaviest stage, before days are spent on getting there."""

from __future__ import annotations

import gc

import tensorflow as tf

from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import TrainingConfig
from pgan_tf.data.bad_records import BadRecords
from pgan_tf.data.dataset import distribute
from pgan_tf.data.errors import readable_data_errors
from pgan_tf.devices.memory import memory_bytes
from pgan_tf.devices.out_of_memory import readable_memory_errors
from pgan_tf.planning.limits import reached_stages
from pgan_tf.planning.measurement import make_iteration
from tfrecords.format.dataset_info import DatasetInfo


def heaviest_stage(config: TrainingConfig, num_replicas: int) -> Stage:
    """Returns the stage of a run that takes most memory, as far as arithmetic tells."""
    return max(reached_stages(config), key=lambda stage: memory_bytes(stage, config, num_replicas))


def try_heaviest_stage(
    config: TrainingConfig,
    info: DatasetInfo,
    strategy: tf.distribute.Strategy,
    max_bad_records: int = 0,
) -> Stage:
    """Trains the heaviest stage for one iteration, with the data, and throws it away.

    Returns:
        The stage.

    Raises:
        UserError: memory ran out, or the data cannot be read.
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
