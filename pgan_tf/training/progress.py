"""The progress bar: stage, alpha, images per second, and an honest time left."""

import time
from collections.abc import Sequence

from tqdm import tqdm

from pgan_tf.config.networks import multiplications
from pgan_tf.config.schedule import Position, Stage
from pgan_tf.config.training import NetworkConfig
from tfrecords.common.text import duration_in_words

# An iteration costs something however small the pictures; in parts of the 8x8 stage.
_FIXED_COST = 0.5


class Progress:
    """Shows where training stands.

    Later stages cost more per image, by orders of magnitude. So time left counts the images to
    come by their stages' arithmetic, at the speed measured in the present one. To begin each
    stage (growing, compiling) is taken to last as long as it did for the present one.
    """

    def __init__(
        self,
        stages: tuple[Stage, ...],
        network: NetworkConfig,
        total_images: int,
        shown: int,
        quiet: bool = False,
    ) -> None:
        """Draws the bar at `shown` images; nothing at all if `quiet`, as another worker is."""
        fixed = _FIXED_COST * multiplications(
            Stage(0, min(8, network.resolution), "stabilize", 0, 0), network
        )
        self._cost = {stage: multiplications(stage, network) + fixed for stage in stages}
        self._stages, self._total_images = stages, total_images
        self._stage, self._begun = stages[0], False
        self._last_update, self._begin_seconds = time.monotonic(), 0.0
        self._bar = tqdm(
            total=total_images,
            initial=shown,
            unit="img",
            unit_scale=True,
            dynamic_ncols=True,
            disable=quiet,
            mininterval=0.5,
            bar_format="{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]",
        )

    def update(self, stage: Stage, alpha: float, images_shown: int) -> None:
        """Moves the bar."""
        now = time.monotonic()
        if stage != self._stage or not self._begun:
            self._begun = True
            # A stage's first call compiles: speed is measured from its end.
            self._stage, self._since, self._since_images = stage, now, images_shown
            self._begin_seconds = now - self._last_update
        self._last_update = now
        fade = f" alpha {alpha:.2f}" if stage.fades_in else ""
        self._bar.set_description_str(f"{stage}{fade}", refresh=False)
        done = images_shown - self._since_images
        if done:
            speed = done / (now - self._since)
            later = self._stages[stage.index + 1 :]
            begins = sum(one.first_image < self._total_images for one in later)
            seconds = self.remaining_images(images_shown) / speed + begins * self._begin_seconds
            left = duration_in_words(seconds)
            self._bar.set_postfix_str(f"{speed:.1f} img/s, {left} left", refresh=False)
        self._bar.update(min(images_shown, self._total_images) - self._bar.n)

    def remaining_images(self, images_shown: int) -> float:
        """Returns the images still to come, each counted by its cost in the present stage's."""
        cost = 0.0
        for stage in self._stages:
            last = self._total_images if stage is self._stages[-1] else stage.last_image
            begin, end = max(stage.first_image, images_shown), min(last, self._total_images)
            cost += max(0, end - begin) * self._cost[stage]
        return cost / self._cost[self._stage]

    def print(self, line: str) -> None:
        """Prints a line above the bar."""
        if self._bar.disable:
            return
        self._bar.clear()
        tqdm.write(line)
        self._bar.refresh()

    def close(self) -> None:
        """Leaves the bar as it stands."""
        self._bar.close()


def describe_growth(position: Position, new: Sequence[str]) -> str:
    """Returns a line about the stage that begins, with variables of these names new in it."""
    stage = position.stage
    begins = f"fades in {stage}" if stage.fades_in else f"stabilizes at {stage}"
    layers = sorted({"/".join(name.split("/")[:2]) for name in new if "average" not in name})
    added = f", new layers: {', '.join(layers)}" if layers else ""
    return f"Stage {stage.number} {begins} (batch size {position.batch_size}){added}"
