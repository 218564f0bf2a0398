"""The settings of the loss, as a frozen value. No TensorFlow."""

from __future__ import annotations

import dataclasses
import math

from pgan_tf.checks import require

LOSSES = ("wgan_gp", "lsgan", "non_saturating")


@dataclasses.dataclass(frozen=True)
class LossConfig:
    """What G and D minimise; see `losses`. AC-GAN labels are Odena et al.'s (2017).

    Attributes:
        name: one of `LOSSES`.
        gradient_penalty_weight: lambda of WGAN-GP, gamma of R1.
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
        require(self.name in LOSSES, "loss", " or ".join(LOSSES), self.name)
        require(
            self.penalty_pixels in ("final", "stage"),
            "penalty_pixels",
            "final or stage",
            self.penalty_pixels,
        )
        target = self.gradient_target
        require(0 < target < math.inf, "gradient_target", "a number above 0", target)
        for name in ("gradient_penalty_weight", "drift_weight", "label_weight"):
            require(0 <= getattr(self, name) < math.inf, name, "0 or more", getattr(self, name))
