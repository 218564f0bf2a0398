import dataclasses
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.devices.strategy import make_strategy
from pgan_tf.networks.discriminator import build_discriminator
from pgan_tf.networks.generator import build_generator
from pgan_tf.networks.growth import carry_weights, named_variables, set_alpha
from pgan_tf.training.state import build_state, grow_state

SMALL = NetworkConfig(resolution=16, latent_size=6, fmap_base=64, fmap_max=12)
WITH_LABELS = dataclasses.replace(SMALL, label_size=3)
VARIANTS = {
    "default": SMALL,
    "labels": WITH_LABELS,
    "gray": dataclasses.replace(SMALL, num_channels=1),
    "separate scaling": dataclasses.replace(SMALL, fused_scale=False),
    "no minibatch deviation": dataclasses.replace(SMALL, mbstd_group_size=0),
    "ablated": dataclasses.replace(
        SMALL,
        normalize_latents=False,
        equalized=False,
        pixel_norm=False,
        generator_leaky_relu=False,
        discriminator_leaky_relu=False,
    ),
}
every_variant = pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
every_growth = pytest.mark.parametrize("resolution", [8, 16])


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


def grown(build, config, resolution):
    """The model before, and the one that fades in from it."""
    before = build(stabilize(resolution // 2), config, seed=1)
    scramble(before)
    after = build(fade_in(resolution), config, seed=1)
    carry_weights(named_variables(before), named_variables(after))
    return before, after


# Growth is smooth (§2, figure 2)


@every_growth
@every_variant
def test_fade_at_alpha_0_shows_the_upsampled_previous_stage(config, resolution):
    before, after = grown(build_generator, config, resolution)
    set_alpha(after, 0.0)
    expected = enlarge(before(inputs(config)).numpy())
    assert expected.std() > 0.1
    np.testing.assert_array_equal(after(inputs(config)).numpy(), expected)


@every_growth
@every_variant
def test_fade_at_alpha_0_scores_enlarged_pictures_as_the_previous_stage_the_small_ones(
    config, resolution
):
    before, after = grown(build_discriminator, config, resolution)
    set_alpha(after, 0.0)
    small = normal(4, resolution // 2, resolution // 2, config.num_channels)
    for got, expected in zip(after(enlarge(small)), before(small), strict=True):
        scale = max(1.0, np.abs(expected).max(initial=0))
        np.testing.assert_allclose(got, expected, atol=1e-5 * scale)


@every_growth
@every_variant
def test_fade_at_alpha_1_is_the_stabilize_stage(config, resolution):
    images = normal(4, resolution, resolution, config.num_channels)
    for build, arguments in ((build_generator, inputs(config)), (build_discriminator, images)):
        _, fading = grown(build, config, resolution)
        set_alpha(fading, 1.0)
        after = build(stabilize(resolution), config, seed=2)
        carry_weights(named_variables(fading), named_variables(after))
        for got, expected in zip(
            tf.nest.flatten(fading(arguments)), tf.nest.flatten(after(arguments)), strict=True
        ):
            scale = max(1.0, np.abs(expected).max(initial=0))
            np.testing.assert_allclose(got, expected, atol=1e-5 * scale)


def test_a_grown_state_at_alpha_0_draws_and_scores_as_before():
    config = TrainingConfig(network=SMALL, schedule=ScheduleConfig(resolution=16))
    strategy = make_strategy("one_device")
    before = build_state(stabilize(8), config, strategy)
    for seed, model in enumerate((before.generator, before.discriminator)):
        scramble(model, seed=100 * seed)
    scramble(before.average_generator, seed=300)
    after, _ = grow_state(before, fade_in(16), config, strategy)
    for old, new in (
        (before.generator, after.generator),
        (before.average_generator, after.average_generator),
    ):
        np.testing.assert_array_equal(
            new(inputs(SMALL)).numpy(), enlarge(old(inputs(SMALL)).numpy())
        )
    assert np.abs(after.generator(inputs(SMALL)) - after.average_generator(inputs(SMALL))).max() > 1
    small = normal(4, 8, 8, 3)
    expected = before.discriminator(small)[0].numpy()
    got = after.discriminator(enlarge(small))[0].numpy()
    np.testing.assert_allclose(got, expected, atol=1e-5 * np.abs(expected).max())


def test_halfway_the_generator_blends_both_pictures_evenly():
    _, after = grown(build_generator, SMALL, 16)
    pictures = {}
    for alpha in (0.0, 0.5, 1.0):
        set_alpha(after, alpha)
        pictures[alpha] = after(inputs(SMALL)).numpy()
    mean = (pictures[0.0] + pictures[1.0]) / 2
    np.testing.assert_allclose(pictures[0.5], mean, atol=1e-5)
    assert np.abs(pictures[1.0] - pictures[0.0]).max() > 0.1


def test_setting_alpha_where_nothing_fades_does_nothing():
    model = build_generator(stabilize(8), SMALL)
    before = model(inputs(SMALL)).numpy()
    set_alpha(model, 0.0)
    np.testing.assert_array_equal(model(inputs(SMALL)).numpy(), before)


# Table 2


@pytest.fixture(scope="module")
def papers_networks():
    """Shapes of the finished networks of table 2, 1024 px: name to shape."""
    networks = {}
    for build in (build_generator, build_discriminator):
        model = build(stabilize(1024), NetworkConfig())
        networks[build] = {
            name: tuple(variable.shape) for name, variable in named_variables(model).items()
        }
        assert len(model.trainable_variables) == len(networks[build])
    return networks


@pytest.mark.parametrize("build", [build_generator, build_discriminator])
def test_both_networks_have_the_papers_23_1_million_parameters(papers_networks, build):
    count = sum(math.prod(shape) for shape in papers_networks[build].values())
    assert round(count / 1e6, 1) == 23.1


TABLE_2 = {4: 512, 8: 512, 16: 512, 32: 512, 64: 256, 128: 128, 256: 64, 512: 32, 1024: 16}


def test_the_generators_layers_are_those_of_table_2(papers_networks):
    shapes = papers_networks[build_generator]
    expected = {
        "4x4_dense/kernel": (512, 16 * 512),
        "4x4_dense/bias": (512,),
        "4x4_conv/kernel": (3, 3, 512, 512),
        "4x4_conv/bias": (512,),
        "1024x1024_to_rgb/kernel": (1, 1, 16, 3),
        "1024x1024_to_rgb/bias": (3,),
    }
    for resolution in list(TABLE_2)[1:]:
        below, maps = TABLE_2[resolution // 2], TABLE_2[resolution]
        name = f"{resolution}x{resolution}"
        expected[f"{name}_conv0/kernel"] = (3, 3, maps, below)  # transposed: out, in
        expected[f"{name}_conv1/kernel"] = (3, 3, maps, maps)
        expected[f"{name}_conv0/bias"] = expected[f"{name}_conv1/bias"] = (maps,)
    assert shapes == expected


def test_the_discriminators_layers_are_those_of_table_2(papers_networks):
    shapes = papers_networks[build_discriminator]
    expected = {
        "1024x1024_from_rgb/kernel": (1, 1, 3, 16),
        "1024x1024_from_rgb/bias": (16,),
        "4x4_conv/kernel": (3, 3, 513, 512),  # one more: the minibatch deviation
        "4x4_conv/bias": (512,),
        "4x4_dense0/kernel": (16 * 512, 512),
        "4x4_dense0/bias": (512,),
        "4x4_dense1/kernel": (512, 1),
        "4x4_dense1/bias": (1,),
    }
    for resolution in list(TABLE_2)[1:]:
        below, maps = TABLE_2[resolution // 2], TABLE_2[resolution]
        name = f"{resolution}x{resolution}"
        expected[f"{name}_conv0/kernel"] = (3, 3, maps, maps)
        expected[f"{name}_conv1/kernel"] = (3, 3, maps, below)
        expected[f"{name}_conv0/bias"], expected[f"{name}_conv1/bias"] = (maps,), (below,)
    assert shapes == expected


# Names are the contract


def trained_layers(model):
    return {name.split("/")[0] for name in named_variables(model)}


def test_the_generators_layer_names_are_the_contract():
    assert trained_layers(build_generator(stabilize(4), SMALL)) == {
        "4x4_dense",
        "4x4_conv",
        "4x4_to_rgb",
    }
    fading = {"4x4_dense", "4x4_conv", "8x8_conv0", "8x8_conv1"}
    fading |= {"16x16_conv0", "16x16_conv1", "8x8_to_rgb", "16x16_to_rgb"}
    assert trained_layers(build_generator(fade_in(16), SMALL)) == fading
    finished = fading - {"8x8_to_rgb"}
    assert trained_layers(build_generator(stabilize(16), SMALL)) == finished


def test_the_discriminators_layer_names_are_the_contract():
    lowest = {"4x4_conv", "4x4_dense0", "4x4_dense1"}
    assert trained_layers(build_discriminator(stabilize(4), SMALL)) == lowest | {"4x4_from_rgb"}
    fading = lowest | {"8x8_conv0", "8x8_conv1", "16x16_conv0", "16x16_conv1"}
    fading |= {"8x8_from_rgb", "16x16_from_rgb"}
    assert trained_layers(build_discriminator(fade_in(16), SMALL)) == fading
    finished = fading - {"8x8_from_rgb"}
    assert trained_layers(build_discriminator(stabilize(16), SMALL)) == finished


@pytest.mark.parametrize("name", ["separate scaling", "labels", "ablated"])
def test_options_change_no_layers_name(name):
    for build in (build_generator, build_discriminator):
        expected = trained_layers(build(fade_in(16), SMALL))
        assert trained_layers(build(fade_in(16), VARIANTS[name])) == expected


# Initial weights


@pytest.mark.parametrize("build", [build_generator, build_discriminator])
def test_a_layers_initial_weights_do_not_depend_on_the_stage(build):
    all_values = {}
    for stage in (stabilize(4), fade_in(8), stabilize(8), fade_in(16), stabilize(16)):
        for name, variable in named_variables(build(stage, SMALL, seed=3)).items():
            first = all_values.setdefault(name, variable.numpy())
            np.testing.assert_array_equal(variable.numpy(), first)


@pytest.mark.parametrize("build", [build_generator, build_discriminator])
def test_initial_weights_depend_on_the_seed(build):
    one, other = (named_variables(build(stabilize(8), SMALL, seed=seed)) for seed in (3, 4))
    for name in one:
        same = np.array_equal(one[name].numpy(), other[name].numpy())
        assert same == name.endswith("/bias")  # zeros


def test_no_two_layers_begin_with_the_same_numbers():
    kernels = [
        variable.numpy().ravel()
        for build in (build_generator, build_discriminator)
        for name, variable in named_variables(build(fade_in(16), SMALL)).items()
        if name.endswith("/kernel")
    ]
    beginnings = {tuple(kernel[:4]) for kernel in kernels}
    assert len(beginnings) == len(kernels) == 17


# Inputs and outputs


@every_variant
@pytest.mark.parametrize("stage", [stabilize(4), fade_in(8), stabilize(16)], ids=str)
def test_shapes_and_types_are_as_documented(config, stage):
    images = build_generator(stage, config)(inputs(config, batch=3))
    assert images.shape == (3, stage.resolution, stage.resolution, config.num_channels)
    scores, label_logits = build_discriminator(stage, config)(images)
    assert scores.shape == (3,)
    assert label_logits.shape == (3, config.label_size)
    assert {images.dtype, scores.dtype, label_logits.dtype} == {tf.float32}


def test_only_the_direction_of_latents_and_labels_counts():
    # Appendix A.1: latents lie on a hypersphere. As published, labels are part of the vector.
    model = build_generator(stabilize(8), WITH_LABELS)
    latents, labels = inputs(WITH_LABELS)
    expected = model([latents, labels]).numpy()
    np.testing.assert_allclose(model([5 * latents, 5 * labels]), expected, atol=1e-5)
    assert np.abs(model([5 * latents, labels]) - expected).max() > 1e-2


def test_without_normalizing_the_length_of_latents_counts():
    config = dataclasses.replace(SMALL, normalize_latents=False, pixel_norm=False)
    model = build_generator(stabilize(4), config)
    latents, labels = inputs(config)
    expected = model([latents, labels]).numpy()
    # All biases are 0, so that the network is homogeneous.
    np.testing.assert_allclose(model([5 * latents, labels]), 5 * expected, rtol=1e-4, atol=1e-4)


def test_another_label_draws_another_picture():
    model = build_generator(stabilize(8), WITH_LABELS)
    latents, labels = inputs(WITH_LABELS)
    difference = np.abs(model([latents, labels]) - model([latents, labels[:, ::-1]])).max((1, 2, 3))
    np.testing.assert_array_equal(difference > 1e-3, [True, False, True, True])  # 2 1 0 2


def test_every_convolution_of_the_generator_sees_features_of_mean_square_1():
    # §4.2: pixel norm follows each of them, the first "Conv 4x4" from the latents included.
    def mean_squares(config):
        model = build_generator(fade_in(8), config)
        scramble(model)
        names = ["4x4_conv", "8x8_conv0", "8x8_conv1", "4x4_to_rgb", "8x8_to_rgb"]
        features = keras.Model(model.inputs, [model.get_layer(name).input for name in names])
        return [np.square(one).mean(axis=-1) for one in features(inputs(config))]

    for got in mean_squares(SMALL):
        np.testing.assert_allclose(got, np.ones(got.shape), atol=1e-4)
    for got in mean_squares(dataclasses.replace(SMALL, pixel_norm=False)):
        assert np.abs(got - 1).max() > 0.1


def test_gains_are_the_published_ones():
    gains = {
        layer.name: layer.gain
        for build in (build_generator, build_discriminator)
        for layer in build(fade_in(8), SMALL).layers
        if layer.trainable_variables
    }
    relu = pytest.approx(math.sqrt(2))
    assert gains == {
        "4x4_dense": pytest.approx(math.sqrt(2) / 4),
        **dict.fromkeys(("4x4_conv", "8x8_conv0", "8x8_conv1", "4x4_dense0"), relu),
        **dict.fromkeys(("8x8_from_rgb", "4x4_from_rgb"), relu),
        **dict.fromkeys(("8x8_to_rgb", "4x4_to_rgb", "4x4_dense1"), 1),
    }


def test_the_minibatch_deviation_lets_a_score_depend_on_its_company():
    images = normal(4, 8, 8, 3)
    others = np.concatenate([images[:1], normal(3, 8, 8, 3, seed=1)])

    def first_score(config, batch):
        model = build_discriminator(stabilize(8), config)
        scramble(model)
        return float(model(batch)[0][0])

    alone = dataclasses.replace(SMALL, mbstd_group_size=0)
    assert first_score(alone, images) == pytest.approx(first_score(alone, others), rel=1e-5)
    assert first_score(SMALL, images) != pytest.approx(first_score(SMALL, others), rel=1e-3)


def test_a_fused_generator_equals_one_of_separate_scaling_with_rotated_kernels():
    separate_config = VARIANTS["separate scaling"]
    fused = build_generator(fade_in(16), SMALL)
    separate = build_generator(fade_in(16), separate_config)
    scramble(separate)
    sources = named_variables(separate)
    for name, variable in named_variables(fused).items():
        value = sources[name].numpy()
        if name.endswith("_conv0/kernel"):
            value = value[::-1, ::-1].transpose(0, 1, 3, 2)
        variable.assign(value)
    for model in (fused, separate):
        set_alpha(model, 0.7)
    expected = separate(inputs(SMALL)).numpy()
    got = fused(inputs(SMALL)).numpy()
    np.testing.assert_allclose(got, expected, atol=1e-5 * np.abs(expected).max())


def test_a_separate_discriminators_last_activation_comes_before_the_average():
    # As published: fused, the leaky ReLU comes after the downscale; separate, before.
    # An input channel of -1, 1, -1, 1 in each 2x2 block averages to 0, its leaky ReLU to 0.4.
    def features(config):
        model = build_discriminator(stabilize(8), config)
        for variable in model.trainable_variables:
            variable.assign(tf.zeros(variable.shape))
        weights = named_variables(model)
        centre = np.zeros((3, 3, 12, 12), np.float32)
        centre[1, 1, 0, 0] = math.sqrt(9 * 12 / 2)  # 1 after He's constant
        # The checkerboard appears in conv1's output, from a bias and the picture.
        weights["8x8_from_rgb/kernel"].assign(
            np.eye(1, 36, dtype=np.float32).reshape(1, 1, 3, 12) * math.sqrt(3 / 2) * 2
        )
        weights["8x8_conv0/kernel"].assign(centre)
        weights["8x8_conv1/kernel"].assign(centre)
        weights["8x8_conv1/bias"].assign(-np.eye(12, dtype=np.float32)[0])
        picture = np.zeros((1, 8, 8, 3), np.float32)
        picture[:, :, 1::2, 0] = 1  # 2 behind from_rgb, 1 behind the bias; else -1
        output = model.get_layer("4x4_mbstd").input
        sub_model = type(model)(model.input, output)
        return sub_model(picture).numpy()[..., 0]

    np.testing.assert_allclose(features(SMALL), np.zeros((1, 4, 4)), atol=1e-5)
    separate = VARIANTS["separate scaling"]
    np.testing.assert_allclose(features(separate), np.full((1, 4, 4), 0.4), atol=1e-5)


@pytest.mark.parametrize("stage", [fade_in(16), stabilize(8)], ids=str)
# bfloat16 keeps 8 bits: each of about ten roundings is off by up to 0.4%; float16 keeps 11.
@pytest.mark.parametrize("half, off", [("mixed_bfloat16", 0.03), ("mixed_float16", 0.004)])
def test_mixed_precision_gives_float32_close_to_float32s(stage, half, off):
    models = {}
    for precision in ("float32", half):
        generator = build_generator(stage, WITH_LABELS, seed=1, precision=precision)
        discriminator = build_discriminator(stage, WITH_LABELS, seed=1, precision=precision)
        for model in (generator, discriminator):
            set_alpha(model, 0.5)
        images = generator(inputs(WITH_LABELS, batch=8))
        pictures = normal(8, stage.resolution, stage.resolution, 3)
        models[precision] = [images, *discriminator(pictures)]
    for full, mixed in zip(models["float32"], models[half], strict=True):
        assert full.dtype == mixed.dtype == tf.float32
        error = np.sqrt(np.mean(np.square(mixed - full)))
        assert 0 < error < off * np.sqrt(np.mean(np.square(full)))


def test_mixed_precision_stores_the_same_float32_weights():
    for build in (build_generator, build_discriminator):
        full = named_variables(build(fade_in(8), SMALL, seed=1))
        mixed = named_variables(build(fade_in(8), SMALL, seed=1, precision="mixed_bfloat16"))
        assert full.keys() == mixed.keys()
        for name in full:
            assert mixed[name].dtype == "float32"
            np.testing.assert_array_equal(mixed[name].numpy(), full[name].numpy())
