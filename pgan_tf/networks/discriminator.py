"""The discriminator at one stage of growth (paper, figure 2 and table 2).

The mirror image of the generator. Each resolution r has these layers:

    r px picture ─ r x r_from_rgb ─ r x r_conv0 ─ r x r_conv1 (downscales) ─ r/2 px features

While the newest resolution fades in, `fade` blends its features with the downsampled picture's.
"""

import zlib
from typing import Any

import keras

from pgan_tf.config.networks import NetworkConfig, resolutions_above_lowest
from pgan_tf.config.schedule import Stage
from pgan_tf.networks import layers
from pgan_tf.networks.layer_maker import LayerMaker, downsample


def build_discriminator(
    stage: Stage, config: NetworkConfig, *, seed: int = 0, precision: str = "float32"
) -> keras.Model:
    """Builds the discriminator of a stage, with initial weights; see `build_generator`.

    It maps pictures `(batch, height, width, num_channels)` float32 in [-1, 1] to
    `(scores, label_logits)`: `(batch,)` and `(batch, label_size)` float32, unbounded. The batch
    size must be a multiple of `mbstd_group_size`, or smaller than it.
    """
    make = LayerMaker("discriminator", config, seed, precision)
    maps = config.num_discriminator_maps
    noise = layers.ScoreNoise(config.discriminator_noise, name=layers.NOISE, dtype=precision)

    def noisy(name: str, x: Any) -> Any:
        return noise(x, place=zlib.crc32(name.encode())) if config.discriminator_noise else x

    images = keras.Input((*config.base.shape(stage.resolution), config.num_channels), name="images")
    x = _from_rgb(make, stage.resolution, images)
    for resolution in reversed(resolutions_above_lowest(stage.resolution)):
        conv0, conv1 = (f"{resolution}x{resolution}_conv{i}" for i in range(2))
        x = make.block(conv0, noisy(conv0, x), maps(resolution))
        x = make.block(conv1, noisy(conv1, x), maps(resolution // 2), resample="down")
        if stage.fades_in and resolution == stage.resolution:
            old = _from_rgb(make, resolution // 2, downsample("old_downsample")(images))
            x = layers.WeightedSum(name=layers.FADE, dtype=precision)([old, x])

    if config.mbstd_group_size:
        x = layers.MinibatchStdDev(config.mbstd_group_size, name="4x4_mbstd", dtype=precision)(x)
    if config.minibatch_discrimination:  # row (e*) of table 1
        name = "4x4_minibatch_discrimination"
        x = layers.MinibatchDiscrimination(name=name, seed=make.seed_of(name), dtype=precision)(x)
    x = make.block("4x4_conv", noisy("4x4_conv", x), maps(4))
    x = make.finish("4x4_dense0", make.dense("4x4_dense0", maps(2))(noisy("4x4_dense0", x)))
    # Always float32, since losses are computed from it.
    outputs = make.dense("4x4_dense1", 1 + config.label_size, gain=1.0, dtype="float32")(x)
    return keras.Model(images, (outputs[:, 0], outputs[:, 1:]), name="discriminator")


def _from_rgb(make: LayerMaker, resolution: int, images: Any) -> Any:
    """A 1x1 convolution of pictures. As published, no normalization follows it."""
    name = f"{resolution}x{resolution}_from_rgb"
    maps = make.config.num_discriminator_maps(resolution)
    return make.rectify(name, make.conv(name, maps, kernel_size=1)(images))
