"""The settings of the loss, as a frozen value. No TensorFlow."""

from __future__ import annotations

import dataclasses
import functools

from pgan_tf.config.setting import check_settings, setting
from tfrecords.common.bounds import Bounds

LOSSES = ("wgan_gp", "lsgan", "non_saturating")
_WEIGHTS = Bounds(0, 10**9)


_setting = functools.partial(setting, group="loss")


@dataclasses.dataclass(frozen=True)
class LossConfig:
    """What G and D minimize; see `training.losses`. AC-GAN labels are Odena et al.'s (2017)."""

    name: str = _setting("wgan_gp", "Loss.", choices=LOSSES, name="loss")
    gradient_penalty_weight: float = _setting(
        10.0, "Lambda of WGAN-GP; of non_saturating R1's gamma.", _WEIGHTS
    )
    gradient_target: float = _setting(
        1.0,
        "Gradient norm that the penalty pulls to; 750 for CIFAR-10.",
        Bounds(0, 10**9, above=True),
    )
    drift_weight: float = _setting(0.001, "On the squared scores of reals.", _WEIGHTS)
    label_weight: float = _setting(1.0, "Of the AC-GAN term, with labels.", _WEIGHTS)
    penalty_pixels: str = _setting(
        "final",
        "Measure the gradient's norm in pixels of the final resolution, as published, or of the "
        "stage.",
        choices=("final", "stage"),
    )

    def __post_init__(self) -> None:
        check_settings(self)
