"""The settings of the loss, as a frozen value. No TensorFlow."""

from __future__ import annotations

import dataclasses

from pgan_tf.config.setting import check_settings, setting
from tfrecords.common.bounds import Bounds

LOSSES = ("wgan_gp", "lsgan", "non_saturating")
_WEIGHTS = Bounds(0, 10**9)


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

    name: str = setting("wgan_gp", choices=LOSSES, name="loss")
    gradient_penalty_weight: float = setting(10.0, _WEIGHTS)
    gradient_target: float = setting(1.0, Bounds(0, 10**9, above=True))
    drift_weight: float = setting(0.001, _WEIGHTS)
    label_weight: float = setting(1.0, _WEIGHTS)
    penalty_pixels: str = setting("final", choices=("final", "stage"))

    def __post_init__(self) -> None:
        check_settings(self)
