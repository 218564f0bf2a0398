"""The metrics of a tick: what happens between two lines of metrics.jsonl."""

import time
from typing import Any, Self

import numpy as np
import tensorflow as tf

from pgan_tf.config.schedule import Position
from pgan_tf.runs.log import METRICS


class DivergedError(Exception):
    """Too many iterations in a row were skipped."""


class Tick:
    """Collects the steps' metrics; nothing waits for a device until the tick ends."""

    def __init__(
        self,
        first_image: int,  # images shown when it started
        seconds_before: float,  # of training, over all parts of the run
        earlier: np.ndarray | None = None,  # `metrics` of an earlier part of the run
        skipped_before: int = 0,  # how many iterations were skipped last before it
    ) -> None:
        self.first_image = first_image
        none = np.zeros((0, len(METRICS)), np.float32)
        self._metrics: list[Any] = [none if earlier is None else earlier]
        self._seconds_before, self._skipped_before = seconds_before, skipped_before
        self._images_timed = 0
        self._start = self._timed_since = time.monotonic()

    def add(self, metrics: tf.Tensor, images: int, compiled: bool = False) -> None:
        """Takes a call's metrics, and how many real images it showed; compiling is not timed."""
        self._metrics.append(metrics)
        self._images_timed += images
        if compiled:
            metrics.numpy()  # waits for the device
            self._timed_since, self._images_timed = time.monotonic(), 0

    def metrics(self) -> np.ndarray:
        """Returns `(iterations, len(METRICS))` float32; waits for the device."""
        return np.concatenate(self._metrics)

    def skipped_in_a_row(self) -> list[int]:
        """Returns how many iterations in a row had been skipped: before the tick, and after each.

        One whose loss scale was just too high is not counted.
        """
        counts = [self._skipped_before]
        for iteration in self.metrics():
            if np.isnan(iteration).any():
                counts.append(counts[-1] + 1)
            elif np.isfinite(iteration).all():
                counts.append(0)
        return counts

    def check_divergence(self, max_bad_steps: int, images_shown: int) -> None:
        """Raises DivergedError if more iterations in a row were skipped."""
        if (in_a_row := max(self.skipped_in_a_row())) > max_bad_steps:
            which = f"{in_a_row} iterations in a row, up to {images_shown} images"
            raise DivergedError(f"training has diverged: {which}, had numbers that are not finite")

    def next(self, images_shown: int) -> Self:
        """Returns the tick that follows."""
        return type(self)(images_shown, self._seconds(), None, self.skipped_in_a_row()[-1])

    def _seconds(self) -> float:
        return self._seconds_before + time.monotonic() - self._start

    def summary(
        self, position: Position, shown: int, bad_records: int, loss_scales: dict[str, tf.Variable]
    ) -> dict[str, Any]:
        """Returns a line of metrics.jsonl; `loss_scales` as of `TrainingState.loss_scales`."""
        rows = self.metrics().astype(np.float64)
        good, skipped = np.isfinite(rows).all(axis=1), np.isnan(rows).any(axis=1)
        # Where all were skipped there is no mean: JSON's null.
        means = rows[good].mean(axis=0).tolist() if good.any() else [None] * len(METRICS)
        seconds, timed = self._seconds(), time.monotonic() - self._timed_since
        summary = {
            "images_shown": shown,
            "kimg": shown / 1000,
            "stage": position.stage.index,
            "resolution": position.stage.resolution,
            "phase": position.stage.phase,
            "alpha": position.alpha,
            "batch_size": position.batch_size,
            "generator_learning_rate": position.generator_learning_rate,
            "discriminator_learning_rate": position.discriminator_learning_rate,
            **dict(zip(METRICS, means, strict=True)),
            "skipped_iterations": int(skipped.sum()),
            # Null after a single call, which compiled: it can't tell the speed.
            "images_per_second": self._images_timed / timed if self._images_timed else None,
            "seconds": seconds,
            "bad_records": bad_records,
        }
        if loss_scales:
            for name in ("generator", "discriminator"):
                scale = loss_scales[f"loss_scale/{name}/scale"]
                summary[f"{name}_loss_scale"] = float(scale.numpy())
            # Skipped just because the loss scale was too high.
            summary["overflowed_iterations"] = int((~good & ~skipped).sum())
        return summary
