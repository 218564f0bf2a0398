"""The settings of the two networks, as a frozen value. No TensorFlow."""

from __future__ import annotations

import dataclasses
import math

from pgan_tf.checks import require
from pgan_tf.per_resolution import check_resolution


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
    minibatch_discrimination: bool = False
    generator_batch_norm: bool = False
    discriminator_layer_norm: bool = False
    tanh: bool = False
    discriminator_noise: float = 0.0
    discriminator_fmap_divisor: int = 1

    def __post_init__(self) -> None:
        check_resolution(self.resolution, "resolution")
        require(self.num_channels in (1, 3), "num_channels", "1 or 3", self.num_channels)
        require(self.label_size >= 0, "label_size", "0 or more", self.label_size)
        for name in ("fmap_base", "fmap_max", "latent_size"):
            require(getattr(self, name) >= 1, name, "at least 1", getattr(self, name))
        require(0 <= self.fmap_decay <= 10, "fmap_decay", "0 to 10", self.fmap_decay)
        require(self.mbstd_group_size >= 0, "mbstd_group_size", "0 or more", self.mbstd_group_size)
        require(
            self.num_feature_maps(self.resolution) >= 1,
            "fmap_base",
            f"enough for one feature map at {self.resolution} px",
            self.fmap_base,
        )

        require(
            0 <= self.discriminator_noise < math.inf,
            "discriminator_noise",
            "0 or more",
            self.discriminator_noise,
        )
        require(
            self.discriminator_fmap_divisor >= 1,
            "discriminator_fmap_divisor",
            "at least 1",
            self.discriminator_fmap_divisor,
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
