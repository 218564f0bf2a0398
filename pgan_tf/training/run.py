"""A run: what to train on which data, where, on which devices, and which faults it tolerates."""

import dataclasses
import functools
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from pgan_tf.config.schedule import Position, Stage, make_stages
from pgan_tf.config.training import TrainingConfig
from pgan_tf.data.damage import BadRecords
from pgan_tf.data.dataset import distribute
from pgan_tf.devices.coordination import gather_pairs
from pgan_tf.devices.workers import ALONE, Workers
from pgan_tf.runs.folder import checkpoint_folder
from tfrecords.format.dataset_info import DatasetInfo

# Arguments: a checkpoint's path, the images shown, a function that prints a line, and a function
# that returns whether the run was asked to stop.
AfterCheckpoint = Callable[[str, int, Callable[[str], None], Callable[[], bool]], None]


@dataclasses.dataclass(frozen=True)
class Run:
    """The settings of a run, which stay the same while it trains."""

    config: TrainingConfig  # see `devices.strategy.check_batch_sizes`
    info: DatasetInfo
    folder: str
    strategy: tf.distribute.Strategy
    workers: Workers = ALONE
    keep_checkpoints: int = 3  # number of newest checkpoints to keep, besides one per stage
    max_bad_records: int = 0  # damaged records that may be skipped
    max_bad_steps: int = 100  # skipped iterations in a row after which the run rolls back, once
    # Called by the chief after each tick's checkpoint, and with the one from which a run resumes.
    after_checkpoint: AfterCheckpoint = lambda *_: None

    @functools.cached_property
    def stages(self) -> tuple[Stage, ...]:
        """The stages of growth."""
        return make_stages(self.config.schedule)

    @property
    def total_images(self) -> int:
        """The number of real images to show."""
        return round(self.config.schedule.total_kimg * 1000)

    @property
    def num_devices(self) -> int:
        """The number of devices that train, over all workers."""
        return self.strategy.num_replicas_in_sync

    @property
    def checkpoints(self) -> str:
        """The folder of the run's checkpoints."""
        return checkpoint_folder(self.folder)

    def batches(
        self, position: Position, images_shown: int, bad_records: BadRecords
    ) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        """Returns batches of images and labels at a position, after `images_shown` images."""
        dataset = distribute(
            self.strategy,
            self.info,
            position.stage.resolution,
            global_batch_size=position.batch_size,
            label_size=self.config.network.label_size,
            seed=self.config.seed,
            images_shown=images_shown,
            mirror_augment=self.config.mirror_augment,
            held_out=self.config.augmentation.held_out,
            bad_records=bad_records,
        )
        return iter(dataset)

    def all_bad_records(self, bad_records: BadRecords, images_shown: int) -> np.ndarray:
        """Returns the damaged records that any worker has reached so far; see `BadRecords.met`."""
        return gather_pairs(self.strategy, self.workers, bad_records.met(images_shown))
