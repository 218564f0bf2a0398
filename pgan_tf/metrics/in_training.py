"""Scores a run while it trains, at chosen ticks, and keeps the best checkpoint.

It goes only by what is in the run folder, so a run that was interrupted while scoring catches up.
"""

import dataclasses
import posixpath
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
from tqdm import tqdm

from pgan_tf.config.training import ScheduleConfig
from pgan_tf.metrics.by_name import MEMORIZATION
from pgan_tf.metrics.evaluation import Comparison, Evaluation, read_generated
from pgan_tf.metrics.memorization import before_path, describe_begin, first_by_heart
from pgan_tf.metrics.score import Score, best_score
from pgan_tf.metrics.score_log import append_scores, draw_scores, read_scores
from pgan_tf.runs.log import RESUMES, metrics_path, read_ticks
from tfrecords.common.errors import UserError
from tfrecords.common.files import copy_file
from tfrecords.common.paths import writing

_NETWORK = "average_generator"

# None: no bar where nobody looks, in logs and pipes.
_BAR: dict[str, Any] = {"unit": "img", "dynamic_ncols": True, "disable": None}


class _InterruptedError(Exception):
    """The run was asked to stop."""


@dataclasses.dataclass
class Scorer:
    """Scores a run's checkpoints as they are written: `training.run.AfterCheckpoint`."""

    comparisons: Sequence[Comparison]
    run_dir: str
    schedule: ScheduleConfig
    every: int  # ticks between scores; the run's last tick is scored, too
    keep_best: str | None = None  # name of the metric whose best checkpoint is kept
    # Created when the first score is due, because they read the reals.
    _evaluations: list[Evaluation] = dataclasses.field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        names = self._names
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
        missing = [name for name in self._names if name not in done]
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
        if MEMORIZATION in self._names:
            self._watch_memory(path, images_shown, MEMORIZATION in missing, say)
        if self.keep_best:
            self._keep_best(path, images_shown, say)

    def _is_due(self, images_shown: int) -> bool:
        ticks = [row["images_shown"] for row in read_ticks(self.run_dir)]
        if images_shown not in ticks:  # the run stopped between two ticks
            return False
        number = ticks.index(images_shown) + 1
        return number % self.every == 0 or images_shown >= 1000 * self.schedule.total_kimg

    @property
    def _names(self) -> list[str]:
        return [metric.name for one in self.comparisons for metric in one.metrics]

    def _scores(self) -> list[Score]:
        """Returns the run's scores that were measured in the same way."""
        ours = {
            metric.name: (metric.version, metric.weights_sha256, reals.num_images, reals.seed)
            for comparison, reals in ((one, one.reals) for one in self.comparisons)
            for metric in comparison.metrics
        }
        return [
            one
            for one in read_scores(self.run_dir)
            if ours.get(one.metric)
            == (one.metric_version, one.metric_weights_sha256, one.num_images, one.seed)
            and one.network == _NETWORK
        ]

    def _score(self, path: str, stop_asked: Callable[[], bool]) -> list[Score]:
        # Like evaluate.py, scores the weights in the file, in float32.
        generated = read_generated(path, _NETWORK, with_judge=MEMORIZATION in self._names)
        is_first = not self._evaluations
        total = sum(one.num_pictures(1, with_reals=is_first) for one in self.comparisons)
        with tqdm(total=total, desc="Scoring", leave=False, **_BAR) as bar:

            def report(count: int) -> None:
                bar.update(count)
                if stop_asked():
                    raise _InterruptedError

            if is_first:
                self._evaluations = [Evaluation(one, report) for one in self.comparisons]
            return [score for one in self._evaluations for score in one.score(generated, report)]

    def _watch_memory(
        self, path: str, images_shown: int, is_new: bool, say: Callable[[str], None]
    ) -> None:
        """Keeps the last checkpoint before the run learns its pictures by heart, then says so."""
        scores = [score for score in self._scores() if score.images_shown <= images_shown]
        first, kept = first_by_heart(scores), before_path(self.run_dir)
        if first is None:
            with writing(kept, RESUMES):
                copy_file(path, kept)
        elif is_new and first.images_shown == images_shown:
            say(describe_begin(first))

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
