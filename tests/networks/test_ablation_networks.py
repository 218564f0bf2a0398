"""The networks of the rows of table 1 that are not the paper's final ones."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig
from pgan_tf.networks.discriminator import build_discriminator
from pgan_tf.networks.generator import build_generator
from pgan_tf.networks.growth import carry_weights, named_variables
from pgan_tf.networks.layers import ScoreNoise

PLAIN = NetworkConfig(
    *(16, 3, 0, 8, 64, 1.0, 8),
    equalized=False,
    pixel_norm=False,
    generator_leaky_relu=False,
    mbstd_group_size=0,
)
STAGE, FADING = Stage(0, 16, "stabilize", 0, 1), Stage(1, 16, "fade_in", 0, 1)
# Of the discriminator, all layers but the first and the last one.
INNER = {*("16x16_conv0", "16x16_conv1", "8x8_conv0", "8x8_conv1", "4x4_conv", "4x4_dense0")}


def with_options(**options):
    return dataclasses.replace(PLAIN, **options)


def latents(batch=4):
    latents = np.random.default_rng(0).normal(size=(batch, 8)).astype(np.float32)
    return [latents, np.zeros((batch, 0), np.float32)]


def images(batch=4):
    return np.random.default_rng(1).uniform(-1, 1, (batch, 16, 16, 3)).astype(np.float32)


def normalized(model, kind):
    """The names of the layers that a normalization follows."""
    return {one.name.rsplit("_", 2)[0] for one in model.layers if isinstance(one, kind)}


def test_batch_normalization_follows_every_layer_of_the_generator_but_the_last():
    generator = build_generator(STAGE, with_options(generator_batch_norm=True))
    expected = INNER - {"4x4_dense0"} | {"4x4_dense"}
    assert normalized(generator, keras.layers.BatchNormalization) == expected
    # Over the batch, in training.
    layer = generator.get_layer("8x8_conv1_batch_norm")
    probe = keras.Model(generator.inputs, layer.output)
    values = probe(latents(64), training=True).numpy()
    np.testing.assert_allclose(values.mean(axis=(0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(values.std(axis=(0, 1, 2)), 1, atol=0.05)


def test_statistics_move_on_into_the_next_stage():
    config = with_options(generator_batch_norm=True)
    small = build_generator(Stage(0, 8, "stabilize", 0, 1), config)
    small(latents(), training=True)
    before, after = named_variables(small), named_variables(build_generator(FADING, config))
    carry_weights(before, after)
    for name in ("8x8_conv1_batch_norm/moving_mean", "8x8_conv1_batch_norm/moving_variance"):
        np.testing.assert_array_equal(after[name], before[name])
        assert not np.isin(before[name], (0.0, 1.0)).all()


def test_layer_normalization_is_over_all_features_of_an_example():
    discriminator = build_discriminator(STAGE, with_options(discriminator_layer_norm=True))
    assert normalized(discriminator, keras.layers.LayerNormalization) == INNER
    output = discriminator.get_layer("8x8_conv0_layer_norm").output
    values = keras.Model(discriminator.inputs[0], output)(images()).numpy()
    np.testing.assert_allclose(values.mean(axis=(1, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(values.std(axis=(1, 2, 3)), 1, atol=0.05)
    alone = [discriminator(images()[i : i + 1])[0].numpy()[0] for i in range(4)]
    np.testing.assert_allclose(discriminator(images())[0], alone, atol=1e-5)


def test_tanh_bounds_the_pictures():
    plain, bounded = (
        build_generator(STAGE, with_options(tanh=tanh), seed=1) for tanh in (False, True)
    )
    inputs = [30 * latents()[0], latents()[1]]
    np.testing.assert_allclose(bounded(inputs), np.tanh(plain(inputs)), atol=1e-6)


@pytest.mark.parametrize("divisor", [2, 4])
def test_a_crippled_discriminator_has_a_fraction_of_the_feature_maps(divisor):
    config = with_options(discriminator_fmap_divisor=divisor)
    full, crippled = (build_discriminator(STAGE, one) for one in (PLAIN, config))
    for layer in {"16x16_from_rgb", *INNER}:
        maps = [model.get_layer(layer).bias.shape[0] for model in (full, crippled)]
        assert maps[1] == maps[0] // divisor
    generators = [build_generator(STAGE, one).count_params() for one in (PLAIN, config)]
    assert generators[0] == generators[1]


def test_minibatch_discrimination_stands_where_the_standard_deviation_would():
    discriminator = build_discriminator(STAGE, with_options(minibatch_discrimination=True))
    names = [layer.name for layer in discriminator.layers]
    place = names.index("4x4_minibatch_discrimination")
    assert names[place + 1] == "4x4_conv"
    assert discriminator.get_layer("4x4_conv").kernel.shape[2] == 8 + 100


def test_noise_is_on_the_input_of_each_3x3_and_4x4_convolution_of_the_discriminator(monkeypatch):
    # Paper, appendix B; not of the 1x1 convolutions and the last, dense layer of table 2.
    made_by_noise = []

    def call(layer, *inputs, **options):
        made_by_noise.append(keras.layers.Layer.__call__(layer, *inputs, **options))
        return made_by_noise[-1]

    with monkeypatch.context() as patch:
        patch.setattr(ScoreNoise, "__call__", call)
        discriminator = build_discriminator(FADING, with_options(discriminator_noise=0.2))
    quiet = discriminator(images())[0].numpy()
    np.testing.assert_array_equal(quiet, build_discriminator(FADING, PLAIN)(images())[0])
    fed_by_noise = {
        layer.name
        for layer in discriminator.layers
        for tensor in tf.nest.flatten(layer.input)
        if any(tensor is one for one in made_by_noise)
    }
    assert fed_by_noise == INNER and len(made_by_noise) == 6
    discriminator.get_layer("score_noise").score_average.assign(1.5)
    assert not (discriminator(images())[0].numpy() == quiet).any()
