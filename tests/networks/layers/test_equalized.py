"""Equalized learning rate (§4.1): y = conv(x, w * gain / sqrt(fan_in)) + b, by definition."""

import math

import numpy as np
import pytest

from pgan_tf.networks.layers import EqualizedConv2D, EqualizedDense
from tests.helpers.random_arrays import assert_close, normal


@pytest.mark.parametrize("gain", [math.sqrt(2) / 4, 1.0])
@pytest.mark.parametrize("units", [5, (4, 4, 3)])
def test_a_dense_layer_flattens_and_has_one_bias_per_channel(gain, units):
    layer = EqualizedDense(units, gain=gain)
    layer.build((None, 2, 2, 3))
    layer.bias.assign(normal(*layer.bias.shape, seed=7))
    x, kernel, bias = normal(3, 2, 2, 3), layer.kernel.numpy(), layer.bias.numpy()
    outputs = x.reshape(3, 12) @ kernel * (gain / math.sqrt(12))
    assert bias.shape == (units if units == 5 else 3,)
    assert_close(layer(x), outputs.reshape(3, *np.atleast_1d(units)) + bias)


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
