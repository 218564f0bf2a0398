"""Scores a run while it trains, at chosen ticks, and keeps the best checkpoint.

It goes only by what is in the run folder, so a run that was interrupted while scoring catches up.
"""

import dataclasses
import posixpath
from collections.abc import Callable, Sequence

import tensorflow as tf
from tqdm import tqdm

from pgan_tf.config.training import ScheduleConfig
from pgan_tf.metrics.evaluation import Evaluation, RealPictures, read_generated
from pgan_tf.metrics.inception import Inception
from pgan_tf.metrics.metric import Metric
from pgan_tf.metrics.score import Score, best_score
from pgan_tf.metrics.score_log import append_scores, draw_scores, read_scores
from pgan_tf.runs.log import RESUMES, metrics_path, read_ticks
from tfrecords.common.errors import UserError
from tfrecords.common.files import copy_file
from tfrecords.common.paths import writing

_NETWORK = "average_generator"


class _InterruptedError(Exception):
    """The run was asked to stop."""


@dataclasses.dataclass
class Scorer:
    """Scores a run's checkpoints as they are written: `training.run.AfterCheckpoint`."""

    metrics: Sequence[Metric]
    reals: RealPictures
    run_dir: str
    schedule: ScheduleConfig
    every: int  # ticks between scores; the run's last tick is scored, too
    keep_best: str | None = None  # name of the metric whose best checkpoint is kept
    inception: Inception | None = None  # for metrics that use it
    # Created when the first score is due, because it reads the reals.
    _evaluation: Evaluation | None = dataclasses.field(default=None, init=False)

    def __post_init__(self) -> None:
        names = [metric.name for metric in self.metrics]
        if self.keep_best is not None and self.keep_best not in names:
            raise UserError(
                f"--keep_best: expected one of --eval_metrics, {', '.join(names)}, got "
                f"{self.keep_best}"
            )

    def __call__(
        self,
        path: str,
        images_shown: int,
        say: Callable[[str], None],
        stop_asked: Callable[[], bool] = lambda: False,
    ) -> None:
        """Scores the newest checkpoint if due and not done. `stop_asked` can end it early."""
        if not self._is_due(images_shown):
            return
        done = {one.metric for one in self._scores() if one.images_shown == images_shown}
        missing = [metric.name for metric in self.metrics if metric.name not in done]
        if missing:
            try:
                found = self._score(path, stop_asked)
            except _InterruptedError:
                return
            scores = [score for score in found if score.metric in missing]
            with writing(metrics_path(self.run_dir), RESUMES):
                append_scores(self.run_dir, scores)
                draw_scores(self.run_dir, self.schedule)
            for score in scores:
                say(str(score))
        if self.keep_best:
            self._keep_best(path, images_shown, say)

    def _is_due(self, images_shown: int) -> bool:
        ticks = [row["images_shown"] for row in read_ticks(self.run_dir)]
        if images_shown not in ticks:  # the run stopped between two ticks
            return False
        number = ticks.index(images_shown) + 1
        return number % self.every == 0 or images_shown >= 1000 * self.schedule.total_kimg

    def _scores(self) -> list[Score]:
        """Returns the run's scores that were measured in the same way."""
        ours = {one.name: (one.version, one.inception_sha256) for one in self.metrics}
        sets = (self.reals.num_images, self.reals.seed, _NETWORK)
        return [
            one
            for one in read_scores(self.run_dir)
            if ours.get(one.metric) == (one.metric_version, one.metric_weights_sha256)
            and (one.num_images, one.seed, one.network) == sets
        ]

    def _score(self, path: str, stop_asked: Callable[[], bool]) -> list[Score]:
        # Like evaluate.py, scores the weights in the file, in float32.
        generated = read_generated(path, _NETWORK)
        sets = self.reals
        total = sets.num_images if self._evaluation else Evaluation.num_pictures(sets, 1)
        with tqdm(total=total, desc="Scoring", unit="img", dynamic_ncols=True, leave=False) as bar:

            def report(count: int) -> None:
                bar.update(count)
                if stop_asked():
                    raise _InterruptedError

            if not self._evaluation:
                self._evaluation = Evaluation(self.metrics, self.reals, report, self.inception)
            return self._evaluation.score(generated, report)

    def _keep_best(self, path: str, images_shown: int, say: Callable[[str], None]) -> None:
        scores = [score for score in self._scores() if score.images_shown <= images_shown]
        best = best_score(score for score in scores if score.metric == self.keep_best)
        folder = posixpath.dirname(path)
        kept = posixpath.join(folder, f"best-{self.keep_best}.npz")
        if best.images_shown != images_shown:
            path = posixpath.join(folder, best.checkpoint)
            if tf.io.gfile.exists(kept) or not tf.io.gfile.exists(path):
                return
        with writing(kept, RESUMES):
            copy_file(path, kept)
        say(f"The best {self.keep_best} until now: kept as {kept}")
