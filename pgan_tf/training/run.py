"""A run: what to train on which data, where, on which devices, and which faults it tolerates."""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from pgan_tf.config.augmentation import needs_held_out
from pgan_tf.config.schedule import Position, Stage, make_stages
from pgan_tf.config.training import TrainingConfig
from pgan_tf.data.damage import BadRecords
from pgan_tf.data.dataset import distribute
from pgan_tf.data.order import HELD_OUT
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
        label_size = self.config.network.label_size
        return self._batches(
            position, images_shown=images_shown, bad_records=bad_records, label_size=label_size
        )

    def held_out_batches(
        self, position: Position, images_shown: int
    ) -> Iterator[tuple[tf.Tensor, tf.Tensor]] | None:
        """Returns batches of held-out images, one for each call of the step; None if not needed.

        Damaged ones are passed over, and not counted.
        """
        config = self.config
        if not needs_held_out(config.augmentation.augment, config.loss.name):
            return None
        return self._batches(
            position,
            part=HELD_OUT,
            # So many held-out ones by then: one batch in so many. Exact wherever a run resumes.
            images_shown=images_shown // (config.minibatch_repeats * config.discriminator_repeats),
            bad_records=BadRecords(self.max_bad_records),
            label_size=0,
            memory_bytes=0,  # the training pictures may have taken it
        )

    def _batches(self, position: Position, **options: Any) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        dataset = distribute(
            self.strategy,
            self.info,
            position.stage.resolution,
            global_batch_size=position.batch_size,
            seed=self.config.seed,
            mirror_augment=self.config.mirror_augment,
            held_out=self.config.augmentation.held_out,
            **options,
        )
        return iter(dataset)

    def all_bad_records(self, bad_records: BadRecords, images_shown: int) -> np.ndarray:
        """Returns the damaged records that any worker has reached so far; see `BadRecords.met`."""
        return gather_pairs(self.strategy, self.workers, bad_records.met(images_shown))
