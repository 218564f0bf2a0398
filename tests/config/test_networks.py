"""Feature maps, and the table of layers, held to the networks themselves."""

import dataclasses

import pytest

from pgan_tf.config.networks import (
    NetworkConfig,
    discriminator_layers,
    frozen_layers,
    generator_layers,
    multiplications,
    parameters,
    winograd_pays,
)
from pgan_tf.config.schedule import Stage
from tfrecords.common.errors import UserError


def test_feature_maps_are_those_of_table_2_and_its_formula():
    config = NetworkConfig()
    maps = [config.num_feature_maps(4 * 2**i) for i in range(9)]
    assert maps == [512, 512, 512, 512, 256, 128, 64, 32, 16]
    # min(int(fmap_base / 2 ** ((log2(resolution) - 1) * fmap_decay)), fmap_max), as published
    config = NetworkConfig(resolution=32, fmap_base=100, fmap_decay=0.5, fmap_max=60)
    assert [config.num_feature_maps(2 * 2**i) for i in range(5)] == [60, 60, 50, 35, 25]


def test_the_least_feature_maps_that_suffice_are_accepted():
    config = NetworkConfig(resolution=64, fmap_base=32, discriminator_fmap_divisor=4)
    assert config.num_feature_maps(64) == config.num_discriminator_maps(64) == 1
    crippled = NetworkConfig(discriminator_fmap_divisor=4)  # appendix E
    assert crippled.num_discriminator_maps(64) == crippled.num_feature_maps(64) / 4
    with pytest.raises(UserError, match=r"^fmap_base: "):
        NetworkConfig(resolution=64, fmap_base=31)


TABLE_2 = {4: 512, 8: 512, 16: 512, 32: 512, 64: 256, 128: 128, 256: 64, 512: 32, 1024: 16}


def test_the_layers_are_those_of_table_2():
    stage, config = Stage(16, 1024, "stabilize", 0, 1), NetworkConfig()
    generator = {
        "4x4_dense": (512, 16 * 512),
        "4x4_conv": (3, 3, 512, 512),
        "1024x1024_to_rgb": (1, 1, 16, 3),
    }
    discriminator = {
        "1024x1024_from_rgb": (1, 1, 3, 16),
        "4x4_conv": (3, 3, 513, 512),  # one more: the minibatch deviation
        "4x4_dense0": (16 * 512, 512),
        "4x4_dense1": (512, 1),
    }
    for resolution in list(TABLE_2)[1:]:
        below, maps = TABLE_2[resolution // 2], TABLE_2[resolution]
        first, second = (f"{resolution}x{resolution}_conv{i}" for i in range(2))
        generator |= {first: (3, 3, maps, below), second: (3, 3, maps, maps)}  # transposed: out, in
        discriminator |= {first: (3, 3, maps, maps), second: (3, 3, maps, below)}
    expected = {generator_layers: generator, discriminator_layers: discriminator}
    for layers_of, kernels in expected.items():
        assert {layer.name: layer.kernel for layer in layers_of(stage, config)} == kernels
    assert [round(count / 1e6, 1) for count in parameters(stage, config)] == [23.1, 23.1]


def test_frozen_blocks_are_counted_from_the_resolution_that_was_pretrained():
    """Of networks of 16 px that grow to 32 px."""
    stage, config = Stage(1, 32, "fade_in", 1, 2), NetworkConfig(resolution=32)
    sixteen = {"16x16_from_rgb", "16x16_conv0", "16x16_conv1"}
    both = {*sixteen, "8x8_conv0", "8x8_conv1"}
    assert [{*frozen_layers(stage, config, 16, n)} for n in range(3)] == [set(), sixteen, both]


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
