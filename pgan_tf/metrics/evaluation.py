"""Scores generators against the same real pictures, and real pictures against each other."""

from __future__ import annotations

import dataclasses
import hashlib
import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pgan_tf.data.bad_records import BadRecords
from pgan_tf.data.dataset import make_dataset
from pgan_tf.data.errors import readable_data_errors
from pgan_tf.data.order import pictures_at
from pgan_tf.metrics.metric import Inception, Metric
from pgan_tf.metrics.score import Score
from pgan_tf.networks import sampling
from pgan_tf.networks.growth import named_variables
from pgan_tf.runs import checkpoint
from pgan_tf.training.tolerance import Tolerance, check_records
from tfrecords.common.errors import UserError
from tfrecords.format.dataset_info import DatasetInfo, read_labels

_LARGEST_BATCH = 64
# Of larger pictures fewer at a time: as many pixels as 64 of 256 px have.
_BATCH_PIXELS = 2**22
DEFAULT_NUM_IMAGES = 2048

# Numbers of the sets of an evaluation, for collectors.
_REALS, _FAKES, _OTHER_REALS = range(3)

# Tells a batch's size to whoever waits.
Report = Callable[[int], object]


@dataclasses.dataclass(frozen=True)
class Generated:
    """A generator to score.

    Attributes:
        draw: from `[latents, labels]` to pictures; see `sampling.generate`.
        latent_size: components of its latents.
        label_size: number of its classes, 0 without.
        images_shown: see `Score`, as are the others.
        stage: index of its stage of growth.
        stage_resolution: of its pictures.
        network: whose weights.
        checkpoint: the file's name.
        weights_sha256: of its variables.
    """

    draw: Callable[[Sequence[Any]], tf.Tensor]
    latent_size: int
    label_size: int
    images_shown: int
    stage: int
    stage_resolution: int
    network: str
    checkpoint: str
    weights_sha256: str


def read_generated(path: str, network: str) -> Generated:
    """Reads a checkpoint's `average_generator` or `generator`.

    Raises:
        UserError: it is not there, damaged, or none of ours.
    """
    saved = checkpoint.read(path, [network])
    model = checkpoint.load_generator(saved, network)
    return Generated(
        # Not folded: of a run that goes on each generator is drawn with once only.
        draw=tf.function(model, reduce_retracing=True),
        latent_size=saved.config.network.latent_size,
        label_size=saved.config.network.label_size,
        images_shown=saved.images_shown,
        stage=saved.stage.index,
        stage_resolution=saved.stage.resolution,
        network=network,
        checkpoint=posixpath.basename(path),
        weights_sha256=weights_sha256(model),
    )


@dataclasses.dataclass(frozen=True)
class RealPictures:
    """The real pictures of an evaluation: a random choice without repetition.

    Attributes:
        info: the TFRecords.
        resolution: that they are read and compared at.
        num_images: in each set.
        seed: of the choice.
        max_bad_records: how many damaged records may be left out; other pictures then stand in.
    """

    info: DatasetInfo
    resolution: int
    num_images: int
    seed: int
    max_bad_records: int = 0

    def __post_init__(self) -> None:
        if not 2 <= self.num_images <= self.info.num_images:
            raise UserError(
                f"--num_images: expected 2 to {self.info.num_images}, the pictures of "
                f"{self.info.name}, got {self.num_images}"
            )

    @property
    def batch_size(self) -> int:
        """How many pictures are read or drawn at a time."""
        return max(2, min(_LARGEST_BATCH, _BATCH_PIXELS // self.resolution**2))

    @property
    def has_others(self) -> bool:
        """Whether there are as many pictures again that are not among them."""
        return 2 * self.num_images <= self.info.num_images

    def batches(self, others: bool = False) -> Iterator[np.ndarray]:
        """Reads them, or as many others: `(n, resolution, resolution, channels)` uint8.

        Raises:
            UserError: too many records are damaged, or a file of them is gone.
        """
        first = self.num_images if others else 0
        bad_records = BadRecords(self.max_bad_records)
        dataset = make_dataset(
            self.info,
            self.resolution,
            global_batch_size=self.batch_size,
            label_size=0,
            seed=self.seed,
            images_shown=first,
            bad_records=bad_records,
        )
        left = self.num_images
        batches = iter(dataset)
        while left > 0:
            with readable_data_errors():
                images, _ = next(batches)
            yield sampling.to_uint8(images.numpy()[:left])
            left -= self.batch_size
        tolerance = Tolerance(max_bad_records=self.max_bad_records)
        check_records(len(bad_records.met(first + self.num_images)), tolerance)

    def labels(self, label_size: int) -> np.ndarray:
        """Returns `(num_images, label_size)` float32, so that fakes have the same classes."""
        positions = tf.range(self.num_images, dtype=tf.int64)
        pictures = pictures_at(positions, self.info.num_images, self.seed).numpy()
        return read_labels(self.info)[pictures, :label_size].astype(np.float32)


def default_num_images(info: DatasetInfo) -> int:
    """Returns 2,048, or half of the pictures, which leaves as many for the floor."""
    return max(2, min(DEFAULT_NUM_IMAGES, info.num_images // 2))


def _nobody(count: int) -> None:
    """Waits for nothing."""


class Evaluation:
    """Scores generators; what the reals come to is computed once."""

    def __init__(
        self,
        metrics: Sequence[Metric],
        reals: RealPictures,
        report: Report = _nobody,
        inception: Inception | None = None,
    ) -> None:
        """Sums the reals up.

        Args:
            metrics: see `by_name.make_metrics`.
            reals: what to compare with.
            report: is told of each batch of reals; see `num_pictures`.
            inception: for metrics that see through it; each picture is looked at once.
        """
        self._metrics, self._reals = metrics, reals
        self._inception = inception if any(one.sees == "inception" for one in metrics) else None
        self._summaries = self._collect(_REALS, reals.batches(), report)
        self._floors: list[dict[str, float] | None] = [None] * len(metrics)
        if reals.has_others:
            others = self._collect(_OTHER_REALS, reals.batches(others=True), report)
            self._floors = [*self._compare(others)]
        for index, metric in enumerate(metrics):
            if not metric.against_reals:
                self._floors[index] = metric.compare(None, self._summaries[index])

    @staticmethod
    def num_pictures(reals: RealPictures, generators: int) -> int:
        """Returns how many pictures are read and drawn in all."""
        return (1 + reals.has_others + generators) * reals.num_images

    def score(self, generated: Generated, report: Report = _nobody) -> list[Score]:
        """Scores a generator: a score for each metric.

        Args:
            generated: the generator.
            report: is told of each batch that was drawn.
        """
        fakes = fake_batches(generated, self._reals)
        found = self._compare(self._collect(_FAKES, fakes, report))
        info = self._reals.info
        return [
            Score(
                metric=metric.name,
                values=values,
                floor=floor,
                headline=metric.headline,
                better=metric.better,
                images_shown=generated.images_shown,
                stage=generated.stage,
                stage_resolution=generated.stage_resolution,
                resolution=self._reals.resolution,
                metric_version=metric.version,
                num_images=self._reals.num_images,
                filter=metric.filter,
                seed=self._reals.seed,
                data=f"{info.name}, {info.num_images} pictures",
                network=generated.network,
                checkpoint=generated.checkpoint,
                weights_sha256=generated.weights_sha256,
                metric_weights_sha256=metric.weights_sha256,
            )
            for metric, values, floor in zip(self._metrics, found, self._floors, strict=True)
        ]

    def _collect(self, which: int, batches: Iterable[np.ndarray], report: Report) -> list[Any]:
        collectors = [metric.collect(which) for metric in self._metrics]
        for batch in batches:
            features = None if self._inception is None else self._inception(batch)
            for metric, collector in zip(self._metrics, collectors, strict=True):
                collector.add(features if metric.sees == "inception" else batch)
            report(len(batch))
        return [collector.summary() for collector in collectors]

    def _compare(self, summaries: list[Any]) -> list[dict[str, float]]:
        return [
            metric.compare(reals if metric.against_reals else None, summary)
            for metric, reals, summary in zip(
                self._metrics, self._summaries, summaries, strict=True
            )
        ]


def fake_batches(generated: Generated, reals: RealPictures) -> Iterator[np.ndarray]:
    """Draws as many pictures as there are reals, of the same classes.

    Yields:
        `(n, resolution, resolution, channels)` uint8; pictures of an earlier stage are
        enlarged by repetition.
    """
    labels = reals.labels(generated.label_size)
    size = reals.batch_size
    for first in range(0, reals.num_images, size):
        end = min(first + size, reals.num_images)
        seeds = range(reals.seed + first, reals.seed + end)
        latents = sampling.latents_from_seeds(seeds, generated.latent_size)
        pictures = sampling.generate(generated.draw, latents, labels[first:end], batch_size=size)
        scale = reals.resolution // pictures.shape[1]
        yield pictures.repeat(scale, axis=1).repeat(scale, axis=2)


def weights_sha256(model: keras.Model) -> str:
    """Returns a checksum of a model's variables, by name, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for name, variable in sorted(named_variables(model).items()):
        value = np.ascontiguousarray(variable.numpy())
        digest.update(f"{name} {value.dtype} {value.shape}\n".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()
