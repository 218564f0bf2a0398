"""Generator and discriminator: the paper's layers, growth without a jump, names, precision."""

import dataclasses
import math

import keras
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
from tests.helpers.random_arrays import normal

SMALL = NetworkConfig(resolution=16, latent_size=6, fmap_base=64, fmap_max=12)
WITH_LABELS = dataclasses.replace(SMALL, label_size=3)
PLAIN = dict.fromkeys(
    (
        *("normalize_latents", "equalized", "pixel_norm"),
        *("generator_leaky_relu", "discriminator_leaky_relu"),
    ),
    False,
)
VARIANTS = {
    "default": SMALL,
    "labels": WITH_LABELS,
    "gray": dataclasses.replace(SMALL, num_channels=1),
    "separate scaling": dataclasses.replace(SMALL, fused_scale=False),
    "no minibatch deviation": dataclasses.replace(SMALL, mbstd_group_size=0),
    "ablated": dataclasses.replace(SMALL, **PLAIN),
}
BOTH = (build_generator, build_discriminator)


def stabilize(resolution):
    return Stage(0, resolution, "stabilize", 0, 99)


def fade_in(resolution):
    return Stage(1, resolution, "fade_in", 100, 199)


def inputs(config, batch=4, seed=0):
    labels = np.eye(max(config.label_size, 1), config.label_size, dtype=np.float32)
    return [normal(batch, config.latent_size, seed=seed), labels[np.arange(batch) % len(labels)]]


def enlarge(images):
    return images.repeat(2, axis=1).repeat(2, axis=2)


def scramble(model, seed=9):
    """Weights unlike the initial ones, biases included."""
    for number, variable in enumerate(model.trainable_variables):
        variable.assign(normal(*variable.shape, seed=seed + number))


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
        scramble(before)
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
    ],
    ids=str,
)
def test_names_and_shapes_are_those_of_the_table_of_layers(options):
    config = dataclasses.replace(SMALL, **options)
    for stage in (stabilize(4), fade_in(8), stabilize(16)):
        models = [build(stage, config) for build in BOTH]
        tables = generator_layers(stage, config), discriminator_layers(stage, config)
        for model, layers in zip(models, tables, strict=True):
            variables = named_variables(model)
            found = {f"{one.name}/{name}": shape for one in layers for name, shape in one.variables}
            assert found == {name: tuple(one.shape) for name, one in variables.items()}
            sizes = [math.prod(one.shape) for one in variables.values()]
            assert sum(layer.values for layer in layers) == sum(sizes)
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
    made_by_noise = []

    def call(layer, *inputs, **options):
        made_by_noise.append(keras.layers.Layer.__call__(layer, *inputs, **options))
        return made_by_noise[-1]

    with monkeypatch.context() as patch:
        patch.setattr(ScoreNoise, "__call__", call)
        noisy = dataclasses.replace(SMALL, discriminator_noise=0.2)
        discriminator = build_discriminator(fade_in(16), noisy)
    fed_by_noise = [
        layer.name
        for layer in discriminator.layers
        for tensor in tf.nest.flatten(layer.input)
        if any(tensor is one for one in made_by_noise)
    ]
    inner = [f"{resolution}x{resolution}_conv{i}" for resolution in (8, 16) for i in (0, 1)]
    assert sorted(fed_by_noise) == sorted([*inner, "4x4_conv", "4x4_dense0"])
    assert len(made_by_noise) == 6
    images = normal(4, 16, 16, 3)
    quiet = discriminator(images)[0].numpy()
    np.testing.assert_array_equal(quiet, build_discriminator(fade_in(16), SMALL)(images)[0])
    discriminator.get_layer("score_noise").score_average.assign(1.5)
    assert not (discriminator(images)[0].numpy() == quiet).any()


# Mixed precision


@pytest.mark.parametrize("stage", [fade_in(16), stabilize(8)], ids=str)
# bfloat16 keeps 8 bits: each of about ten roundings is off by up to 0.4%; float16 keeps 11.
@pytest.mark.parametrize("half, off", [("mixed_bfloat16", 0.03), ("mixed_float16", 0.004)])
def test_mixed_precision_gives_float32_close_to_float32s(stage, half, off):
    outputs = []
    for precision in ("float32", half):
        models = [build(stage, WITH_LABELS, seed=1, precision=precision) for build in BOTH]
        for model in models:
            set_alpha(model, 0.5)
            assert {variable.dtype for variable in model.variables} == {"float32"}
        pictures = normal(8, stage.resolution, stage.resolution, 3)
        outputs.append([models[0](inputs(WITH_LABELS, batch=8)), *models[1](pictures)])
    for full, mixed in zip(*outputs, strict=True):
        assert full.dtype == mixed.dtype == tf.float32
        error = np.sqrt(np.mean(np.square(mixed - full)))
        assert 0 < error < off * np.sqrt(np.mean(np.square(full)))
