"""Scores generators against the same real pictures, and other real pictures as a floor."""

import dataclasses
import hashlib
import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pgan_tf.data.damage import BadRecords, check_bad_records, readable_data_errors
from pgan_tf.data.dataset import make_dataset
from pgan_tf.data.order import TRAINING, part_size, pictures_at
from pgan_tf.metrics.inception import Inception
from pgan_tf.metrics.memorization import Judge, Scores, Watched, make_judge
from pgan_tf.metrics.metric import FAKES, HELD_OUT, OTHER_REALS, REALS, Against, Collector, Metric
from pgan_tf.metrics.score import Score
from pgan_tf.networks import sampling
from pgan_tf.networks.growth import named_variables
from pgan_tf.runs import checkpoint
from pgan_tf.runs.trained import load_generator
from tfrecords.common.errors import UserError
from tfrecords.format.dataset_info import DatasetInfo, read_labels
from tfrecords.pictures.alpha import in_colors, on_white

DEFAULT_NUM_IMAGES = 2048
_LARGEST_BATCH = 64
_BATCH_PIXELS = 2**22  # 64 pictures of 256 px; batches of larger pictures are smaller
# Fields of a score that describe its generator.
_ORIGIN = ("images_shown", "stage", "stage_resolution", "network", "checkpoint", "weights_sha256")

Report = Callable[[int], object]  # called with the size of each batch, for progress bars


@dataclasses.dataclass(frozen=True)
class Generated:
    """A generator to score. `Score` documents most fields."""

    draw: Callable[[Sequence[Any]], tf.Tensor]  # from [latents, labels]; see `sampling.generate`
    latent_size: int
    label_size: int  # 0 without classes
    images_shown: int
    stage: int
    stage_resolution: int
    network: str
    checkpoint: str
    weights_sha256: str
    judge: Judge | None = None  # its discriminator, for metrics with held-out pictures


def read_generated(path: str, network: str, *, with_judge: bool = False) -> Generated:
    """Reads a checkpoint's `average_generator` or `generator`; UserError if it can't be read."""
    saved = checkpoint.read(path, [network, "discriminator"] if with_judge else [network])
    model = load_generator(saved, network)
    return Generated(
        # Not folded, since during training each generator is used only once.
        draw=tf.function(model, reduce_retracing=True),
        latent_size=saved.config.network.latent_size,
        label_size=saved.config.network.label_size,
        images_shown=saved.images_shown,
        stage=saved.stage.index,
        stage_resolution=saved.stage.resolution,
        network=network,
        checkpoint=posixpath.basename(path),
        weights_sha256=weights_sha256(model),
        judge=make_judge(saved) if with_judge else None,
    )


@dataclasses.dataclass(frozen=True)
class RealPictures:
    """The real pictures of an evaluation, a random sample without repetition."""

    info: DatasetInfo
    resolution: int  # at which pictures are read and compared
    num_images: int  # in each set
    seed: int
    max_bad_records: int = 0  # damaged records that may be skipped, replaced by others
    held_out: float = 0.0  # share of the dataset kept from training; with 0, all pictures are taken
    part: str = TRAINING  # else only those of this part; see `data.order`

    def __post_init__(self) -> None:
        if not 2 <= self.num_images <= self._available:
            raise UserError(
                f"--num_images: expected 2 to {self._available}, the pictures of "
                f"{self.info.name}, got {self.num_images}"
            )

    @property
    def _available(self) -> int:
        return part_size(self.info.num_images, self.held_out, self.part)

    @property
    def batch_size(self) -> int:
        """The number of pictures to read or draw at a time."""
        pixels = self.info.base.pixels(self.resolution)
        return max(2, min(_LARGEST_BATCH, _BATCH_PIXELS // pixels))

    @property
    def has_others(self) -> bool:
        """Whether the dataset has a second sample of this size, with other pictures."""
        return 2 * self.num_images <= self._available

    def batches(self, others: bool = False) -> Iterator[np.ndarray]:
        """Reads this sample or the second: `(n, height, width, channels)`; UserError if bad.

        They are uint8, or float32 of 0 to 255 from data with 16 bits.
        """
        first = self.num_images if others else 0
        bad = BadRecords(self.max_bad_records)
        size = self.batch_size
        given: dict[str, Any] = {"label_size": 0, "global_batch_size": size, "bad_records": bad}
        given |= {"seed": self.seed, "images_shown": first}
        given |= {"held_out": self.held_out, "part": self.part}
        batches = iter(make_dataset(self.info, self.resolution, **given))
        convert = sampling.to_uint8 if self.info.depth == 8 else sampling.to_levels
        for start in range(0, self.num_images, size):
            with readable_data_errors():
                images, _ = next(batches)
            yield convert(images.numpy()[: self.num_images - start])
        check_bad_records(len(bad.met(first + self.num_images)), self.max_bad_records)

    def labels(self, label_size: int) -> np.ndarray:
        """Returns the labels of the sample, `(num_images, label_size)` float32, for the fakes."""
        positions = tf.range(self.num_images, dtype=tf.int64)
        part = self.seed, self.held_out, self.part
        pictures = pictures_at(positions, self.info.num_images, *part).numpy()
        return read_labels(self.info)[pictures, :label_size].astype(np.float32)


def default_num_images(info: DatasetInfo) -> int:
    """Returns 2,048, or half of the pictures if less, so that the floor gets as many."""
    return max(2, min(DEFAULT_NUM_IMAGES, info.num_images // 2))


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Metrics, and the real pictures with which they compare."""

    metrics: Sequence[Metric]
    reals: RealPictures
    # As many pictures that the run was not trained on, for metrics that compare with them.
    held_out: RealPictures | None = None
    inception: Inception | None = None  # for metrics that use it

    def num_pictures(self, generators: int, *, with_reals: bool = True) -> int:
        """Returns how many pictures are read and drawn in total, to collect the reals or not."""
        kinds = 1 if self.held_out is None else 2
        # A run's discriminator sees the reals again at each checkpoint.
        passes = generators * (1 if kinds == 1 else 3)
        passes += (kinds + self.reals.has_others) * with_reals
        return passes * self.reals.num_images


class Evaluation:
    """Scores generators. Collects the reals once; `report` is called with each batch's size."""

    def __init__(self, comparison: Comparison, report: Report | None = None) -> None:
        self._comparison, self._reals = comparison, comparison.reals
        self._metrics, self._held_out = comparison.metrics, comparison.held_out
        self._collected = self._collect(REALS, self._reals.batches(), report)
        self._collected_held_out: Sequence[Collector | None] = [None] * len(self._metrics)
        if self._held_out:
            self._collected_held_out = self._collect(HELD_OUT, self._held_out.batches(), report)
        self._floors: list[dict[str, float] | None] = [None] * len(self._metrics)
        if self._reals.has_others:
            others = self._collect(OTHER_REALS, self._reals.batches(others=True), report)
            self._floors = [*self._compare(others)]
        for index, metric in enumerate(self._metrics):
            if not metric.against_reals:
                self._floors[index] = metric.compare(None, self._collected[index])

    def score(self, generated: Generated, report: Report | None = None) -> list[Score]:
        """Scores a generator with each metric."""
        batches, said = fake_batches(generated, self._reals), None
        if self._held_out and generated.judge:
            watched = Watched(batches, generated.judge, are_real=False)
            collected = self._collect(FAKES, watched, report)
            reals = (
                Watched(one.batches(), generated.judge) for one in (self._reals, self._held_out)
            )
            said = (*(one.finish(report) for one in reals), watched.scores())
        else:
            collected = self._collect(FAKES, batches, report)
        found = self._compare(collected, said)
        info, resolution = self._reals.info, self._reals.resolution
        common: dict[str, Any] = {
            **{name: getattr(self._reals, name) for name in ("resolution", "num_images", "seed")},
            **{name: getattr(generated, name) for name in _ORIGIN},
            "data": f"{info.name}, {info.num_images} pictures{info.base.beside(resolution)}",
        }
        return [
            Score(
                metric=metric.name,
                values=values,
                floor=floor,
                **{name: getattr(metric, name) for name in ("headline", "better", "filter")},
                metric_version=metric.version,
                metric_weights_sha256=metric.weights_sha256,
                **common,
            )
            for metric, values, floor in zip(self._metrics, found, self._floors, strict=True)
        ]

    def _collect(
        self, which: int, batches: Iterable[np.ndarray], report: Report | None
    ) -> list[Collector]:
        inception = self._comparison.inception
        collectors = [metric.collect(which) for metric in self._metrics]
        for batch in batches:
            colors = in_colors(on_white(batch))
            seen = inception(colors) if inception else None
            for metric, collector in zip(self._metrics, collectors, strict=True):
                shown = batch if metric.takes_alpha else colors
                collector.add(seen if metric.inception_sha256 else shown)
            if report:
                report(len(batch))
        return collectors

    def _compare(
        self, collected: list[Collector], said: tuple[Scores, ...] | None = None
    ) -> list[dict[str, float]]:
        reals = zip(self._metrics, self._collected, self._collected_held_out, strict=True)
        against = (
            Against(ours, held_out, said) if metric.with_held_out else ours
            for metric, ours, held_out in reals
        )
        sets = zip(self._metrics, against, collected, strict=True)
        return [metric.compare(reals, ours) for metric, reals, ours in sets]


def fake_batches(generated: Generated, reals: RealPictures) -> Iterator[np.ndarray]:
    """Draws as many pictures as there are reals, of the same classes; see `draw_batches`."""
    seeds = range(reals.seed, reals.seed + reals.num_images)
    labels = reals.labels(generated.label_size)
    height, _ = reals.info.base.shape(reals.resolution)
    sizes = height, reals.batch_size, reals.info.depth
    return draw_batches(generated, seeds, labels, *sizes)


def draw_batches(
    generated: Generated,
    seeds: range,
    labels: np.ndarray,
    height: int,
    batch_size: int,
    depth: int = 8,
) -> Iterator[np.ndarray]:
    """Draws a picture per seed and row of labels, enlarged to a height: uint8, in batches.

    With a `depth` of 16 bits they are float32 of 0 to 255.
    """
    for start in range(0, len(seeds), batch_size):
        batch = slice(start, start + batch_size)
        latents = sampling.latents_from_seeds(seeds[batch], generated.latent_size)
        pictures = sampling.generate(generated.draw, latents, labels[batch], batch_size, depth)
        scale = height // pictures.shape[1]  # above 1 for earlier stages: repeats pixels
        yield pictures.repeat(scale, axis=1).repeat(scale, axis=2)


def weights_sha256(model: keras.Model) -> str:
    """Returns a checksum of a model's variables, by name, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for name, variable in sorted(named_variables(model).items()):
        value = np.ascontiguousarray(variable.numpy())
        digest.update(f"{name} {value.dtype} {value.shape}\n".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()
