"""Published networks as Keras models, at any level of detail."""

from __future__ import annotations

import keras

from pgan_tf.networks.discriminator import build_discriminator
from pgan_tf.networks.generator import build_generator
from pgan_tf.networks.growth import named_variables, set_alpha
from pgan_tf.networks.official.names import alpha_at_lod, stage_at_lod
from pgan_tf.networks.official.networks import OfficialNetwork


def build(network: OfficialNetwork, lod: float | None = None) -> keras.Model:
    """Builds a published network with its weights, and with the alpha of a level of detail.

    Args:
        network: from `networks.read`.
        lod: the level of detail; the file's if None.

    Returns:
        See `pgan_tf.networks.generator`.
    """
    lod = network.lod if lod is None else lod
    resolution = network.config.resolution
    make = build_generator if network.kind == "generator" else build_discriminator
    model = make(stage_at_lod(lod, resolution), network.config)
    for name, variable in named_variables(model).items():
        variable.assign(network.arrays[name])
    set_alpha(model, alpha_at_lod(lod, resolution))
    return model
