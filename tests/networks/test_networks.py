"""Generator and discriminator: the paper's layers, growth without a jump, names, precision."""

import dataclasses
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.networks.discriminator import build_discriminator
from pgan_tf.networks.generator import build_generator
from pgan_tf.networks.growth import carry_weights, named_variables, set_alpha
from pgan_tf.training.state import build_state, grow_state

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


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


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
def test_a_fade_begins_as_the_stage_before_and_ends_as_the_stage_after(config, resolution):
    small = normal(4, resolution // 2, resolution // 2, config.num_channels)
    for build, before_inputs, fade_inputs in (
        (build_generator, inputs(config), inputs(config)),
        (build_discriminator, small, enlarge(small)),
    ):
        before, fading, after = (
            build(stage, config, seed=seed)
            for seed, stage in enumerate(
                (stabilize(resolution // 2), fade_in(resolution), stabilize(resolution))
            )
        )
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


def test_a_grown_state_at_alpha_0_draws_and_scores_as_before(one_device):
    config = TrainingConfig(network=SMALL, schedule=ScheduleConfig(resolution=16))
    before = build_state(stabilize(8), config, one_device)
    models = before.generator, before.average_generator, before.discriminator
    for seed, model in enumerate(models):
        scramble(model, seed=100 * seed)
    after, _ = grow_state(before, fade_in(16), config, one_device)
    arguments, small = inputs(SMALL), normal(4, 8, 8, 3)
    pictures = [after.generator(arguments), after.average_generator(arguments)]
    for old, new in zip(models, pictures, strict=False):
        np.testing.assert_array_equal(new, enlarge(old(arguments).numpy()))
    assert np.abs(pictures[0] - pictures[1]).max() > 1
    assert_close(after.discriminator(enlarge(small)), before.discriminator(small))


def test_setting_alpha_where_nothing_fades_does_nothing():
    model = build_generator(stabilize(8), SMALL)
    before = model(inputs(SMALL)).numpy()
    set_alpha(model, 0.0)
    np.testing.assert_array_equal(model(inputs(SMALL)), before)


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


def test_gains_are_the_published_ones():
    models = [build(fade_in(8), SMALL) for build in BOTH]
    layers = [layer for model in models for layer in model.layers if layer.trainable_variables]
    linear = {"8x8_to_rgb": 1, "4x4_to_rgb": 1, "4x4_dense1": 1, "4x4_dense": math.sqrt(2) / 4}
    assert len({layer.name for layer in layers}) == 10  # both have 4x4_conv and two of 8x8
    for layer in layers:
        assert layer.gain == pytest.approx(linear.get(layer.name, math.sqrt(2))), layer.name


# Names are the contract


def layer_names(build, stage, config=SMALL):
    return {name.split("/")[0] for name in named_variables(build(stage, config))}


@pytest.mark.parametrize("build", BOTH)
def test_layer_names_are_the_contract(build):
    rgb = "to_rgb" if build is build_generator else "from_rgb"
    dense = ["dense"] if build is build_generator else ["dense0", "dense1"]
    lowest = {"4x4_conv", *(f"4x4_{name}" for name in dense)}
    assert layer_names(build, stabilize(4)) == lowest | {f"4x4_{rgb}"}
    finished = lowest | {f"{r}x{r}_conv{i}" for r in (8, 16) for i in (0, 1)} | {f"16x16_{rgb}"}
    assert layer_names(build, stabilize(16)) == finished
    for config in VARIANTS.values():
        assert layer_names(build, fade_in(16), config) == finished | {f"8x8_{rgb}"}


# Initial weights


@pytest.mark.parametrize("build", BOTH)
def test_initial_weights_follow_from_the_seed_and_the_layers_name_alone(build):
    known = {}
    for stage in (stabilize(4), fade_in(8), fade_in(16)):
        for name, variable in named_variables(build(stage, SMALL, seed=3)).items():
            np.testing.assert_array_equal(variable, known.setdefault(name, variable.numpy()))
    for name, variable in named_variables(build(stabilize(16), SMALL, seed=4)).items():
        assert np.array_equal(variable, known[name]) == name.endswith("/bias")  # zeros


def test_no_two_layers_begin_with_the_same_numbers():
    models = [named_variables(build(fade_in(16), SMALL)) for build in BOTH]
    kernels = [one for model in models for name, one in model.items() if "kernel" in name]
    assert len({tuple(kernel.numpy().flat[:4]) for kernel in kernels}) == len(kernels) == 17


# Inputs and outputs


@pytest.mark.parametrize("stage", [stabilize(4), fade_in(8), stabilize(16)], ids=str)
def test_shapes_and_types_are_as_documented(stage):
    for config in VARIANTS.values():
        images = build_generator(stage, config)(inputs(config, batch=3))
        assert images.shape == (3, stage.resolution, stage.resolution, config.num_channels)
        scores, label_logits = build_discriminator(stage, config)(images)
        assert (scores.shape, label_logits.shape) == ((3,), (3, config.label_size))
        assert {images.dtype, scores.dtype, label_logits.dtype} == {tf.float32}


def test_only_the_direction_of_latents_and_labels_counts():
    # Appendix A.1: latents lie on a hypersphere. As published, labels are part of the vector.
    model = build_generator(stabilize(8), WITH_LABELS)
    latents, labels = inputs(WITH_LABELS)
    expected = model([latents, labels]).numpy()
    np.testing.assert_allclose(model([5 * latents, 5 * labels]), expected, atol=1e-5)
    assert np.abs(model([5 * latents, labels]) - expected).max() > 1e-2
    others = np.abs(model([latents, labels[:, ::-1]]) - expected).max((1, 2, 3))
    np.testing.assert_array_equal(others > 1e-3, [True, False, True, True])  # 2 1 0 2


@pytest.mark.parametrize("pixel_norm", [True, False])
def test_every_convolution_of_the_generator_sees_features_of_mean_square_1(pixel_norm):
    # §4.2: pixel norm follows each of them, the first "Conv 4x4" from the latents included.
    model = build_generator(fade_in(8), dataclasses.replace(SMALL, pixel_norm=pixel_norm))
    scramble(model)
    for name in ("4x4_conv", "8x8_conv0", "8x8_conv1", "4x4_to_rgb", "8x8_to_rgb"):
        features = keras.Model(model.inputs, model.get_layer(name).input)(inputs(SMALL))
        error = np.abs(np.square(features).mean(axis=-1) - 1).max()
        assert error < 1e-4 if pixel_norm else error > 0.1, name


def test_the_minibatch_deviation_lets_a_score_depend_on_its_company():
    images = normal(4, 8, 8, 3)
    others = np.concatenate([images[:1], normal(3, 8, 8, 3, seed=1)])
    for config, alone in ((SMALL, False), (VARIANTS["no minibatch deviation"], True)):
        model = build_discriminator(stabilize(8), config)
        scramble(model)
        score = pytest.approx(float(model(others)[0][0]), rel=1e-5 if alone else 1e-3)
        assert (float(model(images)[0][0]) == score) == alone


def test_a_fused_generator_equals_one_of_separate_scaling_with_rotated_kernels():
    fused, separate = (
        build_generator(fade_in(16), config) for config in (SMALL, VARIANTS["separate scaling"])
    )
    scramble(separate)
    sources = named_variables(separate)
    for name, variable in named_variables(fused).items():
        value = sources[name].numpy()
        rotated = name.endswith("_conv0/kernel")
        variable.assign(value[::-1, ::-1].transpose(0, 1, 3, 2) if rotated else value)
    for model in (fused, separate):
        set_alpha(model, 0.7)
    assert_close(fused(inputs(SMALL)), separate(inputs(SMALL)))


@pytest.mark.parametrize(("name", "expected"), [("default", 0.0), ("separate scaling", 0.4)])
def test_a_separate_discriminators_last_activation_comes_before_the_average(name, expected):
    # As published: fused, the leaky ReLU comes after the downscale; separate, before.
    # An input channel of -1, 1, -1, 1 in each 2x2 block averages to 0, its leaky ReLU to 0.4.
    model = build_discriminator(stabilize(8), VARIANTS[name])
    for variable in model.trainable_variables:
        variable.assign(tf.zeros(variable.shape))
    weights = named_variables(model)
    center, first = np.zeros((3, 3, 12, 12), np.float32), np.eye(1, 36, dtype=np.float32)
    center[1, 1, 0, 0] = math.sqrt(9 * 12 / 2)  # 1 after He's constant
    weights["8x8_from_rgb/kernel"].assign(first.reshape(1, 1, 3, 12) * math.sqrt(3 / 2) * 2)
    for i in range(2):
        weights[f"8x8_conv{i}/kernel"].assign(center)
    weights["8x8_conv1/bias"].assign(-first[0, :12])
    picture = np.zeros((1, 8, 8, 3), np.float32)
    picture[:, :, 1::2, 0] = 1  # 2 behind from_rgb, 1 behind the bias; else -1
    features = keras.Model(model.input, model.get_layer("4x4_mbstd").input)(picture)
    np.testing.assert_allclose(features[..., 0], np.full((1, 4, 4), expected), atol=1e-5)


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
