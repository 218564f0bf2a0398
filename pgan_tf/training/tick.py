"""What happens between two lines of metrics.jsonl."""

import time
from typing import Any

import numpy as np
import tensorflow as tf

from pgan_tf.config.schedule import Position
from pgan_tf.runs.log import METRICS


class Tick:
    """Collects the steps' metrics; nothing waits for a device until the tick ends."""

    def __init__(
        self,
        first_image: int,
        seconds_before: float,
        metrics: np.ndarray | None = None,
        skipped_before: int = 0,
    ) -> None:
        """Begins a tick, or goes on with one.

        Args:
            first_image: images shown when it began.
            seconds_before: of training, over all parts of the run.
            metrics: those of an earlier part of the run, as `metrics` returns them.
            skipped_before: how many iterations were skipped last before it.
        """
        self.first_image = first_image
        self._earlier = np.zeros((0, len(METRICS)), np.float32) if metrics is None else metrics
        self._steps: list[tf.Tensor] = []
        self._seconds_before, self._skipped_before = seconds_before, skipped_before
        self._images_timed = 0
        self._begin = self._timed_since = time.monotonic()

    def add(self, metrics: tf.Tensor, images: int, compiled: bool = False) -> None:
        """Takes what a call of the step returns, and how many real images it has shown.

        Where it compiled first, speed is measured from its end, as `progress` does; growing, which
        goes before, does not count either.
        """
        self._steps.append(metrics)
        if compiled:
            metrics.numpy()  # waits for the device
            self._timed_since, self._images_timed = time.monotonic(), 0
        else:
            self._images_timed += images

    def metrics(self) -> np.ndarray:
        """Returns `(iterations, len(METRICS))` float32; waits for the device."""
        return np.concatenate([self._earlier, *(step.numpy() for step in self._steps)])

    def most_skipped_in_a_row(self) -> int:
        """Returns the length of the longest row of skipped iterations."""
        return max(self._rows_of_skipped())

    def skipped_at_end(self) -> int:
        """Returns how many iterations were skipped last, 0 if the last one was good."""
        return self._rows_of_skipped()[-1]

    def _rows_of_skipped(self) -> list[int]:
        rows = [self._skipped_before]
        for iteration in self.metrics():
            if np.isnan(iteration).any():
                rows.append(rows[-1] + 1)
            elif np.isfinite(iteration).all():
                rows.append(0)
            # One whose loss scale was just too high says nothing about the run.
        return rows

    def overflowed_iterations(self) -> int:
        """Returns how many iterations were skipped just because the loss scale was too high."""
        metrics = self.metrics()
        return int(np.sum(np.isinf(metrics).any(axis=1) & ~np.isnan(metrics).any(axis=1)))

    def describe_loss_scales(self, scales: dict[str, tf.Variable]) -> dict[str, float | int]:
        """Returns what metrics.jsonl tells of `TrainingState.loss_scales`; nothing without."""
        if not scales:
            return {}
        described = {
            f"{name}_loss_scale": float(scales[f"loss_scale/{name}/scale"].numpy())
            for name in ("generator", "discriminator")
        }
        return described | {"overflowed_iterations": self.overflowed_iterations()}

    def seconds(self) -> float:
        """Returns seconds of training until now, over all parts of the run."""
        return self._seconds_before + time.monotonic() - self._begin

    def summary(self, position: Position, images_shown: int) -> dict[str, Any]:
        """Returns what is worth a line in metrics.jsonl."""
        rows = self.metrics().astype(np.float64)
        good = np.isfinite(rows).all(axis=1)
        # Where all were skipped there is no mean to tell: JSON's null.
        means = rows[good].mean(axis=0).tolist() if good.any() else [None] * len(METRICS)
        seconds, timed = self.seconds(), time.monotonic() - self._timed_since
        return {
            "images_shown": images_shown,
            "kimg": images_shown / 1000,
            "stage": position.stage.index,
            "resolution": position.stage.resolution,
            "phase": position.stage.phase,
            "alpha": position.alpha,
            "batch_size": position.batch_size,
            "generator_learning_rate": position.generator_learning_rate,
            "discriminator_learning_rate": position.discriminator_learning_rate,
            **dict(zip(METRICS, means, strict=True)),
            "skipped_iterations": int(np.sum(np.isnan(rows).any(axis=1))),
            # Only a call that compiled may be there, which can't tell the speed.
            "images_per_second": self._images_timed / timed if self._images_timed else None,
            "seconds": seconds,
        }
