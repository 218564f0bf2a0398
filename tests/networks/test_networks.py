"""Generator and discriminator: the paper's layers, growth without a jump, names, precision."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig
from pgan_tf.networks.discriminator import build_discriminator
from pgan_tf.networks.generator import build_generator
from pgan_tf.networks.growth import carry_weights, named_variables, set_alpha
from tests.helpers.numbers import normal

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


# Table 2

TABLE_2 = {4: 512, 8: 512, 16: 512, 32: 512, 64: 256, 128: 128, 256: 64, 512: 32, 1024: 16}


@pytest.mark.parametrize("build", BOTH)
def test_the_layers_are_those_of_table_2(build):
    model = build(stabilize(1024), NetworkConfig())
    if build is build_generator:
        kernels = {
            "4x4_dense": (512, 16 * 512),
            "4x4_conv": (3, 3, 512, 512),
            "1024x1024_to_rgb": (1, 1, 16, 3),
        }
    else:
        kernels = {
            "1024x1024_from_rgb": (1, 1, 3, 16),
            "4x4_conv": (3, 3, 513, 512),  # one more: the minibatch deviation
            "4x4_dense0": (16 * 512, 512),
            "4x4_dense1": (512, 1),
        }
    for resolution in list(TABLE_2)[1:]:
        below, maps = TABLE_2[resolution // 2], TABLE_2[resolution]
        first, second = (f"{resolution}x{resolution}_conv{i}" for i in range(2))
        if build is build_generator:  # transposed: out, in
            kernels |= {first: (3, 3, maps, below), second: (3, 3, maps, maps)}
        else:
            kernels |= {first: (3, 3, maps, maps), second: (3, 3, maps, below)}
    shapes = {name: tuple(one.shape) for name, one in named_variables(model).items()}
    found = {name.split("/")[0]: shape for name, shape in shapes.items() if "kernel" in name}
    assert found == kernels
    assert len(model.trainable_variables) == len(shapes) == 2 * len(kernels)
    assert round(sum(map(math.prod, shapes.values())) / 1e6, 1) == 23.1  # million, as published


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
