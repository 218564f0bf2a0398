"""Where training stands after so many images: stage, alpha, batch size, learning rates.

The number of real images shown is the only clock; everything here is derived
from it. Pure Python. Paper, §2 and appendix A.1; the arithmetic equals the
published implementation's, whose level of detail is
`log2(final resolution / resolution) + 1 - alpha`.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

from pgan_tf.config.training import ScheduleConfig


@dataclasses.dataclass(frozen=True)
class Stage:
    """One part of training during which the networks keep their shape.

    Attributes:
        index: 0 for the first; people see `number`.
        resolution: of the networks' pictures, in pixels.
        phase: `fade_in` while the newest layer pair is blended in, else `stabilize`.
        first_image: the images shown at which the stage begins.
        last_image: the last value of images shown that still belongs to it. (A fade-in
            begins one image late and ends one early: at both ends it would
            equal its neighbours.)
    """

    index: int
    resolution: int
    phase: Literal["fade_in", "stabilize"]
    first_image: int
    last_image: int

    @property
    def number(self) -> int:
        """What people call the stage: 1 for the first."""
        return self.index + 1

    @property
    def fades_in(self) -> bool:
        """Whether the networks blend two resolutions."""
        return self.phase == "fade_in"

    def alpha(self, images_shown: int) -> float:
        """Returns how far the new layers have faded in: 0 not at all, 1 fully."""
        if not self.fades_in:
            return 1.0
        begin, end = self.first_image - 1, self.last_image + 1
        return (images_shown - begin) / (end - begin)

    def __str__(self) -> str:
        if self.fades_in:
            return f"{self.resolution // 2}→{self.resolution} px"
        return f"{self.resolution} px"


def make_stages(config: ScheduleConfig) -> tuple[Stage, ...]:
    """Returns the stages of a run in order: 2N - 1 for N resolutions.

    The last one lasts until `total_kimg`; a run that is too short for
    all of them ends in an earlier one.
    """
    stabilize_images = round(config.stabilize_kimg * 1000)
    fade_in_images = round(config.fade_in_kimg * 1000)
    total_images = round(config.total_kimg * 1000)
    stages: list[Stage] = []

    def add(resolution: int, phase: Literal["fade_in", "stabilize"], first: int, last: int) -> None:
        if first <= last:
            stages.append(Stage(len(stages), resolution, phase, first, last))

    resolution = config.initial_resolution
    begin = 0
    while resolution < config.resolution:
        end = begin + stabilize_images
        # Without a fade-in the next resolution begins right at the end.
        add(resolution, "stabilize", begin, end if fade_in_images else end - 1)
        resolution *= 2
        begin = end + fade_in_images
        add(resolution, "fade_in", end + 1, begin - 1)
    add(resolution, "stabilize", begin, max(begin, total_images))
    return tuple(stages)


def stage_at(stages: tuple[Stage, ...], images_shown: int) -> Stage:
    """Returns the stage that holds after so many images; the last one never ends."""
    return next((stage for stage in stages if images_shown <= stage.last_image), stages[-1])


def describe_end(config: ScheduleConfig) -> str | None:
    """Returns a line about a run that is too short for all stages; None where it is not."""
    stages = make_stages(config)
    total_images = round(config.total_kimg * 1000)
    if total_images > stages[-1].first_image:
        return None
    stage = stage_at(stages, total_images - 1)
    fading = f", at alpha {stage.alpha(total_images):.2f}" if stage.fades_in else ""
    return (
        f"Too short for {config.resolution} px: {config.total_kimg:g} kimg end in stage "
        f"{stage.number} of {len(stages)} ({stage}{fading}); {config.resolution} px are reached "
        f"after {stages[-1].first_image / 1000:g} kimg: give --total_kimg=MORE, or shorter "
        f"--stabilize_kimg and --fade_in_kimg"
    )


@dataclasses.dataclass(frozen=True)
class Position:
    """What the next iteration is trained with.

    Attributes:
        stage: the stage.
        alpha: how far its new layers have faded in, 0 to 1.
        batch_size: real images in a D step, over all devices.
        generator_learning_rate: Adam's.
        discriminator_learning_rate: Adam's.
        tick_images: images between two reports.
    """

    stage: Stage
    alpha: float
    batch_size: int
    generator_learning_rate: float
    discriminator_learning_rate: float
    tick_images: int


def position_at(config: ScheduleConfig, stages: tuple[Stage, ...], images_shown: int) -> Position:
    """Returns what holds after so many images."""
    stage = stage_at(stages, images_shown)
    rampup = learning_rate_rampup(config, images_shown)
    return Position(
        stage=stage,
        alpha=stage.alpha(images_shown),
        batch_size=int(config.batch_size.at(stage.resolution)),
        generator_learning_rate=rampup * config.generator_learning_rate.at(stage.resolution),
        discriminator_learning_rate=rampup
        * config.discriminator_learning_rate.at(stage.resolution),
        tick_images=round(config.tick_kimg.at(stage.resolution) * 1000),
    )


def learning_rate_rampup(config: ScheduleConfig, images_shown: int) -> float:
    """Returns what the learning rates are multiplied by: exp(-5 (1 - t)²), t from 0 to 1.

    The ramp of Laine and Aila (2017), which the CIFAR-10 configuration uses.
    """
    rampup_images = config.rampup_kimg * 1000
    if images_shown >= rampup_images:
        return 1.0
    return math.exp(-5.0 * (1.0 - images_shown / rampup_images) ** 2)
