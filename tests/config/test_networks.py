"""Feature maps, and the table of layers, held to the networks themselves."""

import dataclasses

import pytest

from pgan_tf.config.networks import (
    NetworkConfig,
    discriminator_layers,
    generator_layers,
    multiplications,
    parameters,
    winograd_pays,
)
from pgan_tf.config.schedule import Stage
from pgan_tf.networks.discriminator import build_discriminator
from pgan_tf.networks.generator import build_generator
from pgan_tf.networks.growth import named_variables
from tfrecords.common.errors import UserError

# min(int(fmap_base / 2 ** ((log2(resolution) - 1) * fmap_decay)), fmap_max), as published
SLOW = {"resolution": 32, "fmap_base": 100, "fmap_decay": 0.5, "fmap_max": 60}


@pytest.mark.parametrize(
    ("options", "lowest", "maps"),
    [
        ({}, 4, [512, 512, 512, 512, 256, 128, 64, 32, 16]),  # table 2
        (SLOW, 2, [60, 60, 50, 35, 25]),
    ],
)
def test_feature_maps_are_those_of_table_2_and_its_formula(options, lowest, maps):
    config = NetworkConfig(**options)
    assert [config.num_feature_maps(lowest * 2**i) for i in range(len(maps))] == maps


@pytest.mark.parametrize("resolution", [4, 64, 1024])
def test_the_least_feature_maps_that_suffice_are_accepted(resolution):
    config = NetworkConfig(resolution=resolution, fmap_base=resolution // 2)
    assert config.num_feature_maps(resolution) == 1
    crippled = dataclasses.replace(config, discriminator_fmap_divisor=4)
    assert crippled.num_discriminator_maps(resolution) == 1
    with pytest.raises(UserError, match=r"^fmap_base: "):
        NetworkConfig(resolution=resolution, fmap_base=resolution // 2 - 1)


SMALL = {"resolution": 16, "fmap_base": 64, "fmap_max": 12, "latent_size": 9}
STAGES = (Stage(0, 4, "stabilize", 0, 1), Stage(1, 8, "fade_in", 0, 1))
FINAL = Stage(4, 16, "stabilize", 0, 1)


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
def test_names_and_shapes_are_the_networks(options):
    config = NetworkConfig(**SMALL | options)
    for stage in (*STAGES, FINAL):
        models = build_generator(stage, config), build_discriminator(stage, config)
        tables = generator_layers(stage, config), discriminator_layers(stage, config)
        for model, layers in zip(models, tables, strict=True):
            found = {f"{one.name}/{name}": shape for one in layers for name, shape in one.variables}
            expected = {name: tuple(one.shape) for name, one in named_variables(model).items()}
            assert found == expected
            assert sum(layer.values for layer in layers) == sum(
                variable.numpy().size for variable in named_variables(model).values()
            )
            for layer in layers:
                if layer.kernel and not config.tanh:
                    outputs = model.get_layer(layer.name).output.shape
                    assert outputs[-1] == layer.shape[-1] and outputs[1] in (*layer.shape, None)
        trained = (sum(one.numpy().size for one in model.trainable_variables) for model in models)
        assert parameters(stage, config) == tuple(trained)


def test_outputs_and_multiplications_are_those_of_table_2():
    # At 8 px: pixels, times 9 taps, times maps in and out; resampling takes 16 taps of the lower.
    config = NetworkConfig(resolution=8, fmap_base=64, fmap_max=16)
    layers = discriminator_layers(Stage(2, 8, "stabilize", 0, 1), config)
    found = {layer.name: (layer.outputs, layer.multiplications) for layer in layers}
    assert found == {
        "8x8_from_rgb": (64 * 16, 64 * 3 * 16),
        "8x8_conv0": (64 * 16, 64 * 9 * 16 * 16),
        "8x8_conv1": (16 * 16, 64 * 9 * 16 * 16),
        "4x4_conv": (16 * 16, 16 * 9 * 17 * 16),
        "4x4_dense0": (16, 16 * 16 * 16),
        "4x4_dense1": (1, 16),
    }
    least = {layer.name: layer.least_multiplications for layer in layers}
    assert least.pop("8x8_conv1") == 16 * 16 * 16 * 16
    assert least == {name: found[name][1] for name in least}
    stage = Stage(2, 8, "stabilize", 0, 1)
    both = [*layers, *generator_layers(stage, config)]
    assert multiplications(stage, config) == sum(layer.multiplications for layer in both)
    separate = dataclasses.replace(config, fused_scale=False)
    for table, beside in ((generator_layers, 64 * 16), (discriminator_layers, 16 * 16)):
        (layer,) = (one for one in table(stage, separate) if one.resample)
        assert layer.outputs == 64 * 16 + beside


# What was measured, see docs/performance.md.
@pytest.mark.parametrize(
    ("maps", "side", "resamples", "bfloat16", "pays"),
    [
        *((127, 8, False, False, False), (128, 8, False, False, True)),
        *((255, 8, True, False, False), (256, 64, True, False, True)),
        *((255, 64, False, True, False), (256, 64, False, True, True)),
        *((256, 8, True, True, True), (512, 16, True, True, False)),
    ],
)
def test_winograd_pays_where_there_are_many_maps(maps, side, resamples, bfloat16, pays):
    options = {"resamples": resamples, "bfloat16": bfloat16}
    assert winograd_pays((3, 3, maps, 512), side, **options) == pays
    assert winograd_pays((3, 3, 512, maps), side, **options) == pays
    assert not winograd_pays((1, 1, maps, 512), side, **options)
