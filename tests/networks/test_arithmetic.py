"""The arithmetic of layers, held to the networks themselves."""

import pytest

from pgan_tf.config.networks import discriminator_layers, generator_layers
from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig
from pgan_tf.networks.discriminator import build_discriminator
from pgan_tf.networks.generator import build_generator
from pgan_tf.networks.growth import named_variables

SMALL = {"resolution": 16, "fmap_base": 64, "fmap_max": 12, "latent_size": 9}
STAGES = [
    Stage(0, 4, "stabilize", 0, 1),
    Stage(1, 8, "fade_in", 0, 1),
    Stage(4, 16, "stabilize", 0, 1),
]


@pytest.mark.parametrize("stage", STAGES, ids=str)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"fused_scale": False, "label_size": 5, "num_channels": 1},
        {"minibatch_discrimination": True, "discriminator_fmap_divisor": 2},
        {"minibatch_discrimination": True, "mbstd_group_size": 0, "tanh": True},
        {"generator_batch_norm": True, "discriminator_layer_norm": True, "pixel_norm": False},
        {"discriminator_noise": 0.2, "fmap_decay": 1.5},
    ],
    ids=str,
)
def test_names_and_shapes_are_the_networks(stage, options):
    config = NetworkConfig(**SMALL | options)
    for build, shapes in (
        (build_generator, generator_layers),
        (build_discriminator, discriminator_layers),
    ):
        model = build(stage, config)
        found = {
            f"{layer.name}/{name}": shape
            for layer in shapes(stage, config)
            for name, shape in layer.variables
        }
        expected = {name: tuple(one.shape) for name, one in named_variables(model).items()}
        assert found == expected
        assert sum(layer.parameters for layer in shapes(stage, config)) == sum(
            one.numpy().size for one in model.trainable_variables
        )


def test_outputs_are_those_of_table_2():
    """The discriminator's feature maps of 8 px: 8² from RGB, 8² conv0, 4² conv1, and below."""
    config = NetworkConfig(resolution=8, fmap_base=64, fmap_max=16)
    outputs = {
        layer.name: layer.outputs
        for layer in discriminator_layers(Stage(2, 8, "stabilize", 0, 1), config)
    }
    assert outputs == {
        "8x8_from_rgb": 64 * 16,
        "8x8_conv0": 64 * 16,
        "8x8_conv1": 16 * 16,
        "4x4_conv": 16 * 16,
        "4x4_dense0": 16,
        "4x4_dense1": 1,
    }
