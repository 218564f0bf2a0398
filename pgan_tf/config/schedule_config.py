"""The settings of growth: when, and what changes with the resolution. No TensorFlow."""

from __future__ import annotations

import dataclasses
import math

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.setting import check_settings, require, setting
from tfrecords.common.bounds import RESOLUTIONS, Bounds

_KIMG = Bounds(0, 10**9)
_RATES = Bounds(0, 1000, above=True)
BATCH_SIZES = Bounds(1, 2**20, whole=True)


@dataclasses.dataclass(frozen=True)
class ScheduleConfig:
    """When the networks grow, and what is set by resolution (paper, appendix A.1).

    Attributes:
        resolution: the last one, in pixels.
        initial_resolution: the first one, in pixels.
        stabilize_kimg: thousands of real images shown at a resolution after its fade-in.
        fade_in_kimg: thousands of real images over which a new layer pair fades in.
        total_kimg: thousands of real images after which training ends.
        batch_size: real images in a D step, over all devices.
        generator_learning_rate: Adam's.
        discriminator_learning_rate: Adam's.
        tick_kimg: thousands of real images between two reports.
        rampup_kimg: thousands of real images over which the learning rates rise to those.
    """

    resolution: int = setting(1024, RESOLUTIONS)
    initial_resolution: int = setting(4, RESOLUTIONS)
    stabilize_kimg: float = setting(600.0, _KIMG)
    fade_in_kimg: float = setting(600.0, _KIMG)
    total_kimg: float = setting(15000.0, Bounds(0, _KIMG.upper, above=True))
    batch_size: PerResolution = setting(PerResolution(((4, 16),)), BATCH_SIZES)
    generator_learning_rate: PerResolution = setting(PerResolution(((4, 0.001),)), _RATES)
    discriminator_learning_rate: PerResolution = setting(PerResolution(((4, 0.001),)), _RATES)
    tick_kimg: PerResolution = setting(
        PerResolution(
            (
                *((4, 160), (8, 140), (16, 120), (32, 100), (64, 80), (128, 60), (256, 40)),
                *((512, 20), (1024, 10)),
            )
        ),
        Bounds(0.001, _KIMG.upper),
    )
    rampup_kimg: float = setting(0.0, _KIMG)

    def __post_init__(self) -> None:
        check_settings(self)
        require(
            self.initial_resolution <= self.resolution,
            "initial_resolution",
            f"at most the resolution, {self.resolution}",
            self.initial_resolution,
        )
        for name in ("stabilize_kimg", "fade_in_kimg", "total_kimg", "rampup_kimg"):
            value = getattr(self, name)
            require(
                math.isclose(value * 1000, round(value * 1000), rel_tol=1e-12),
                name,
                "a whole number of images, 0 or more (in thousands)",
                value,
            )
        require(
            self.stabilize_kimg + self.fade_in_kimg > 0
            or self.initial_resolution == self.resolution,
            "stabilize_kimg",
            "more than 0 when the networks grow (or initial_resolution equal to resolution)",
            self.stabilize_kimg,
        )
        for name in (
            "batch_size",
            "generator_learning_rate",
            "discriminator_learning_rate",
            "tick_kimg",
        ):
            steps = getattr(self, name).steps
            require(
                steps[0][0] <= self.initial_resolution,
                name,
                f"a value for {self.initial_resolution} px or below, the first resolution trained",
                str(getattr(self, name)),
            )
