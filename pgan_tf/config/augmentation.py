"""What helps where pictures are few: augmentation, and pictures kept from training. No TensorFlow.

Defaults are the paper's, which has neither.
"""

import dataclasses

from pgan_tf.config.per_resolution import POSITIVE
from pgan_tf.config.setting import check_settings, require, setting
from tfrecords.common.bounds import Bounds

AUGMENTATIONS = ("none", "diffaug", "ada")
DEFAULT_HELD_OUT = 0.1  # of the pictures, where the adaptive strength needs some


@dataclasses.dataclass(frozen=True)
class AugmentConfig:
    """How all that the discriminator sees is augmented; see `training.augmentation`."""

    augment: str = setting(
        "none",
        "Augment what D sees: not, always (Zhao et al., 2020), or as D overfits (Karras et al.).",
        choices=AUGMENTATIONS,
    )
    held_out: float = setting(
        0.0,
        "Share of the pictures kept from training. Default: 0, or 0.1 for ada with wgan_gp.",
        Bounds(0, 0.5),
        optional=True,
    )
    augment_target: float = setting(
        0.6,
        "Overfitting above which ada raises its strength: 0 is none, 1 is learned by heart.",
        Bounds(0, 1),
    )
    # Karras et al. take 500, for runs of 25,000. A run of ours on few pictures lasts 50 to 200, in
    # which the critic begins to learn 100 pictures by heart after 30: 500 would come too late.
    augment_kimg: float = setting(
        100.0, "Thousands of real images in which ada's strength can go from 0 to 1.", POSITIVE
    )

    def __post_init__(self) -> None:
        check_settings(self)

    @property
    def is_adaptive(self) -> bool:
        """Whether the strength follows the discriminator's overfitting."""
        return self.augment == "ada"


def needs_held_out(augment: str, loss: str) -> bool:
    """Whether the strength follows from pictures kept from training.

    The scores of WGAN-GP have no zero to compare with: all of them drift.
    """
    return augment == "ada" and loss == "wgan_gp"


def check_held_out(config: AugmentConfig, loss: str) -> None:
    """Raises UserError if the strength follows from held-out pictures and there are none."""
    if needs_held_out(config.augment, loss):
        expected = "more than 0 with --augment=ada and --loss=wgan_gp, or no --held_out"
        require(config.held_out > 0, "held_out", expected, config.held_out)
