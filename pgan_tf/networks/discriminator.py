"""The discriminator at one stage of growth (paper, figure 2 and table 2).

The mirror image of the generator, built anew for each stage. At level r (a resolution) it has

    r px picture ─ r x r_from_rgb ─ r x r_conv0 ─ r x r_conv1 (downscales) ─ r/2 px features

While the newest level fades in, `fade` blends its features with those that the level below
makes of the averaged-down picture.
"""

from __future__ import annotations

import keras

from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig
from pgan_tf.networks.arithmetic import resolutions_above_lowest
from pgan_tf.networks.layer_maker import FADE, LayerMaker
from pgan_tf.networks.layers import MinibatchStdDev, WeightedSum


def build_discriminator(
    stage: Stage, config: NetworkConfig, *, seed: int = 0, precision: str = "float32"
) -> keras.Model:
    """Builds the discriminator of a stage, with initial weights.

    Args:
        stage: gives the resolution and whether it fades in.
        config: the networks.
        seed: a layer's initial weights depend on it and on the layer's name alone.
        precision: a Keras dtype policy, one of `config.training.PRECISIONS`.

    Returns:
        A model from pictures `(batch, resolution, resolution, num_channels)` float32 in
        [-1, 1] to `(scores, label_logits)`: `(batch,)` and `(batch, label_size)` float32,
        unbounded. The batch must be a multiple of `mbstd_group_size`, or smaller.
    """
    make = LayerMaker("discriminator", config, seed, precision)
    images = keras.Input((stage.resolution, stage.resolution, config.num_channels), name="images")

    noisy = make.score_noise()

    x = make.from_rgb(stage.resolution, images)
    for resolution in reversed(resolutions_above_lowest(stage.resolution)):
        conv0, conv1 = (f"{resolution}x{resolution}_conv{i}" for i in range(2))
        maps, maps_below = (config.num_discriminator_maps(r) for r in (resolution, resolution // 2))
        x = make.finish(conv0, make.conv(conv0, maps)(noisy(conv0, x)))
        x = noisy(conv1, x)
        if config.fused_scale:
            x = make.finish(conv1, make.conv(conv1, maps_below, resample="down")(x))
        else:
            x = make.finish(conv1, make.conv(conv1, maps_below)(x))
            x = _downsample(f"{resolution}x{resolution}_downsample", precision)(x)
        if stage.fades_in and resolution == stage.resolution:
            old = make.from_rgb(resolution // 2, _downsample("old_downsample", "float32")(images))
            x = WeightedSum(name=FADE, dtype=precision)([old, x])

    if config.mbstd_group_size:
        x = MinibatchStdDev(config.mbstd_group_size, name="4x4_mbstd", dtype=precision)(x)
    if config.minibatch_discrimination:
        x = make.minibatch_discrimination("4x4_minibatch_discrimination")(x)
    x = make.conv("4x4_conv", config.num_discriminator_maps(4))(noisy("4x4_conv", x))
    x = make.finish("4x4_conv", x)
    x = make.dense("4x4_dense0", config.num_discriminator_maps(2))(noisy("4x4_dense0", x))
    x = make.finish("4x4_dense0", x)
    # In float32 whatever the precision: losses are computed from it.
    outputs = make.dense("4x4_dense1", 1 + config.label_size, gain=1.0, dtype="float32")(x)
    return keras.Model(images, (outputs[:, 0], outputs[:, 1:]), name="discriminator")


def _downsample(name: str, precision: str) -> keras.layers.Layer:
    return keras.layers.AveragePooling2D(2, name=name, dtype=precision)
