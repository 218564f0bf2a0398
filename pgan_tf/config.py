"""What a run is made of: frozen values, checked once, stored as JSON. No TensorFlow.

Defaults are the paper's (appendix A) as the published implementation has them.
"""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

from pgan_tf.per_resolution import PerResolution, check_resolution
from tfrecords.errors import UserError


def _require(condition: bool, argument: str, expected: str, got: Any) -> None:
    if not condition:
        raise UserError(f"{argument}: expected {expected}, got {got!r}")


@dataclasses.dataclass(frozen=True)
class NetworkConfig:
    """The two networks (paper, table 2).

    Attributes:
        resolution: of the finished networks, in pixels.
        num_channels: of the pictures: 3 for RGB, 1 for grayscale.
        label_size: number of classes; 0 trains without labels.
        latent_size: components of a latent vector.
        fmap_base: feature maps at a resolution are fmap_base divided by its pixels
            to the power of fmap_decay (see `num_feature_maps`), at most fmap_max.
        fmap_decay: see fmap_base.
        fmap_max: most feature maps of a layer.
        normalize_latents: bring latents to the hypersphere first (paper, appendix A.1).
        equalized: equalized learning rate (§4.1).
        pixel_norm: pixelwise feature vector normalization in the generator (§4.2).
        generator_leaky_relu: leaky ReLU with slope 0.2, or plain ReLU.
        discriminator_leaky_relu: the same for the discriminator.
        fused_scale: one stride-2 kernel in place of up- or downscaling and a convolution.
        mbstd_group_size: examples that share one minibatch standard deviation (§3); 0 for none.
    """

    resolution: int = 1024
    num_channels: int = 3
    label_size: int = 0
    latent_size: int = 512
    fmap_base: int = 8192
    fmap_decay: float = 1.0
    fmap_max: int = 512
    normalize_latents: bool = True
    equalized: bool = True
    pixel_norm: bool = True
    generator_leaky_relu: bool = True
    discriminator_leaky_relu: bool = True
    fused_scale: bool = True
    mbstd_group_size: int = 4

    def __post_init__(self) -> None:
        check_resolution(self.resolution, "resolution")
        _require(self.num_channels in (1, 3), "num_channels", "1 or 3", self.num_channels)
        _require(self.label_size >= 0, "label_size", "0 or more", self.label_size)
        for name in ("fmap_base", "fmap_max", "latent_size"):
            _require(getattr(self, name) >= 1, name, "at least 1", getattr(self, name))
        _require(0 <= self.fmap_decay <= 10, "fmap_decay", "0 to 10", self.fmap_decay)
        _require(self.mbstd_group_size >= 0, "mbstd_group_size", "0 or more", self.mbstd_group_size)
        _require(
            self.num_feature_maps(self.resolution) >= 1,
            "fmap_base",
            f"enough for one feature map at {self.resolution} px",
            self.fmap_base,
        )

    def num_feature_maps(self, resolution: int) -> int:
        """Returns the feature maps of the layers at a resolution in pixels (table 2).

        2 stands for what lies below 4x4: the discriminator's hidden dense layer.
        """
        halvings = int(math.log2(resolution)) - 1
        return min(int(self.fmap_base / 2.0 ** (halvings * self.fmap_decay)), self.fmap_max)


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
    """

    resolution: int = 1024
    initial_resolution: int = 4
    stabilize_kimg: float = 600.0
    fade_in_kimg: float = 600.0
    total_kimg: float = 15000.0
    batch_size: PerResolution = PerResolution(((4, 16),))
    generator_learning_rate: PerResolution = PerResolution(((4, 0.001),))
    discriminator_learning_rate: PerResolution = PerResolution(((4, 0.001),))
    tick_kimg: PerResolution = PerResolution(
        (
            *((4, 160), (8, 140), (16, 120), (32, 100), (64, 80), (128, 60), (256, 40)),
            *((512, 20), (1024, 10)),
        )
    )

    def __post_init__(self) -> None:
        check_resolution(self.resolution, "resolution")
        check_resolution(self.initial_resolution, "initial_resolution")
        _require(
            self.initial_resolution <= self.resolution,
            "initial_resolution",
            f"at most the resolution, {self.resolution}",
            self.initial_resolution,
        )
        for name in ("stabilize_kimg", "fade_in_kimg", "total_kimg"):
            value = getattr(self, name)
            _require(
                math.isfinite(value)
                and value >= 0
                and math.isclose(value * 1000, round(value * 1000), rel_tol=1e-12),
                name,
                "a whole number of images, 0 or more (in thousands)",
                value,
            )
        _require(self.total_kimg > 0, "total_kimg", "more than 0", self.total_kimg)
        _require(
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
            _require(
                steps[0][0] <= self.initial_resolution,
                name,
                f"a value for {self.initial_resolution} px or below, the first resolution trained",
                str(getattr(self, name)),
            )
        for _, size in self.batch_size.steps:
            _require(size == int(size), "batch_size", "whole numbers", str(self.batch_size))


@dataclasses.dataclass(frozen=True)
class LossConfig:
    """WGAN-GP with drift (paper, appendix A.1) and AC-GAN labels (Odena et al., 2017).

    Attributes:
        name: `wgan_gp`.
        gradient_penalty_weight: lambda.
        gradient_target: the gradient norm gamma that the penalty pulls to (750 for CIFAR-10).
        drift_weight: epsilon_drift, on the squared scores of reals.
        label_weight: of the AC-GAN term, when there are labels.
        penalty_pixels: the gradient's norm is measured in pixels of the `final`
            resolution, as the published implementation does, or of the `stage`.
    """

    name: str = "wgan_gp"
    gradient_penalty_weight: float = 10.0
    gradient_target: float = 1.0
    drift_weight: float = 0.001
    label_weight: float = 1.0
    penalty_pixels: str = "final"

    def __post_init__(self) -> None:
        _require(self.name in ("wgan_gp",), "loss", "wgan_gp", self.name)
        _require(
            self.penalty_pixels in ("final", "stage"),
            "penalty_pixels",
            "final or stage",
            self.penalty_pixels,
        )
        target = self.gradient_target
        _require(0 < target < math.inf, "gradient_target", "a number above 0", target)
        for name in ("gradient_penalty_weight", "drift_weight", "label_weight"):
            _require(0 <= getattr(self, name) < math.inf, name, "0 or more", getattr(self, name))


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides what a run computes.

    Attributes:
        dataset: name of the data set.
        network: the two networks.
        schedule: when they grow.
        loss: what they minimise.
        adam_beta_1: decay of Adam's first moment (appendix A.1).
        adam_beta_2: decay of Adam's second moment.
        adam_epsilon: Adam's epsilon.
        average_decay: of the exponential running average of the generator's weights.
        discriminator_repeats: D steps for each G step.
        minibatch_repeats: iterations before the schedule is looked at again.
        keep_optimizer_state: carry Adam's moments into the next stage instead of a fresh start.
        mirror_augment: flip half of the real images left to right.
        precision: `float32` or `mixed_bfloat16`.
        seed: of initial weights, latents, mixing factors and data order.
    """

    dataset: str = ""
    network: NetworkConfig = NetworkConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    loss: LossConfig = LossConfig()
    adam_beta_1: float = 0.0
    adam_beta_2: float = 0.99
    adam_epsilon: float = 1e-8
    average_decay: float = 0.999
    discriminator_repeats: int = 1
    minibatch_repeats: int = 4
    keep_optimizer_state: bool = False
    mirror_augment: bool = False
    precision: str = "float32"
    seed: int = 1000

    def __post_init__(self) -> None:
        _require(
            self.network.resolution == self.schedule.resolution,
            "resolution",
            f"the schedule's, {self.schedule.resolution}",
            self.network.resolution,
        )
        for name in ("adam_beta_1", "adam_beta_2", "average_decay"):
            value = getattr(self, name)
            _require(0 <= value < 1, name, "0 or more and less than 1", value)
        _require(self.adam_epsilon > 0, "adam_epsilon", "more than 0", self.adam_epsilon)
        for name in ("discriminator_repeats", "minibatch_repeats"):
            _require(getattr(self, name) >= 1, name, "at least 1", getattr(self, name))
        _require(
            self.precision in ("float32", "mixed_bfloat16"),
            "precision",
            "float32 or mixed_bfloat16",
            self.precision,
        )
        _require(0 <= self.seed < 2**31, "seed", "0 to 2147483647", self.seed)

    def to_json(self) -> str:
        """Returns the configuration as indented JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2, default=str) + "\n"

    @classmethod
    def from_json(cls, text: str) -> TrainingConfig:
        """Reads what `to_json` wrote.

        Raises:
            UserError: it is not such a configuration.
        """
        try:
            fields = json.loads(text)
            schedule = {
                name: PerResolution(tuple((int(r), v) for r, v in value["steps"]))
                if isinstance(value, dict)
                else value
                for name, value in fields.pop("schedule").items()
            }
            return cls(
                network=NetworkConfig(**fields.pop("network")),
                schedule=ScheduleConfig(**schedule),
                loss=LossConfig(**fields.pop("loss")),
                **fields,
            )
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise UserError(f"config.json: expected a pgan-tf configuration: {error}") from None


# What may change between the parts of a run without making it another run.
CHANGEABLE = frozenset({"schedule.total_kimg", "schedule.tick_kimg", "schedule.batch_size"})


def differences(old: TrainingConfig, new: TrainingConfig) -> dict[str, tuple[Any, Any]]:
    """Returns the fields in which two configurations differ: dotted name to (old, new)."""
    return {
        name: (value, dict(_flatten(new))[name])
        for name, value in _flatten(old)
        if dict(_flatten(new))[name] != value
    }


def _flatten(config: Any, prefix: str = "") -> list[tuple[str, Any]]:
    pairs = []
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value) and not isinstance(value, PerResolution):
            pairs += _flatten(value, f"{prefix}{field.name}.")
        else:
            pairs.append((prefix + field.name, value))
    return pairs
