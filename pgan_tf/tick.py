"""What happens between two lines of metrics.jsonl."""

from __future__ import annotations

import time

import numpy as np
import tensorflow as tf

from pgan_tf.schedule import Position
from pgan_tf.train_step import METRICS


class Tick:
    """Collects the steps' metrics; nothing waits for a device until the tick ends.

    Attributes:
        first_image: images shown when it began.
    """

    def __init__(
        self, first_image: int, seconds_before: float, metrics: np.ndarray | None = None
    ) -> None:
        """Begins a tick, or goes on with one.

        Args:
            first_image: images shown when it began.
            seconds_before: of training, over all parts of the run.
            metrics: `(steps, len(METRICS))` float32, of the steps done in an earlier part.
        """
        self.first_image = first_image
        self._earlier = np.zeros((0, len(METRICS)), np.float32)
        if metrics is not None and metrics.size:
            self._earlier = metrics
        self._steps: list[tf.Tensor] = []
        self._images_timed = 0
        self._seconds_before = seconds_before
        self._begin = time.monotonic()

    def add(self, metrics: tf.Tensor, images: int) -> None:
        """Takes a step's metrics, `(len(METRICS),)` float32, and how many images it took."""
        self._steps.append(metrics)
        self._images_timed += images

    def metrics(self) -> np.ndarray:
        """Returns `(steps, len(METRICS))` float32; waits for the device."""
        steps = [step.numpy() for step in self._steps]
        return np.concatenate([self._earlier, np.reshape(steps, (-1, len(METRICS)))])

    def seconds(self) -> float:
        """Seconds of training until now, over all parts of the run."""
        return self._seconds_before + time.monotonic() - self._begin

    def summary(self, position: Position, images_shown: int) -> dict[str, float | int | str]:
        """Returns what is worth a line in metrics.jsonl."""
        means = self.metrics().astype(np.float64).mean(axis=0)
        seconds = self.seconds()
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
            **{name: float(value) for name, value in zip(METRICS, means, strict=True)},
            "images_per_second": self._images_timed / (seconds - self._seconds_before),
            "seconds": seconds,
        }
