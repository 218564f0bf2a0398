"""What the console shows: a progress bar, and a line a tick above it or in a log file."""

import sys
import time
from collections.abc import Sequence
from typing import Any

from tqdm import tqdm

from pgan_tf.config.networks import multiplications
from pgan_tf.config.schedule import Position, Stage
from pgan_tf.config.training import NetworkConfig
from pgan_tf.runs.log import METRICS
from tfrecords.common.shape import PAPER, Base
from tfrecords.common.text import duration_in_words

# What an iteration costs however small the pictures, relative to the 8x8 stage.
_FIXED_COST = 0.5
_BAR = "{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"
_OPTIONS: dict[str, Any] = {"unit": "img", "unit_scale": True, "dynamic_ncols": True}


class Progress:
    """Shows the progress of training; a log file, which is no terminal, gets its lines alone.

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
        # To the end of the run; None until the stage has run for two calls.
        self.seconds_left: float | None = None
        self.augment_strength: float | None = None  # at the last tick, where it is adaptive
        self._last_update, self._start_seconds = time.monotonic(), 0.0
        self._quiet = quiet
        # None: no bar where nobody looks, in logs and pipes.
        options = _OPTIONS | {"mininterval": 0.5, "disable": quiet or None}
        self._bar = tqdm(total=total, initial=shown, bar_format=_BAR, **options)
        self.close = self._bar.close

    def update(self, stage: Stage, alpha: float, images_shown: int) -> None:
        """Moves the bar."""
        now = time.monotonic()
        if stage != self._stage:
            # A stage's first call compiles: speed is measured from its end.
            self._stage, self._since, self._since_images = stage, now, images_shown
            self._start_seconds = now - self._last_update
            self.seconds_left = None
        self._last_update = now
        fade = f" alpha {alpha:.2f}" if stage.fades_in else ""
        self._bar.set_description_str(f"{stage}{fade}", refresh=False)
        if done := images_shown - self._since_images:
            speed = done / (now - self._since)
            later = self._stages[stage.index + 1 :]
            starts = sum(one.first_image < self._total_images for one in later)
            images = self.remaining_images(stage, images_shown)
            self.seconds_left = images / speed + starts * self._start_seconds
            left = duration_in_words(self.seconds_left)
            strength = self.augment_strength
            augment = "" if strength is None else f", augment {strength:.2f}"
            self._bar.set_postfix_str(f"{speed:.1f} img/s, {left} left{augment}", refresh=False)
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
        if not self._quiet:
            self._bar.clear()
            tqdm.write(line)
            sys.stdout.flush()  # or a log file would show it much later
            self._bar.refresh()


def describe_growth(position: Position, new: Sequence[str], base: Base = PAPER) -> str:
    """Returns a line about the stage that starts, with variables of these names new in it."""
    stage = position.stage
    pictures = f"{stage}{base.beside(stage.resolution)}"
    what = f"fades in {pictures}" if stage.fades_in else f"stabilizes at {pictures}"
    layers = sorted({"/".join(name.split("/")[:2]) for name in new if "average" not in name})
    added = f", new layers: {', '.join(layers)}" if layers else ""
    return f"Stage {stage.number} {what} (batch size {position.batch_size}){added}"


def describe_tick(summary: dict[str, Any], seconds_left: float | None) -> str:
    """Returns a line about a tick, of `Tick.summary`; it lines up with the others of a run.

    `D` and `G` are the losses of discriminator and generator. It fits a terminal of 80 columns.
    """
    resolution, fades_in = summary["resolution"], summary["phase"] == "fade_in"
    stage = f"{resolution // 2}→{resolution} px" if fades_in else f"{resolution} px"
    losses = [_column(summary[name], 8, ".3f") for name in METRICS[:2]]
    speed = _column(summary["images_per_second"], 7, ".1f")
    left = "-" if seconds_left is None else duration_in_words(seconds_left)
    position = f"{summary['kimg']:8.2f} kimg  {stage:<11}"
    return f"{position}  D {losses[0]}  G {losses[1]} {speed} img/s  {left:>8} left"


def _column(value: float | None, width: int, form: str) -> str:
    """Returns a number of a fixed width: one too large for it in powers of ten, none as a dash."""
    text = "-" if value is None else f"{value:{form}}"
    return f"{text if len(text) <= width else f'{value:.1e}':>{width}}"
