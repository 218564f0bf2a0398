"""The settings of the two networks, as a frozen value. No TensorFlow."""

from __future__ import annotations

import dataclasses
import math

from pgan_tf.config.setting import check_settings, require, setting
from tfrecords.common.bounds import COUNTS, COUNTS_OR_NONE, RESOLUTIONS, Bounds

# Components of a vector, feature maps: memory sets a bound of its own, see `memory`.
_WIDTHS = Bounds(1, 2**20, whole=True)


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
        minibatch_discrimination: minibatch discrimination (Salimans et al., 2016) as well.
        generator_batch_norm: batch normalization in the generator, as Gulrajani et al. (2017).
        discriminator_layer_norm: layer normalization in the discriminator, as they do.
        tanh: the generator's pictures end in a tanh, or are linear.
        discriminator_noise: strength of the noise that follows the fakes' scores (appendix
            B, LSGAN: 0.2); 0 for none.
        discriminator_fmap_divisor: the discriminator has the feature maps divided by it (the
            mode test of appendix E: 2 and 4).
    """

    resolution: int = setting(1024, RESOLUTIONS)
    num_channels: int = setting(3, Bounds(1, 3, whole=True))
    label_size: int = setting(0, Bounds(0, 10**6, whole=True))
    latent_size: int = setting(512, _WIDTHS)
    fmap_base: int = setting(8192, COUNTS)
    fmap_decay: float = setting(1.0, Bounds(0, 10))
    fmap_max: int = setting(512, _WIDTHS)
    normalize_latents: bool = True
    equalized: bool = True
    pixel_norm: bool = True
    generator_leaky_relu: bool = True
    discriminator_leaky_relu: bool = True
    fused_scale: bool = True
    mbstd_group_size: int = setting(4, COUNTS_OR_NONE)
    minibatch_discrimination: bool = False
    generator_batch_norm: bool = False
    discriminator_layer_norm: bool = False
    tanh: bool = False
    discriminator_noise: float = setting(0.0, Bounds(0, 1000))
    discriminator_fmap_divisor: int = setting(1, _WIDTHS)

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
