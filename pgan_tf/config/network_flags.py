"""The flags of train.py that shape the networks."""

from __future__ import annotations

from absl import flags

from pgan_tf.config.setting_flags import define_setting
from pgan_tf.config.training import NetworkConfig

NETWORK = NetworkConfig()
LSGAN_NOISE = 0.2  # paper, appendix B

RESOLUTION = define_setting(
    NetworkConfig, "resolution", "Final resolution. Default: the data's.", default=None
)
FMAP_BASE = define_setting(NetworkConfig, "fmap_base", "Feature maps, overall.")
FMAP_MAX = define_setting(NetworkConfig, "fmap_max", "Most feature maps of a layer.")
FMAP_DECAY = define_setting(NetworkConfig, "fmap_decay", "How they fall with resolution.")
LATENT_SIZE = define_setting(
    NetworkConfig, "latent_size", "Latent components. Default: fmap_max.", default=None
)
MBSTD_GROUP_SIZE = define_setting(
    NetworkConfig, "mbstd_group_size", "Minibatch stddev group; 0: no such layer."
)
EQUALIZED = flags.DEFINE_bool("equalized", NETWORK.equalized, "Equalized learning rate.")
PIXEL_NORM = flags.DEFINE_bool("pixel_norm", NETWORK.pixel_norm, "Pixel norm in the generator.")
NORMALIZE_LATENTS = flags.DEFINE_bool(
    "normalize_latents", NETWORK.normalize_latents, "Bring latents to the hypersphere."
)
GENERATOR_LEAKY_RELU = flags.DEFINE_bool(
    "generator_leaky_relu", NETWORK.generator_leaky_relu, "Leaky ReLU, or plain ReLU."
)
DISCRIMINATOR_LEAKY_RELU = flags.DEFINE_bool(
    "discriminator_leaky_relu", NETWORK.discriminator_leaky_relu, "Leaky ReLU, or plain ReLU."
)
FUSED_SCALE = flags.DEFINE_bool("fused_scale", NETWORK.fused_scale, "Fused up- and downscaling.")

# Networks of the paper's ablation and its mode test
MINIBATCH_DISCRIMINATION = flags.DEFINE_bool(
    "minibatch_discrimination", NETWORK.minibatch_discrimination, "As Salimans et al. (2016)."
)
GENERATOR_BATCH_NORM = flags.DEFINE_bool(
    "generator_batch_norm", NETWORK.generator_batch_norm, "Batch normalization in the generator."
)
DISCRIMINATOR_LAYER_NORM = flags.DEFINE_bool(
    "discriminator_layer_norm",
    NETWORK.discriminator_layer_norm,
    "Layer normalization in the discriminator.",
)
TANH = flags.DEFINE_bool("tanh", NETWORK.tanh, "End the generator in a tanh, or linear.")
DISCRIMINATOR_NOISE = define_setting(
    NetworkConfig,
    "discriminator_noise",
    "Strength of the noise in the discriminator that follows the fakes' scores. Default: "
    f"{LSGAN_NOISE} with --loss=lsgan, else none.",
    default=None,
)
DISCRIMINATOR_FMAP_DIVISOR = define_setting(
    NetworkConfig,
    "discriminator_fmap_divisor",
    "Divides the discriminator's feature maps.",
)


def make_network_config(
    resolution: int, num_channels: int, label_size: int, loss: str
) -> NetworkConfig:
    """Turns flags, the data's properties and the loss into the networks' settings."""
    noise = DISCRIMINATOR_NOISE.value
    if noise is None:
        noise = LSGAN_NOISE if loss == "lsgan" else NETWORK.discriminator_noise
    return NetworkConfig(
        resolution=resolution,
        num_channels=num_channels,
        label_size=label_size,
        latent_size=FMAP_MAX.value if LATENT_SIZE.value is None else LATENT_SIZE.value,
        fmap_base=FMAP_BASE.value,
        fmap_decay=FMAP_DECAY.value,
        fmap_max=FMAP_MAX.value,
        normalize_latents=NORMALIZE_LATENTS.value,
        equalized=EQUALIZED.value,
        pixel_norm=PIXEL_NORM.value,
        generator_leaky_relu=GENERATOR_LEAKY_RELU.value,
        discriminator_leaky_relu=DISCRIMINATOR_LEAKY_RELU.value,
        fused_scale=FUSED_SCALE.value,
        mbstd_group_size=MBSTD_GROUP_SIZE.value,
        minibatch_discrimination=MINIBATCH_DISCRIMINATION.value,
        generator_batch_norm=GENERATOR_BATCH_NORM.value,
        discriminator_layer_norm=DISCRIMINATOR_LAYER_NORM.value,
        tanh=TANH.value,
        discriminator_noise=noise,
        discriminator_fmap_divisor=DISCRIMINATOR_FMAP_DIVISOR.value,
    )
