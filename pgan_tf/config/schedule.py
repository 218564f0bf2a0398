"""Where training stands after so many real images, the only clock (paper, §2, appendix A.1).

The arithmetic equals the published implementation's, whose level of detail is
`log2(final resolution / resolution) + 1 - alpha`. No TensorFlow.
"""

import dataclasses
import math
from typing import Literal

from pgan_tf.config.per_resolution import POSITIVE, PerResolution
from pgan_tf.config.setting import check_settings, require, setting
from tfrecords.common.bounds import RESOLUTIONS, Bounds

_KIMG = Bounds(0, 10**9)
_RATES, _RATE = Bounds(0, 1000, above=True), PerResolution(((4, 0.001),))
_TICKS = PerResolution.parse("4:160,8:140,16:120,32:100,64:80,128:60,256:40,512:20,1024:10", "")
BATCH_SIZES = Bounds(1, 2**20, whole=True)
BATCH_SIZES_OR_NONE = Bounds(0, BATCH_SIZES.upper, whole=True)


@dataclasses.dataclass(frozen=True)
class ScheduleConfig:
    """When the networks grow, and what is set by resolution (paper, appendix A.1)."""

    resolution: int = setting(1024, "The last one, in pixels.", RESOLUTIONS, has_flag=False)
    initial_resolution: int = setting(
        4, "First resolution, in pixels. Default: 4, or --init_from's.", RESOLUTIONS, optional=True
    )
    stabilize_kimg: float = setting(
        600.0, "Thousands of real images to stabilize each resolution after its fade-in.", _KIMG
    )
    fade_in_kimg: float = setting(600.0, "Thousands of real images of each fade-in.", _KIMG)
    total_kimg: float = setting(
        15000.0, "Thousands of real images in total; may change when a run resumes.", POSITIVE
    )
    batch_size: PerResolution = setting(
        PerResolution(((4, 16),)),
        "Real images per D step over all devices: 16, or by resolution 4:128,8:64.",
        BATCH_SIZES,
    )
    generator_learning_rate: PerResolution = setting(
        _RATE,
        "Learning rate: 0.001, or by resolution 4:0.001,1024:0.0015.",
        _RATES,
        name="learning_rate",
    )
    discriminator_learning_rate: PerResolution = setting(
        _RATE,
        "Learning rate of the discriminator. Default: --learning_rate.",
        _RATES,
        optional=True,
    )
    tick_kimg: PerResolution = setting(
        _TICKS,
        "Thousands of real images per tick: a line of metrics and a checkpoint.",
        Bounds(0.001, _KIMG.upper),
    )
    rampup_kimg: float = setting(
        0.0, "Thousands of real images over which the learning rates ramp up.", _KIMG
    )
    rampdown_kimg: float = setting(
        0.0, "Last thousands of real images, over which the learning rates fall to zero.", _KIMG
    )
    micro_batch: PerResolution = setting(
        PerResolution(((4, 0),)),
        "Real images that a device works on at once, adding up gradients: the same run in less "
        "memory; one or by resolution; 0: its whole batch.",
        BATCH_SIZES_OR_NONE,
    )

    def __post_init__(self) -> None:
        check_settings(self)
        first = self.initial_resolution
        expected = f"at most the resolution, {self.resolution}"
        require(first <= self.resolution, "initial_resolution", expected, first)
        for name in (
            "stabilize_kimg",
            "fade_in_kimg",
            "total_kimg",
            "rampup_kimg",
            "rampdown_kimg",
        ):
            value = getattr(self, name)
            is_whole = math.isclose(value * 1000, round(value * 1000), rel_tol=1e-12)
            require(is_whole, name, "a whole number of images, 0 or more (in thousands)", value)
        grows_in_time = self.stabilize_kimg + self.fade_in_kimg > 0 or first == self.resolution
        expected = "more than 0 when the networks grow (or initial_resolution equal to resolution)"
        require(grows_in_time, "stabilize_kimg", expected, self.stabilize_kimg)
        expected = f"a value for {first} px or below, the first resolution trained"
        for name, values in vars(self).items():
            if isinstance(values, PerResolution):
                require(values.steps[0][0] <= first, name, expected, str(values))

    def images_at_once(self, resolution: int, num_replicas: int) -> int:
        """Real images whose activations a device keeps: a part of its batch, or all of it."""
        each = int(self.batch_size.at(resolution)) // num_replicas
        return int(self.micro_batch.at(resolution)) or each


@dataclasses.dataclass(frozen=True)
class Stage:
    """A part of training, from `first_image` to `last_image` shown, of networks of one shape.

    (A fade-in starts one image late and ends one early: there it would equal its neighbors.)
    """

    index: int  # from 0; messages show `number`
    resolution: int  # of the networks' pictures, in pixels
    phase: Literal["fade_in", "stabilize"]  # whether the newest layer pair is blended in
    first_image: int
    last_image: int

    @property
    def number(self) -> int:
        """The same from 1, for messages."""
        return self.index + 1

    @property
    def fades_in(self) -> bool:
        """Whether the networks blend two resolutions."""
        return self.phase == "fade_in"

    def alpha(self, images_shown: int) -> float:
        """How far the new layers have faded in: 0 not at all, 1 fully."""
        if not self.fades_in:
            return 1.0
        start, end = self.first_image - 1, self.last_image + 1
        return (images_shown - start) / (end - start)

    def __str__(self) -> str:
        if self.fades_in:
            return f"{self.resolution // 2}→{self.resolution} px"
        return f"{self.resolution} px"


def make_stages(config: ScheduleConfig) -> tuple[Stage, ...]:
    """Returns the stages in order, 2N - 1 for N resolutions; the last lasts until `total_kimg`."""
    lengths = config.stabilize_kimg, config.fade_in_kimg, config.total_kimg
    stabilize_images, fade_in_images, total_images = (round(kimg * 1000) for kimg in lengths)
    stages: list[Stage] = []

    def add(phase: Literal["fade_in", "stabilize"], first: int, last: int) -> None:
        if first <= last:
            stages.append(Stage(len(stages), resolution, phase, first, last))

    resolution, start = config.initial_resolution, 0
    while resolution < config.resolution:
        end = start + stabilize_images
        # Without a fade-in the next resolution starts right at the end.
        add("stabilize", start, end if fade_in_images else end - 1)
        resolution, start = resolution * 2, end + fade_in_images
        add("fade_in", end + 1, start - 1)
    add("stabilize", start, max(start, total_images))
    return tuple(stages)


def stage_at(stages: tuple[Stage, ...], images_shown: int) -> Stage:
    """Returns the stage after so many images; the last one never ends."""
    return next((stage for stage in stages if images_shown <= stage.last_image), stages[-1])


def describe_end(config: ScheduleConfig) -> str | None:
    """Returns a line about a run that is too short for all stages; None where it is not."""
    stages, total_images = make_stages(config), round(config.total_kimg * 1000)
    if total_images > (first := stages[-1].first_image):
        return None
    stage = stage_at(stages, total_images - 1)
    fading = f", at alpha {stage.alpha(total_images):.2f}" if stage.fades_in else ""
    last = f"stage {stage.number} of {len(stages)} ({stage}{fading})"
    end = f"{config.total_kimg:g} kimg end in {last}"
    needed = f"{config.resolution} px are reached after {first / 1000:g} kimg"
    remedy = "give a larger --total_kimg, or shorter --stabilize_kimg and --fade_in_kimg"
    return f"Too short for {config.resolution} px: {end}; {needed}: {remedy}"


@dataclasses.dataclass(frozen=True)
class Position:
    """What the next iteration is trained with."""

    stage: Stage
    alpha: float  # how far its new layers have faded in, 0 to 1
    batch_size: int  # real images in a D step, over all devices
    generator_learning_rate: float
    discriminator_learning_rate: float
    tick_images: int  # between two reports


def position_at(config: ScheduleConfig, stages: tuple[Stage, ...], images_shown: int) -> Position:
    """Returns the settings after so many images."""
    stage = stage_at(stages, images_shown)
    resolution = stage.resolution
    ramp = learning_rate_rampup(config, images_shown) * learning_rate_rampdown(config, images_shown)
    return Position(
        stage=stage,
        alpha=stage.alpha(images_shown),
        batch_size=int(config.batch_size.at(resolution)),
        generator_learning_rate=ramp * config.generator_learning_rate.at(resolution),
        discriminator_learning_rate=ramp * config.discriminator_learning_rate.at(resolution),
        tick_images=round(config.tick_kimg.at(resolution) * 1000),
    )


def learning_rate_rampup(config: ScheduleConfig, images_shown: int) -> float:
    """Returns exp(-5 (1 - t)²), t from 0 to 1: the ramp of Laine and Aila (2017), for CIFAR-10."""
    if images_shown >= (rampup_images := config.rampup_kimg * 1000):
        return 1.0
    return math.exp(-5.0 * (1.0 - images_shown / rampup_images) ** 2)


def learning_rate_rampdown(config: ScheduleConfig, images_shown: int) -> float:
    """Returns the share of the learning rates that is left: linear to 0 at `total_kimg`."""
    images_left = max(0.0, config.total_kimg * 1000 - images_shown)
    rampdown_images = config.rampdown_kimg * 1000
    return images_left / rampdown_images if images_left < rampdown_images else 1.0
