"""The settings of the two networks, as a frozen value. No TensorFlow."""

from __future__ import annotations

import dataclasses
import functools
import math

from pgan_tf.config.setting import check_settings, require, setting
from tfrecords.common.bounds import COUNTS, COUNTS_OR_NONE, RESOLUTIONS, Bounds

# Components of a vector, feature maps: memory sets a bound of its own, see `memory`.
_WIDTHS = Bounds(1, 2**20, whole=True)
CHANNELS, CLASSES = Bounds(1, 3, whole=True), Bounds(0, 10**6, whole=True)
LSGAN_NOISE = 0.2  # paper, appendix B


_setting = functools.partial(setting, group="networks")


@dataclasses.dataclass(frozen=True)
class NetworkConfig:
    """The two networks (paper, table 2)."""

    resolution: int = _setting(
        1024, "Final resolution, in pixels. Default: the data's.", RESOLUTIONS, optional=True
    )
    num_channels: int = _setting(3, "3 for RGB, 1 for gray.", CHANNELS, has_flag=False)
    label_size: int = _setting(0, "Classes; 0: no labels.", CLASSES, has_flag=False)
    latent_size: int = _setting(
        512, "Components of a latent vector. Default: fmap_max.", _WIDTHS, optional=True
    )
    fmap_base: int = _setting(
        8192,
        "Feature maps at a resolution: fmap_base divided by its pixels along a side to the power "
        "of fmap_decay, at most fmap_max.",
        COUNTS,
    )
    fmap_decay: float = _setting(1.0, "How feature maps fall with resolution.", Bounds(0, 10))
    fmap_max: int = _setting(512, "Most feature maps of a layer.", _WIDTHS)
    normalize_latents: bool = _setting(True, "Bring latents to the hypersphere (appendix A.1).")
    equalized: bool = _setting(True, "Equalized learning rate (§4.1).")
    pixel_norm: bool = _setting(True, "Pixel norm in the generator (§4.2).")
    generator_leaky_relu: bool = _setting(True, "Leaky ReLU with slope 0.2, or plain ReLU.")
    discriminator_leaky_relu: bool = _setting(True, "Leaky ReLU with slope 0.2, or plain ReLU.")
    fused_scale: bool = _setting(
        True, "One kernel of stride 2 in place of up- or downscaling and a convolution."
    )
    mbstd_group_size: int = _setting(
        4, "Examples that share one minibatch stddev (§3); 0: no such layer.", COUNTS_OR_NONE
    )
    minibatch_discrimination: bool = _setting(
        False, "Minibatch discrimination, as Salimans et al. (2016)."
    )
    generator_batch_norm: bool = _setting(
        False, "Batch normalization in the generator, as Gulrajani et al. (2017)."
    )
    discriminator_layer_norm: bool = _setting(
        False, "Layer normalization in the discriminator, as Gulrajani et al. (2017)."
    )
    tanh: bool = _setting(False, "End the generator in a tanh, or linear.")
    discriminator_noise: float = _setting(
        0.0,
        "Strength of the noise in the discriminator that follows the fakes' scores (appendix B). "
        f"Default: {LSGAN_NOISE} with --loss=lsgan, else none.",
        Bounds(0, 1000),
        optional=True,
    )
    discriminator_fmap_divisor: int = _setting(
        1, "Divides the discriminator's feature maps (appendix E: 2 and 4).", _WIDTHS
    )

    def __post_init__(self) -> None:
        check_settings(self)
        require(self.num_channels in (1, 3), "num_channels", "1 or 3", self.num_channels)
        require(
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

    def num_discriminator_maps(self, resolution: int) -> int:
        """Returns the same for the discriminator's layers: at least 1."""
        return max(1, self.num_feature_maps(resolution) // self.discriminator_fmap_divisor)
