"""The other layers by their definitions, and what Keras and the gradient penalty need of all."""

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
    MinibatchDiscrimination,
    MinibatchStdDev,
    PixelNorm,
    Rectifier,
    WeightedSum,
)
from tests.helpers.random_arrays import assert_close, normal

# PixelNorm: b = a / sqrt(mean(a²) + 1e-8) (§4.2)


@pytest.mark.parametrize("shape", [(3, 4, 5, 6), (3, 16)])
@pytest.mark.parametrize("size", [3, 1e-5])
def test_pixel_norm_is_the_papers_equation(shape, size):
    x = size * (normal(*shape) + 1)
    expected = x / np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + 1e-8)
    assert_close(PixelNorm()(x), expected)


@pytest.mark.parametrize("layer", [PixelNorm(), MinibatchStdDev(4)], ids=["norm", "deviation"])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_gradients_are_finite_where_nothing_varies(layer, value):
    x = tf.fill((4, 4, 4, 2), value)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
    np.testing.assert_allclose(y[..., :2], x, atol=1e-6)
    assert np.isfinite(tape.gradient(y, x)).all()


# MinibatchStdDev (§3; groups as published)


def deviation_by_loops(x, group_size):
    batch = len(x)
    group_size = min(group_size, batch)
    feature, apart = np.zeros((*x.shape[:-1], 1)), batch // group_size
    for first in range(apart):
        members = x[first::apart].astype(np.float64)
        variance = np.square(members - members.mean(axis=0)).mean(axis=0)
        feature[first::apart] = np.sqrt(variance + 1e-8).mean()
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


def test_a_batch_that_does_not_split_into_groups_is_an_error():
    with pytest.raises(tf.errors.InvalidArgumentError):
        MinibatchStdDev(4)(normal(6, 4, 4, 2))


# MinibatchDiscrimination (Salimans et al., 2016)


@pytest.mark.parametrize("batch", [1, 5])
def test_minibatch_discrimination_appends_the_published_sums_as_feature_maps(batch):
    features = normal(batch, 2, 2, 3)
    layer = MinibatchDiscrimination(4, 3, seed=1)
    outputs = layer(features).numpy()
    tensor = layer.kernel.numpy().reshape(12, 4, 3)
    matrices = np.einsum("if,fbc->ibc", features.reshape(batch, 12), tensor)
    expected = np.zeros((batch, 4))
    for i in range(batch):
        for j in {*range(batch)} - {i}:
            expected[i] += np.exp(-np.abs(matrices[i] - matrices[j]).sum(axis=-1))
    assert outputs.shape == (batch, 2, 2, 7)
    np.testing.assert_array_equal(outputs[..., :3], features)
    np.testing.assert_allclose(outputs[:, 0, 0, 3:], expected, atol=1e-6)
    assert (outputs[..., 3:] == outputs[:, :1, :1, 3:]).all()
    # Of features of mean square 1 it makes components of mean square 1.
    wide = MinibatchDiscrimination(50, 5, seed=1)
    wide.build((None, 4, 4, 16))
    assert wide.kernel.numpy().var() == pytest.approx(1 / 256, rel=0.06)


# WeightedSum


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_the_fade_is_a_weighted_sum(alpha):
    old, new = normal(2, 4, 4, 3), normal(2, 4, 4, 3, seed=1)
    got = WeightedSum(alpha)([old, new])
    assert_close(got, (1 - alpha) * old + alpha * new, 1e-6 if alpha else 0)


def test_alpha_is_a_variable_that_does_not_train_and_retraces_nothing():
    layer, traces = WeightedSum(), []
    old, new = tf.zeros((1, 2)), tf.ones((1, 2))

    @tf.function
    def fade():
        traces.append(1)
        return layer([old, new])

    layer.build([(1, 2), (1, 2)])
    assert float(layer.alpha) == 0
    for alpha in (0.0, 0.25, 0.75):
        layer.alpha.assign(alpha)
        assert_close(fade(), np.full((1, 2), alpha))
    assert len(traces) == 1
    assert layer.trainable_variables == []


# Rectifier

X = np.array([[-3.0, -0.5, 0.5, 2.0]], np.float32)


@pytest.mark.parametrize("slope", [0.2, 0.0])
@pytest.mark.parametrize("compiled", [False, True])
def test_a_rectifiers_derivatives_are_those_of_a_piecewise_linear_function(slope, compiled):
    layer = Rectifier(slope)

    def derivatives(x, w):
        with tf.GradientTape(persistent=True) as outer:
            outer.watch((x, w))
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = layer(x)
                total = tf.reduce_sum(w * y)
            first = inner.gradient(total, x)
            squares = tf.reduce_sum(first**2)
        # By w, through the gradient's gradient; by x there is none, and none is what comes.
        return y, first, outer.gradient(squares, w), outer.gradient(squares, x)

    w = tf.constant([[1.0, 2.0, 3.0, 4.0]])
    function = tf.function(derivatives) if compiled else derivatives
    y, first, by_w, by_x = function(tf.constant(X), w)
    slopes = np.where(X > 0, 1.0, slope)
    np.testing.assert_allclose(y, slopes * X, rtol=1e-6)
    np.testing.assert_allclose(first, slopes * w, rtol=1e-6)
    np.testing.assert_allclose(by_w, 2 * slopes**2 * w, rtol=1e-6)
    assert by_x is None


# Keras's side of a layer

ALL_LAYERS = [
    EqualizedConv2D(5, 1, gain=1.5, equalized=False, seed=3, name="conv"),
    EqualizedConv2D(5, resample="up", name="up"),
    EqualizedConv2D(5, resample="down", name="down", dtype="mixed_bfloat16"),
    EqualizedDense(7, gain=0.5, equalized=False, seed=4, name="dense"),
    EqualizedDense((4, 4, 2), name="maps", dtype="mixed_bfloat16"),
    PixelNorm(epsilon=0.25, name="norm", dtype="mixed_bfloat16"),
    MinibatchStdDev(3, epsilon=0.5, name="deviation", dtype="mixed_bfloat16"),
    MinibatchDiscrimination(7, 3, seed=5, name="discrimination", dtype="mixed_bfloat16"),
    WeightedSum(0.75, name="fade", dtype="mixed_bfloat16"),
    Rectifier(0.1, name="leaky", dtype="mixed_float16"),
]


@pytest.mark.parametrize("layer", ALL_LAYERS, ids=lambda layer: layer.name)
def test_a_layer_comes_back_from_its_configuration_and_keeps_its_type(layer):
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    shape, fades = (6, 4, 4, 3), isinstance(layer, WeightedSum)
    x = [normal(*shape), normal(*shape, seed=1)] if fades else normal(*shape)
    announced = layer([keras.Input(shape[1:])] * 2 if fades else keras.Input(shape[1:]))
    outputs = layer(x)
    assert tuple(announced.shape) == (None, *outputs.shape[1:]) and outputs.shape[0] == 6
    assert outputs.dtype.name == announced.dtype == layer.compute_dtype
    assert {weight.dtype for weight in layer.weights} <= {"float32"}
    again.build([shape, shape] if fades else shape)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(x), outputs)


@pytest.mark.parametrize(("build", "fused_scale"), [("G", True), ("G", False), ("D", True)])
def test_a_network_in_its_fade_in_survives_a_keras_file(tmp_path, build, fused_scale):
    config = NetworkConfig(*(16, 3, 2, 6, 64, 1.0, 8), fused_scale=fused_scale)
    make = build_generator if build == "G" else build_discriminator
    model = make(Stage(3, 16, "fade_in", 1, 99), config, seed=5)
    set_alpha(model, 0.3)
    model.save(tmp_path / "network.keras")
    again = keras.models.load_model(tmp_path / "network.keras")
    inputs = [normal(3, 6), np.eye(2, dtype=np.float32)[[0, 1, 1]]]
    inputs = inputs if build == "G" else normal(4, 16, 16, 3)
    expected = tf.nest.flatten(model(inputs))
    for got, before in zip(tf.nest.flatten(again(inputs)), expected, strict=True):
        np.testing.assert_array_equal(got, before)
    # It is the fade at 0.3 that came back, and it can go on fading.
    set_alpha(again, 1.0)
    assert np.abs(tf.nest.flatten(again(inputs))[0] - expected[0]).max() > 1e-2


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
