"""The progress bar: stage, alpha, images per second, and time left."""

import time
from collections.abc import Sequence
from typing import Any

from tqdm import tqdm

from pgan_tf.config.networks import multiplications
from pgan_tf.config.schedule import Position, Stage
from pgan_tf.config.training import NetworkConfig
from tfrecords.common.text import duration_in_words

# What an iteration costs however small the pictures, relative to the 8x8 stage.
_FIXED_COST = 0.5
_BAR = "{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"
_OPTIONS: dict[str, Any] = {"unit": "img", "unit_scale": True, "dynamic_ncols": True}


class Progress:
    """Shows the progress of training.

    Later stages cost far more per image: time left counts the images to come by their stages'
    arithmetic, at the current one's speed, and as long to start each as the current one took.
    """

    def __init__(
        self, stages: tuple[Stage, ...], network: NetworkConfig, total: int, shown: int, quiet: bool
    ) -> None:
        """Draws the bar at `shown` images of `total`; nothing if `quiet`, as other workers are."""
        at_8 = Stage(0, min(8, network.resolution), "stabilize", 0, 0)
        fixed = _FIXED_COST * multiplications(at_8, network)
        self._cost = {stage: multiplications(stage, network) + fixed for stage in stages}
        self._stages, self._total_images = stages, total
        self._stage: Stage | None = None
        self._last_update, self._start_seconds = time.monotonic(), 0.0
        options = _OPTIONS | {"mininterval": 0.5, "disable": quiet}
        self._bar = tqdm(total=total, initial=shown, bar_format=_BAR, **options)
        self.close = self._bar.close

    def update(self, stage: Stage, alpha: float, images_shown: int) -> None:
        """Moves the bar."""
        now = time.monotonic()
        if stage != self._stage:
            # A stage's first call compiles: speed is measured from its end.
            self._stage, self._since, self._since_images = stage, now, images_shown
            self._start_seconds = now - self._last_update
        self._last_update = now
        fade = f" alpha {alpha:.2f}" if stage.fades_in else ""
        self._bar.set_description_str(f"{stage}{fade}", refresh=False)
        if done := images_shown - self._since_images:
            speed = done / (now - self._since)
            later = self._stages[stage.index + 1 :]
            starts = sum(one.first_image < self._total_images for one in later)
            images = self.remaining_images(stage, images_shown)
            left = duration_in_words(images / speed + starts * self._start_seconds)
            self._bar.set_postfix_str(f"{speed:.1f} img/s, {left} left", refresh=False)
        self._bar.update(min(images_shown, self._total_images) - self._bar.n)

    def remaining_images(self, current: Stage, images_shown: int) -> float:
        """Returns the images still to come, each counted by its cost in the current stage's."""
        cost = 0.0
        for stage in self._stages:
            last = self._total_images if stage is self._stages[-1] else stage.last_image
            start, end = max(stage.first_image, images_shown), min(last, self._total_images)
            cost += max(0, end - start) * self._cost[stage]
        return cost / self._cost[current]

    def print(self, line: str) -> None:
        """Prints a line above the bar."""
        if not self._bar.disable:
            self._bar.clear()
            tqdm.write(line)
            self._bar.refresh()


def describe_growth(position: Position, new: Sequence[str]) -> str:
    """Returns a line about the stage that starts, with variables of these names new in it."""
    stage = position.stage
    what = f"fades in {stage}" if stage.fades_in else f"stabilizes at {stage}"
    layers = sorted({"/".join(name.split("/")[:2]) for name in new if "average" not in name})
    added = f", new layers: {', '.join(layers)}" if layers else ""
    return f"Stage {stage.number} {what} (batch size {position.batch_size}){added}"
