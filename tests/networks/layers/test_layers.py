"""Layers by their definitions, and what Keras needs of all of them."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

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

# Equalized learning rate (§4.1); `test_golden` holds what it computes


@pytest.mark.parametrize(
    ("make", "options", "shape", "fan_in"),
    [
        (EqualizedConv2D, {"filters": 256, "kernel_size": 1}, (8, 8, 64), 64),
        (EqualizedConv2D, {"filters": 64}, (8, 8, 64), 576),
        (EqualizedConv2D, {"filters": 64, "resample": "up"}, (8, 8, 32), 288),
        (EqualizedDense, {"units": 128}, (256,), 256),
    ],
)
def test_kernels_begin_with_variance_1_or_without_equalizing_hes(make, options, shape, fan_in):
    x = normal(2, *shape)
    layers = [make(**options, equalized=equalized, seed=3) for equalized in (True, False)]
    assert_close(layers[0](x), layers[1](x), 1e-4)
    for layer, expected in zip(layers, (1.0, 2 / fan_in), strict=True):
        kernel = layer.kernel.numpy()
        # The variance of n draws strays by sqrt(2 / n): over 16,000 draws here, 5 sigma is 6%.
        assert kernel.size >= 16_000
        assert kernel.var() == pytest.approx(expected, rel=0.06)
        assert abs(kernel.mean()) < 5 * math.sqrt(expected / kernel.size)
        assert not layer.bias.numpy().any()


# MinibatchStdDev (§3; groups as published)


@pytest.mark.parametrize(
    ("batch", "group_size"), [(12, 4), (4, 4), (3, 4), (6, 3), (8, 16), (8, 1)]
)
def test_minibatch_deviation_is_the_loop_over_its_definition(batch, group_size):
    x = normal(batch, 2, 4, 3) * np.arange(1, batch + 1)[:, None, None, None].astype(np.float32)
    expected, apart = np.zeros((batch, 2, 4, 1)), batch // min(group_size, batch)
    for first in range(apart):
        members = x[first::apart].astype(np.float64)
        variance = np.square(members - members.mean(axis=0)).mean(axis=0)
        expected[first::apart] = np.sqrt(variance + 1e-8).mean()
    got = MinibatchStdDev(group_size)(x).numpy()
    np.testing.assert_array_equal(got[..., :3], x)
    assert_close(got[..., 3:], expected)


def test_gradients_of_the_deviation_are_finite_where_nothing_varies():
    x = tf.ones((4, 4, 4, 2))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = MinibatchStdDev(4)(x)
    assert np.isfinite(tape.gradient(y, x)).all()


# MinibatchDiscrimination (Salimans et al., 2016)


@pytest.mark.parametrize("batch", [1, 5])
def test_minibatch_discrimination_appends_the_published_sums_as_feature_maps(batch):
    features = normal(batch, 2, 2, 3)
    layer = MinibatchDiscrimination(4, 3, seed=1)
    outputs = layer(features).numpy()
    tensor = layer.kernel.numpy().reshape(12, 4, 3)
    matrices = np.einsum("if,fbc->ibc", features.reshape(batch, 12), tensor)
    similarities = np.exp(-np.abs(matrices[:, None] - matrices).sum(axis=-1))
    expected = similarities.sum(axis=1) - 1  # to the others, not to itself
    np.testing.assert_array_equal(outputs[..., :3], features)
    everywhere = np.broadcast_to(expected[:, None, None], (batch, 2, 2, 4))
    np.testing.assert_allclose(outputs[..., 3:], everywhere, atol=1e-6)
    # Of features of mean square 1 it makes components of mean square 1.
    wide = MinibatchDiscrimination(50, 5, seed=1)
    wide.build((None, 4, 4, 16))
    assert wide.kernel.numpy().var() == pytest.approx(1 / 256, rel=0.06)


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


def test_statistics_are_computed_in_float32_under_mixed_precision():
    # A sum of 512 ones in bfloat16's eight bits would stop growing at 256.
    x = np.ones((1, 1, 1, 512), np.float32)
    assert_close(tf.cast(PixelNorm(dtype="mixed_bfloat16")(x), tf.float32), x, 1e-2)
    # Values near 256 are 2 apart in bfloat16: a mean and differences in it would be off.
    x = np.array([256, 258, 260, 262], np.float32).reshape(4, 1, 1, 1)
    feature = MinibatchStdDev(4, dtype="mixed_bfloat16")(x)[..., 1]
    assert_close(tf.cast(feature, tf.float32), np.full((4, 1, 1), math.sqrt(5)), 1e-2)
