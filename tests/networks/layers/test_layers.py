import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig
from pgan_tf.networks.discriminator import build_discriminator
from pgan_tf.networks.generator import build_generator
from pgan_tf.networks.growth import set_alpha
from pgan_tf.networks.layers import (
    EqualizedConv2D,
    EqualizedDense,
    MinibatchStdDev,
    PixelNorm,
    WeightedSum,
)
from pgan_tf.networks.layers.convolution import spread_kernel


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def assert_close(got, expected, tolerance=1e-5):
    np.testing.assert_allclose(np.asarray(got), expected, rtol=tolerance, atol=tolerance)


def built(layer, *shape):
    layer.build(shape)
    layer.bias.assign(normal(*layer.bias.shape, seed=7))
    return layer


def convolve(x, kernel):
    """A 3x3 or 1x1 convolution from its definition: zeros around, no flip."""
    size = kernel.shape[0]
    pad = size // 2
    padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    height, width = x.shape[1:3]
    return sum(
        padded[:, i : i + height, j : j + width] @ kernel[i, j]
        for i in range(size)
        for j in range(size)
    )


def upsample(x):
    return x.repeat(2, axis=1).repeat(2, axis=2)


def average_2x2(x):
    batch, height, width, channels = x.shape
    return x.reshape(batch, height // 2, 2, width // 2, 2, channels).mean(axis=(2, 4))


def rotated(kernel):
    """(height, width, out, in) of a transposed convolution as an ordinary kernel."""
    return kernel[::-1, ::-1].transpose(0, 1, 3, 2)


# Equalized learning rate: y = conv(x, w * gain / sqrt(fan_in)) + b (§4.1)


@pytest.mark.parametrize("kernel_size", [1, 3])
@pytest.mark.parametrize("gain", [math.sqrt(2), 1.0])
def test_a_convolution_multiplies_its_kernel_by_hes_constant(kernel_size, gain):
    layer = built(EqualizedConv2D(5, kernel_size, gain=gain), None, 6, 4, 3)
    x = normal(2, 6, 4, 3)
    constant = gain / math.sqrt(kernel_size * kernel_size * 3)
    expected = convolve(x, layer.kernel.numpy() * constant) + layer.bias.numpy()
    assert_close(layer(x), expected)


def test_a_convolution_that_upscales_is_nearest_upsampling_and_a_rotated_3x3_convolution():
    layer = built(EqualizedConv2D(5, resample="up"), None, 6, 4, 3)
    assert tuple(layer.kernel.shape) == (3, 3, 5, 3)
    x = normal(2, 6, 4, 3)
    kernel = rotated(layer.kernel.numpy()) * math.sqrt(2 / 27)
    assert_close(layer(x), convolve(upsample(x), kernel) + layer.bias.numpy())


def test_a_convolution_that_downscales_is_a_3x3_convolution_and_a_2x2_average():
    layer = built(EqualizedConv2D(5, resample="down"), None, 6, 4, 3)
    assert tuple(layer.kernel.shape) == (3, 3, 3, 5)
    x = normal(2, 6, 4, 3)
    kernel = layer.kernel.numpy() * math.sqrt(2 / 27)
    assert_close(layer(x), average_2x2(convolve(x, kernel)) + layer.bias.numpy())


def test_the_gradients_of_upscaling_are_those_of_upsampling_and_convolving():
    layer = built(EqualizedConv2D(5, resample="up"), None, 4, 4, 3)
    x, weights = tf.constant(normal(2, 4, 4, 3)), normal(2, 8, 8, 5, seed=1)
    kernel = tf.constant(layer.kernel.numpy())
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x, kernel])
        fused = tf.reduce_sum(layer(x) * weights)
        plain_kernel = tf.transpose(kernel[::-1, ::-1], (0, 1, 3, 2)) * math.sqrt(2 / 27)
        large = tf.repeat(tf.repeat(x, 2, axis=1), 2, axis=2)
        plain = tf.reduce_sum(tf.nn.conv2d(large, plain_kernel, 1, "SAME") * weights)
    assert_close(tape.gradient(fused, layer.kernel.value), tape.gradient(plain, kernel))
    assert_close(tape.gradient(fused, x), tape.gradient(plain, x))


def test_the_gradients_of_downscaling_are_those_of_convolving_and_averaging():
    layer = built(EqualizedConv2D(5, resample="down"), None, 8, 8, 3)
    x, weights = tf.constant(normal(2, 8, 8, 3)), normal(2, 4, 4, 5, seed=1)
    kernel = tf.constant(layer.kernel.numpy())
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x, kernel])
        fused = tf.reduce_sum(layer(x) * weights)
        plain = tf.nn.conv2d(x, kernel * math.sqrt(2 / 27), 1, "SAME")
        plain = tf.reduce_sum(tf.nn.avg_pool2d(plain, 2, 2, "VALID") * weights)
    assert_close(tape.gradient(fused, layer.kernel.value), tape.gradient(plain, kernel))
    assert_close(tape.gradient(fused, x), tape.gradient(plain, x))


def test_a_kernel_spreads_to_the_sum_of_its_four_one_pixel_shifts():
    kernel = normal(3, 3, 2, 5)
    expected = np.zeros((4, 4, 2, 5), np.float32)
    for i in (0, 1):
        for j in (0, 1):
            expected[i : i + 3, j : j + 3] += kernel
    assert_close(spread_kernel(tf.constant(kernel)), expected, 1e-6)


@pytest.mark.parametrize("gain", [math.sqrt(2), math.sqrt(2) / 4, 1.0])
def test_a_dense_layer_multiplies_its_kernel_by_hes_constant(gain):
    layer = built(EqualizedDense(5, gain=gain), None, 12)
    x = normal(3, 12)
    expected = x @ layer.kernel.numpy() * (gain / math.sqrt(12)) + layer.bias.numpy()
    assert_close(layer(x), expected)


def test_a_dense_layer_flattens_feature_maps():
    layer = built(EqualizedDense(5), None, 4, 4, 3)
    x = normal(2, 4, 4, 3)
    expected = x.reshape(2, 48) @ layer.kernel.numpy() * math.sqrt(2 / 48) + layer.bias.numpy()
    assert_close(layer(x), expected)


def test_a_dense_layer_makes_feature_maps_with_one_bias_per_channel():
    layer = built(EqualizedDense((4, 4, 3)), None, 6)
    assert tuple(layer.bias.shape) == (3,)
    x = normal(2, 6)
    flat = x @ layer.kernel.numpy() * math.sqrt(2 / 6)
    assert_close(layer(x), flat.reshape(2, 4, 4, 3) + layer.bias.numpy())


def conv(*arguments, **fixed):
    return lambda **options: EqualizedConv2D(*arguments, **fixed, **options)


# How to make one, its input's shape, its fan-in.
LAYERS_WITH_KERNELS = {
    "1x1": (conv(256, 1), (None, 8, 8, 64), 64),
    "3x3": (conv(64), (None, 8, 8, 64), 576),
    "up": (conv(64, resample="up"), (None, 8, 8, 32), 288),
    "down": (conv(64, resample="down"), (None, 8, 8, 32), 288),
    "dense": (lambda **options: EqualizedDense(128, **options), (None, 256), 256),
}


@pytest.mark.parametrize("kind", LAYERS_WITH_KERNELS)
@pytest.mark.parametrize("equalized", [True, False])
def test_stored_kernels_begin_with_variance_1_or_without_equalizing_hes(kind, equalized):
    make, shape, fan_in = LAYERS_WITH_KERNELS[kind]
    layer = make(equalized=equalized, seed=3)
    layer.build(shape)
    kernel = layer.kernel.numpy()
    expected = 1.0 if equalized else 2 / fan_in
    # The variance of n draws strays by sqrt(2 / n): over 16,000 draws here, 5 sigma is 6%.
    assert kernel.size >= 16_000
    assert kernel.var() == pytest.approx(expected, rel=0.06)
    assert abs(kernel.mean()) < 5 * math.sqrt(expected / kernel.size)
    assert not layer.bias.numpy().any()


@pytest.mark.parametrize("kind", LAYERS_WITH_KERNELS)
def test_equalized_or_not_a_layer_computes_the_same_at_first(kind):
    make, shape, _ = LAYERS_WITH_KERNELS[kind]
    x = normal(2, *shape[1:])
    assert_close(make(equalized=True, seed=3)(x), make(equalized=False, seed=3)(x), 1e-4)


@pytest.mark.parametrize(
    ("kind", "expected"), [("1x1", 1), ("3x3", 1), ("down", 1 / 4), ("dense", 1)]
)
def test_hes_constant_keeps_the_mean_square_through_a_linear_layer(kind, expected):
    # Inputs of mean square 1 leave with gain²; averaging four uncorrelated ones takes a quarter.
    make, shape, _ = LAYERS_WITH_KERNELS[kind]
    outputs = make(gain=1.0, seed=3)(normal(8, *shape[1:])).numpy()
    inside = outputs[:, 1:-1, 1:-1] if outputs.ndim == 4 else outputs
    assert np.square(inside).mean() == pytest.approx(expected, rel=0.15)


def test_a_seed_gives_the_same_kernel_and_another_seed_another():
    def kernel(seed):
        layer = EqualizedConv2D(4, seed=seed)
        layer.build((None, 4, 4, 3))
        return layer.kernel.numpy()

    np.testing.assert_array_equal(kernel(1), kernel(1))
    assert not np.allclose(kernel(1), kernel(2))


# PixelNorm: b = a / sqrt(mean(a²) + 1e-8) (§4.2)


@pytest.mark.parametrize("shape", [(3, 4, 5, 6), (3, 16)])
def test_pixel_norm_is_the_papers_equation(shape):
    x = 3 * normal(*shape) + 1
    expected = x / np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + 1e-8)
    got = PixelNorm()(x)
    assert_close(got, expected)
    assert_close(np.square(got).mean(axis=-1), np.ones(shape[:-1]))


def test_pixel_norm_keeps_vectors_of_zeros_at_zero():
    x = tf.zeros((2, 4, 4, 3))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = PixelNorm()(x)
        total = tf.reduce_sum(y)
    assert not y.numpy().any()
    assert np.isfinite(tape.gradient(total, x)).all()


def test_pixel_norm_takes_its_epsilon_inside_the_root():
    x = np.full((1, 1, 1, 4), 2.0, np.float32)
    assert_close(PixelNorm(epsilon=5.0)(x), np.full((1, 1, 1, 4), 2 / 3))


# MinibatchStdDev (§3; groups as published)


def deviation_by_loops(x, group_size, epsilon=1e-8):
    batch = len(x)
    group_size = min(group_size, batch)
    apart = batch // group_size
    feature = np.zeros((*x.shape[:-1], 1))
    for first in range(apart):
        members = [first + k * apart for k in range(group_size)]
        deviations = []
        for position in np.ndindex(x.shape[1:]):
            values = [float(x[(member, *position)]) for member in members]
            mean = sum(values) / group_size
            variance = sum((value - mean) ** 2 for value in values) / group_size
            deviations.append(math.sqrt(variance + epsilon))
        for member in members:
            feature[member] = sum(deviations) / len(deviations)
    return feature


@pytest.mark.parametrize(
    ("batch", "group_size"), [(8, 4), (12, 4), (4, 4), (2, 4), (3, 4), (6, 3), (8, 16), (8, 1)]
)
def test_minibatch_deviation_is_the_loop_over_its_definition(batch, group_size):
    x = normal(batch, 2, 4, 3) * np.arange(1, batch + 1)[:, None, None, None].astype(np.float32)
    got = MinibatchStdDev(group_size)(x).numpy()
    assert got.shape == (batch, 2, 4, 4)
    np.testing.assert_array_equal(got[..., :3], x)
    assert_close(got[..., 3:], deviation_by_loops(x, group_size))


def test_members_of_a_group_lie_batch_over_group_size_apart():
    # Examples 0 and 2 are a group without variation, 1 and 3 are one with deviation 5.
    x = np.array([3, 0, 3, 10], np.float32).reshape(4, 1, 1, 1) * np.ones((1, 2, 2, 3), np.float32)
    feature = MinibatchStdDev(2)(x).numpy()[..., 3]
    assert_close(feature[[1, 3]], np.full((2, 2, 2), 5))
    assert_close(feature[[0, 2]], np.full((2, 2, 2), 1e-4))


@pytest.mark.parametrize("epsilon", [1e-8, 0.25])
def test_identical_examples_deviate_by_the_root_of_epsilon(epsilon):
    x = np.broadcast_to(normal(1, 4, 4, 2), (4, 4, 4, 2))
    feature = MinibatchStdDev(4, epsilon=epsilon)(x).numpy()[..., 2]
    np.testing.assert_allclose(feature, math.sqrt(epsilon), rtol=1e-3)


def test_the_deviations_gradient_is_finite_for_identical_examples():
    x = tf.ones((4, 4, 4, 2))
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(MinibatchStdDev(4)(x))
    assert np.isfinite(tape.gradient(total, x)).all()


def test_a_batch_that_does_not_split_into_groups_is_an_error():
    with pytest.raises(tf.errors.InvalidArgumentError):
        MinibatchStdDev(4)(normal(6, 4, 4, 2))


# WeightedSum


def faded(alpha, old, new):
    layer = WeightedSum(alpha)
    return layer([tf.constant(old), tf.constant(new)]).numpy()


def test_the_fade_at_0_is_exactly_the_old():
    old, new = normal(2, 4, 4, 3), normal(2, 4, 4, 3, seed=1)
    np.testing.assert_array_equal(faded(0.0, old, new), old)


def test_the_fade_at_1_is_the_new():
    old, new = normal(2, 4, 4, 3), normal(2, 4, 4, 3, seed=1)
    assert_close(faded(1.0, old, new), new, 1e-6)


def test_the_fade_at_three_tenths_is_seven_tenths_old():
    old, new = normal(2, 4, 4, 3), normal(2, 4, 4, 3, seed=1)
    assert_close(faded(0.3, old, new), 0.7 * old + 0.3 * new, 1e-6)


def test_alpha_is_a_variable_that_does_not_train_and_retraces_nothing():
    layer = WeightedSum()
    old, new = tf.zeros((1, 2)), tf.ones((1, 2))
    traces = []

    @tf.function
    def fade():
        traces.append(1)
        return layer([old, new])

    layer.build([(1, 2), (1, 2)])
    for alpha in (0.0, 0.25, 0.75):
        layer.alpha.assign(alpha)
        assert_close(fade(), np.full((1, 2), alpha))
    assert len(traces) == 1
    assert layer.trainable_variables == []


def test_alpha_stays_float32_under_mixed_precision():
    layer = WeightedSum(0.3, dtype="mixed_bfloat16")
    result = layer([tf.zeros((1, 2)), tf.ones((1, 2))])
    assert result.dtype == tf.bfloat16
    assert layer.alpha.dtype == "float32"
    assert float(layer.alpha) == np.float32(0.3)


# Second derivatives, which the gradient penalty needs

PLAIN_LAYERS = {
    "conv 1x1": (lambda: EqualizedConv2D(3, 1, seed=1), (4, 4, 4, 2)),
    "conv 3x3": (lambda: EqualizedConv2D(3, seed=1), (4, 4, 4, 2)),
    "conv up": (lambda: EqualizedConv2D(3, resample="up", seed=1), (4, 4, 4, 2)),
    "conv down": (lambda: EqualizedConv2D(3, resample="down", seed=1), (4, 4, 4, 2)),
    "dense": (lambda: EqualizedDense(5, seed=1), (4, 6)),
    "dense maps": (lambda: EqualizedDense((4, 4, 2), seed=1), (4, 6)),
    "pixel norm": (lambda: PixelNorm(), (4, 2, 2, 5)),
    "minibatch deviation": (lambda: MinibatchStdDev(4), (4, 2, 2, 3)),
}


@pytest.mark.parametrize("kind", PLAIN_LAYERS)
def test_second_derivatives_exist_and_are_right(kind):
    make, shape = PLAIN_LAYERS[kind]
    layer = make()
    x, direction = tf.constant(normal(*shape)), tf.constant(normal(*shape, seed=1))
    layer(x)

    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            # Curved, so that linear layers have a second derivative too.
            y = tf.reduce_sum(tf.math.tanh(layer(x)) * 0.5 + layer(x) ** 2)
        return tape.gradient(y, x)

    variables = [variable.value for variable in layer.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(x)
        slope = tf.reduce_sum(gradient(x) * direction)
    second, *by_variables = tape.gradient(slope, [x, *variables])
    step = 1e-2
    differences = (gradient(x + step * direction) - gradient(x - step * direction)) / (2 * step)
    scale = np.abs(differences).max()
    assert scale > 1e-3
    np.testing.assert_allclose(second, differences, atol=0.02 * scale)
    assert all(np.abs(value).max() > 0 for value in by_variables)


def test_second_derivatives_exist_through_the_fade():
    layer = WeightedSum(0.3)
    x = tf.constant(normal(2, 3))
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = tf.reduce_sum(layer([x**2, x**3]))
        slope = tf.reduce_sum(inner.gradient(y, x))
    # d²/dx² (0.7 x² + 0.3 x³)
    assert_close(outer.gradient(slope, x), 1.4 + 1.8 * x.numpy())


# Keras's side of a layer

ALL_LAYERS = [
    EqualizedConv2D(5, 1, gain=1.5, equalized=False, seed=3, name="a"),
    EqualizedConv2D(5, resample="up", name="b"),
    EqualizedConv2D(5, resample="down", name="b2", dtype="mixed_bfloat16"),
    EqualizedDense(7, gain=0.5, equalized=False, seed=4, name="c"),
    EqualizedDense((4, 4, 2), name="d"),
    PixelNorm(epsilon=0.25, name="e"),
    MinibatchStdDev(3, epsilon=0.5, name="f"),
    WeightedSum(0.75, name="g"),
]


@pytest.mark.parametrize("layer", ALL_LAYERS, ids=lambda layer: layer.name)
def test_a_layer_comes_back_from_its_configuration(layer):
    config = layer.get_config()
    again = type(layer).from_config(config)
    assert again.get_config() == config
    shape = (6, 4, 4, 3)
    inputs = [normal(*shape), normal(*shape, seed=1)]
    inputs = inputs if isinstance(layer, WeightedSum) else inputs[0]
    for one in (layer, again):
        one.build([shape, shape] if isinstance(layer, WeightedSum) else shape)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(
        tf.cast(again(inputs), tf.float32), tf.cast(layer(inputs), tf.float32)
    )


@pytest.mark.parametrize("layer", ALL_LAYERS, ids=lambda layer: layer.name)
def test_the_shape_that_a_layer_announces_to_keras_is_the_shape_that_it_gives(layer):
    shape = (6, 4, 4, 3)
    fades = isinstance(layer, WeightedSum)
    announced = layer([keras.Input(shape[1:])] * 2 if fades else keras.Input(shape[1:])).shape
    outputs = layer([normal(*shape)] * 2 if fades else normal(*shape))
    assert tuple(announced) == (None, *outputs.shape[1:])
    assert outputs.shape[0] == 6


@pytest.mark.parametrize("fused_scale", [True, False])
def test_a_whole_generator_in_its_fade_in_survives_a_keras_file(tmp_path, fused_scale):
    options = {"latent_size": 6, "label_size": 2, "fmap_base": 64, "fmap_max": 8}
    config = NetworkConfig(resolution=16, fused_scale=fused_scale, **options)
    model = build_generator(Stage(3, 16, "fade_in", 1, 99), config, seed=5)
    set_alpha(model, 0.3)
    model.save(tmp_path / "generator.keras")
    again = keras.models.load_model(tmp_path / "generator.keras")
    inputs = [normal(3, 6), np.eye(2, dtype=np.float32)[[0, 1, 1]]]
    expected = model(inputs).numpy()
    np.testing.assert_array_equal(again(inputs).numpy(), expected)
    # It is the fade at 0.3 that came back, and it can go on fading.
    set_alpha(again, 1.0)
    assert np.abs(again(inputs).numpy() - expected).max() > 1e-2


def test_a_whole_discriminator_in_its_fade_in_survives_a_keras_file(tmp_path):
    config = NetworkConfig(resolution=8, latent_size=6, label_size=2, fmap_base=64, fmap_max=8)
    model = build_discriminator(Stage(1, 8, "fade_in", 1, 99), config, seed=5)
    set_alpha(model, 0.3)
    model.save(tmp_path / "discriminator.keras")
    again = keras.models.load_model(tmp_path / "discriminator.keras")
    images = normal(4, 8, 8, 3)
    for got, expected in zip(again(images), model(images), strict=True):
        np.testing.assert_array_equal(got.numpy(), expected.numpy())


@pytest.mark.parametrize(
    "layer_type", [EqualizedConv2D, EqualizedDense, PixelNorm, MinibatchStdDev]
)
def test_layers_give_half_precision_under_mixed_precision_and_store_float32(layer_type):
    options = {EqualizedConv2D: {"filters": 4}, EqualizedDense: {"units": 4}}.get(layer_type, {})
    layer = layer_type(**options, dtype="mixed_bfloat16")
    outputs = layer(normal(4, 4, 4, 3))
    assert outputs.dtype == tf.bfloat16
    assert all(weight.dtype == "float32" for weight in layer.weights)


def test_statistics_are_computed_in_float32_under_mixed_precision():
    # A sum of 512 ones in bfloat16's eight bits would stop growing at 256.
    x = np.ones((1, 1, 1, 512), np.float32)
    assert_close(tf.cast(PixelNorm(dtype="mixed_bfloat16")(x), tf.float32), x, 1e-2)
    # Values near 256 are 2 apart in bfloat16: a mean and differences in it would be off.
    x = np.array([256, 258, 260, 262], np.float32).reshape(4, 1, 1, 1)
    feature = MinibatchStdDev(4, dtype="mixed_bfloat16")(x)[..., 1]
    assert_close(tf.cast(feature, tf.float32), np.full((4, 1, 1), math.sqrt(5)), 1e-2)
    # Float16 ends at 65,504, the square of 256.
    x = np.full((4, 1, 1, 8), 300, np.float32)
    assert_close(tf.cast(PixelNorm(dtype="mixed_float16")(x), tf.float32), x / 300, 1e-3)
    x[1::2] = -300
    feature = MinibatchStdDev(4, dtype="mixed_float16")(x)[..., 8]
    assert_close(tf.cast(feature, tf.float32), np.full((4, 1, 1), 300), 1e-3)


# Bad arguments


def test_a_misspelt_argument_is_an_error():
    with pytest.raises((TypeError, ValueError), match="gian"):
        EqualizedConv2D(4, gian=1.0)
