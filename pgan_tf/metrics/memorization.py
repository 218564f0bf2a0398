"""Does a run learn its pictures by heart? Three values that tell, and the line that says so.

The other metrics compare with the pictures that the run was trained on, where a generator that
repeats these scores best. This one asks with as many held-out pictures, which training never saw:

- `r_v = (D(training) - D(held out)) / (D(training) - D(fakes))`, of the discriminator's mean scores
  (Karras et al., 2020, equation 1). At 0, held-out pictures score as training pictures do; at 1
  they pass for fakes. It needs no fixed scale, so it suits the drifting scores of WGAN-GP, too.
- `nearer_to_training`: the share of fakes that are nearer, pixel by pixel, to one of the training
  pictures than to one of the held-out ones. 0.5 is no memory.
- `heldout_swd`: the sliced Wasserstein distance to the held-out pictures.
"""

import dataclasses
import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from pgan_tf.data.reals import fade_reals, to_float
from pgan_tf.metrics.by_name import MEMORIZATION
from pgan_tf.metrics.metric import REALS, Against, Collector, Metric
from pgan_tf.metrics.score import Score, comparable_scores
from pgan_tf.metrics.sliced_wasserstein import make_swd
from pgan_tf.networks.sampling import average_down
from pgan_tf.runs.checkpoint import Checkpoint
from pgan_tf.runs.folder import checkpoint_folder
from pgan_tf.runs.trained import load_discriminator
from tfrecords.common.shape import PAPER, Base

# A run begins to learn its pictures by heart. Of a run with 100 emoji (32 px) and no augmentation,
# r_v was 0.59, 0.79, 0.91, 0.95 and 1.00 after 32, 72, 112, 152 and 180 thousand images, and 54,
# 66, 75, 80 and 79% of its samples were nearer to training pictures: up to 0.6 they can hardly be
# told from those of a run that remembers nothing, and at 0.8 two of three are copies or like them.
THRESHOLD = 0.8
_SIDE = 32  # at which pixels are compared: larger pictures are averaged down to it
_FAKES_AT_A_TIME = 256

# From `(n, height, width, channels)` uint8 pictures, and whether they are real, to scores `(n,)`.
Judge = Callable[[np.ndarray, bool], np.ndarray]


class Scores(NamedTuple):
    """What the discriminator said of a set of pictures."""

    mean: float
    error: float  # standard error of the mean


def make_judge(saved: Checkpoint) -> Judge:
    """Returns a checkpoint's discriminator. It sees pictures as in training, without augmentation.

    They may be larger than its stage's: it averages them down. Where examples are grouped for their
    standard deviation, it leaves out those that would be left over: `n` may be less.
    """
    model = load_discriminator(saved)
    network = saved.config.network
    height, group = network.base.shape(saved.stage.resolution)[0], max(1, network.mbstd_group_size)
    score = tf.function(lambda images: model(images)[0], reduce_retracing=True)

    def judge(pictures: np.ndarray, are_real: bool) -> np.ndarray:
        if len(pictures) > group:
            pictures = pictures[: len(pictures) // group * group]
        images = to_float(tf.constant(average_down(pictures, height)))
        if are_real and saved.stage.fades_in:  # the generator fades its pictures itself
            images = fade_reals(images, saved.alpha)
        return score(images).numpy()

    return judge


class Watched:
    """Passes batches on to whoever collects them, and keeps what the discriminator says of them."""

    def __init__(
        self, batches: Iterable[np.ndarray], judge: Judge, *, are_real: bool = True
    ) -> None:
        self._batches, self._judge, self._are_real = batches, judge, are_real
        self._scores: list[np.ndarray] = []

    def __iter__(self) -> Iterator[np.ndarray]:
        for batch in self._batches:
            self._scores.append(self._judge(batch, self._are_real))
            yield batch

    def finish(self, report: Callable[[int], object] | None) -> Scores:
        """Lets the discriminator see all batches, for its scores only; tells their sizes."""
        for batch in self:
            if report:
                report(len(batch))
        return self.scores()

    def scores(self) -> Scores:
        """Returns the scores of all batches that were passed on."""
        scores = np.concatenate(self._scores).astype(np.float64)
        return Scores(float(scores.mean()), float(scores.std() / len(scores) ** 0.5))


def relative_score(training: Scores, held_out: Scores, fakes: Scores) -> float:
    """Returns r_v. NaN if the discriminator does not tell training pictures from fakes.

    That is: if it does not score them higher by more than two standard errors.
    """
    between = training.mean - fakes.mean
    if not between > 2 * (training.error**2 + fakes.error**2) ** 0.5:
        return float("nan")
    return (training.mean - held_out.mean) / between


@dataclasses.dataclass
class MemoryCollector:
    """Keeps pictures of at most 32 px, and adds them to the collector of SWD, if there is one."""

    pyramids: Collector | None
    height: int  # of the pictures that it keeps
    _batches: list[np.ndarray] = dataclasses.field(default_factory=list)

    def add(self, batch: np.ndarray) -> None:
        """Adds `(n, height, width, channels)` uint8 pictures."""
        small = average_down(batch, self.height) - np.float32(127.5)
        self._batches.append(small.reshape(len(batch), -1))
        if self.pyramids:
            self.pyramids.add(batch)

    @property
    def pictures(self) -> np.ndarray:
        """All pictures, `(n, size)` float32, -127.5 to 127.5."""
        return np.concatenate(self._batches)


def share_nearer(fakes: np.ndarray, training: np.ndarray, held_out: np.ndarray) -> float:
    """Returns the share of `(n, size)` fakes nearer to training pictures; ties count half."""
    # |a - b|² without |a|², which is the same for both sets.
    squares = [np.einsum("ij,ij->i", one, one) for one in (training, held_out)]
    nearer = 0.0
    for first in range(0, len(fakes), _FAKES_AT_A_TIME):
        some = fakes[first : first + _FAKES_AT_A_TIME]
        ours, others = (
            (square - 2 * (some @ one.T)).min(axis=1)
            for one, square in zip((training, held_out), squares, strict=True)
        )
        nearer += float((ours < others).sum() + (ours == others).sum() / 2)
    return nearer / len(fakes)


def make_memorization(
    num_images: int, resolution: int, num_channels: int, seed: int, base: Base = PAPER
) -> Metric:
    """Returns the metric `memorization`."""
    swd = make_swd(num_images, resolution, num_channels, seed, base)
    height, _ = base.shape(min(_SIDE, resolution))

    def collect(which: int) -> MemoryCollector:
        return MemoryCollector(None if which == REALS else swd.collect(which), height)

    def compare(against: Against, fakes: MemoryCollector) -> dict[str, float]:
        pictures = (fakes.pictures, against.reals.pictures, against.held_out.pictures)
        pyramids = against.held_out.pyramids, fakes.pyramids
        return {
            # Other training pictures, as fakes, are the floor: a run that remembers nothing has 0.
            "r_v": relative_score(*against.scores) if against.scores else 0.0,
            "nearer_to_training": share_nearer(*pictures),
            "heldout_swd": swd.compare(*pyramids)["swd"],
        }

    words = f"box average to {min(_SIDE, resolution)} px, {swd.filter}"
    return Metric(
        *(MEMORIZATION, collect, compare, "r_v", "lower", words),
        with_held_out=True,
        takes_alpha=True,
    )


def first_by_heart(scores: Sequence[Score]) -> Score | None:
    """Returns a run's first score of at least `THRESHOLD`, if there is one."""
    ours = comparable_scores(scores, MEMORIZATION)
    return next((score for score in ours if score.value >= THRESHOLD), None)


def describe_begin(first: Score) -> str:
    """Returns a line for the console: since when a run learns its pictures, and what to do."""
    return (
        f"From {first.kimg:g} kimg on the run learns its pictures by heart (r_v {first.value:.2f}, "
        f"docs/metrics.md): stop here, or train with --augment=ada or more pictures"
    )


def before_path(run_dir: str) -> str:
    """Returns where the last scored checkpoint before `first_by_heart` is kept."""
    return posixpath.join(checkpoint_folder(run_dir), "before-memorization.npz")
