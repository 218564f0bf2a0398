"""Generator and discriminator: the paper's layers, growth without a jump, names."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config.networks import discriminator_layers, generator_layers, parameters
from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig
from pgan_tf.networks.discriminator import build_discriminator
from pgan_tf.networks.generator import build_generator
from pgan_tf.networks.growth import carry_weights, named_variables, set_alpha
from pgan_tf.networks.layers import ScoreNoise
from pgan_tf.networks.sampling import one_hot_labels
from tests.helpers.random_arrays import normal

SMALL = NetworkConfig(resolution=16, latent_size=6, fmap_base=64, fmap_max=12)
WITH_LABELS = dataclasses.replace(SMALL, label_size=3)
PLAIN = ("normalize_latents", "equalized", "pixel_norm")
PLAIN += ("generator_leaky_relu", "discriminator_leaky_relu")
VARIANTS = {
    "default": SMALL,
    "labels and gray": dataclasses.replace(WITH_LABELS, num_channels=1),
    "separate scaling": dataclasses.replace(SMALL, fused_scale=False),
    "no minibatch deviation": dataclasses.replace(SMALL, mbstd_group_size=0),
    "ablated": dataclasses.replace(SMALL, **dict.fromkeys(PLAIN, False)),
}
BOTH = (build_generator, build_discriminator)


def stabilize(resolution):
    return Stage(0, resolution, "stabilize", 0, 99)


def fade_in(resolution):
    return Stage(1, resolution, "fade_in", 100, 199)


def inputs(config):
    return [normal(4, config.latent_size), one_hot_labels(range(4), config.label_size)]


def enlarge(images):
    return images.repeat(2, axis=1).repeat(2, axis=2)


def assert_close(got, expected):
    for ours, theirs in zip(tf.nest.flatten(got), tf.nest.flatten(expected), strict=True):
        scale = max(1.0, np.abs(theirs).max(initial=0))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * scale)


# Growth is smooth (§2, figure 2)


@pytest.mark.parametrize("resolution", [8, 16])
@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_a_fade_starts_as_the_stage_before_and_ends_as_the_stage_after(config, resolution):
    small = normal(4, resolution // 2, resolution // 2, config.num_channels)
    for build, before_inputs, fade_inputs in (
        (build_generator, inputs(config), inputs(config)),
        (build_discriminator, small, enlarge(small)),
    ):
        stages = stabilize(resolution // 2), fade_in(resolution), stabilize(resolution)
        before, fading, after = (build(one, config, seed=i) for i, one in enumerate(stages))
        for number, variable in enumerate(before.trainable_variables):
            variable.assign(normal(*variable.shape, seed=number))  # biases, too
        carry_weights(named_variables(before), named_variables(fading))
        carry_weights(named_variables(fading), named_variables(after))
        expected, outputs = before(before_inputs), {}
        for alpha in (0.0, 0.5, 1.0):
            set_alpha(fading, alpha)
            outputs[alpha] = fading(fade_inputs)
        assert_close(outputs[1.0], after(fade_inputs))
        if build is build_discriminator:
            assert_close(outputs[0.0], expected)
        else:
            np.testing.assert_array_equal(outputs[0.0], enlarge(expected.numpy()))
            assert_close(outputs[0.5], (outputs[0.0] + outputs[1.0]) / 2)
            assert expected.numpy().std() > 0.1
            assert np.abs(outputs[1.0] - outputs[0.0]).max() > 0.1


# Layers


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"fused_scale": False, "label_size": 5, "num_channels": 1},
        {"minibatch_discrimination": True, "discriminator_fmap_divisor": 2},
        {"minibatch_discrimination": True, "mbstd_group_size": 0, "tanh": True},
        {"generator_batch_norm": True, "discriminator_layer_norm": True, "pixel_norm": False},
        {"discriminator_noise": 0.2, "fmap_decay": 1.5},
        {"base_width": 3, "base_height": 2, "minibatch_discrimination": True},
    ],
    ids=str,
)
def test_names_and_shapes_are_those_of_the_table_of_layers(options):
    config = dataclasses.replace(SMALL, **options)
    for stage in (stabilize(4), fade_in(8)):
        models = [build(stage, config) for build in BOTH]
        tables = generator_layers(stage, config), discriminator_layers(stage, config)
        for model, layers in zip(models, tables, strict=True):
            found = {f"{one.name}/{name}": shape for one in layers for name, shape in one.variables}
            variables = named_variables(model).items()
            assert found == {name: tuple(one.shape) for name, one in variables}
            assert sum(layer.values for layer in layers) == sum(map(math.prod, found.values()))
        trained = (sum(math.prod(one.shape) for one in m.trainable_variables) for m in models)
        assert parameters(stage, config) == tuple(trained)


# Initial weights


def test_initial_weights_follow_from_the_seed_and_the_layers_name_alone():
    for build in BOTH:
        known = {}
        for stage in (stabilize(4), fade_in(8), fade_in(16)):
            for name, variable in named_variables(build(stage, SMALL, seed=3)).items():
                np.testing.assert_array_equal(variable, known.setdefault(name, variable.numpy()))
        for name, variable in named_variables(build(stabilize(16), SMALL, seed=4)).items():
            assert np.array_equal(variable, known[name]) == name.endswith("/bias")  # zeros
    models = [named_variables(build(fade_in(16), SMALL)) for build in BOTH]
    kernels = [one for model in models for name, one in model.items() if "kernel" in name]
    assert len({tuple(kernel.numpy().flat[:4]) for kernel in kernels}) == len(kernels) == 17


# Noise (appendix B)


def test_noise_is_on_the_input_of_each_3x3_and_4x4_convolution_of_the_discriminator(monkeypatch):
    # Not of the 1x1 convolutions and the last, dense layer of table 2.
    places = []
    monkeypatch.setattr(ScoreNoise, "call", lambda self, x, place: places.append(place) or x)
    noisy = dataclasses.replace(SMALL, discriminator_noise=0.2)
    discriminator = build_discriminator(fade_in(16), noisy)
    fed_by_noise = [
        layer.name
        for layer in discriminator.layers
        for tensor in tf.nest.flatten(layer.input)
        if isinstance(tensor._keras_history.operation, ScoreNoise)
    ]
    inner = [f"{resolution}x{resolution}_conv{i}" for resolution in (8, 16) for i in (0, 1)]
    assert sorted(fed_by_noise) == sorted([*inner, "4x4_conv", "4x4_dense0"])
    discriminator(normal(4, 16, 16, 3))
    assert len({*places}) == 6  # each has a noise of its own
