"""The generator at one stage of growth (paper, figure 2 and table 2).

It is built anew for each stage. Weights move to the next stage and into checkpoints by layer name.
Each resolution r has these layers:

    r/2 px features ─ r x r_conv0 (upscales) ─ r x r_conv1 ─ r px features ─ r x r_to_rgb

While the newest resolution fades in, `fade` blends its picture with an upsampled one from below.
"""

from typing import Any

import keras

from pgan_tf.config.networks import NetworkConfig, resolutions_above_lowest
from pgan_tf.config.schedule import Stage
from pgan_tf.networks.layer_maker import LayerMaker, upsample
from pgan_tf.networks.layers import FADE, HE_GAIN, PixelNorm, WeightedSum


def build_generator(
    stage: Stage, config: NetworkConfig, *, seed: int = 0, precision: str = "float32"
) -> keras.Model:
    """Builds the generator of a stage, with initial weights.

    It maps `[latents, labels]`, `(batch, latent_size)` and `(batch, label_size)` float32, to
    pictures `(batch, height, width, num_channels)` float32, about in [-1, 1] (linear and not
    clipped, unless `config.tanh`); `config.base` says how high and wide. Without classes, labels
    have width 0. A layer's initial weights depend only on the seed and its name. `precision` is one
    of `PRECISIONS`.
    """
    make = LayerMaker("generator", config, seed, precision)
    latents = keras.Input((config.latent_size,), name="latents")
    labels = keras.Input((config.label_size,), name="labels")

    x = keras.layers.Concatenate(name="latents_and_labels")([latents, labels])
    if config.normalize_latents:
        x = PixelNorm(name="normalized_latents", dtype=precision)(x)
    # A quarter of the usual gain: "Conv 4x4" in table 2 has 16 times this layer's fan-in. The same
    # for other bases: outputs are normalized pixel by pixel.
    maps = config.num_feature_maps(4)
    x = make.finish(
        "4x4_dense", make.dense("4x4_dense", (*config.base.shape(4), maps), gain=HE_GAIN / 4)(x)
    )
    x = make.block("4x4_conv", x, maps)

    below = x
    for resolution in resolutions_above_lowest(stage.resolution):
        below, maps = x, config.num_feature_maps(resolution)
        x = make.block(f"{resolution}x{resolution}_conv0", x, maps, resample="up")
        x = make.block(f"{resolution}x{resolution}_conv1", x, maps)

    images = _to_rgb(make, stage.resolution, x)
    if stage.fades_in:
        old = upsample("old_upsample")(_to_rgb(make, stage.resolution // 2, below))
        images = WeightedSum(name=FADE, dtype="float32")([old, images])
    if config.tanh:
        images = keras.layers.Activation("tanh", name="tanh", dtype="float32")(images)
    return keras.Model([latents, labels], images, name="generator")


def _to_rgb(make: LayerMaker, resolution: int, x: Any) -> Any:
    """A linear 1x1 convolution, in float32 so that pictures keep 8 bits of precision."""
    name, channels = f"{resolution}x{resolution}_to_rgb", make.config.num_channels
    return make.conv(name, channels, kernel_size=1, gain=1.0, dtype="float32")(x)
