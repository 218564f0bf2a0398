"""Equalized learning rate (§4.1): y = conv(x, w * gain / sqrt(fan_in)) + b, by definition."""

import math

import numpy as np
import pytest

from pgan_tf.networks.layers import EqualizedConv2D, EqualizedDense
from tests.helpers.random_arrays import assert_close, normal


def built(layer, *shape):
    layer.build((None, *shape))
    layer.bias.assign(normal(*layer.bias.shape, seed=7))
    return layer, layer.kernel.numpy(), layer.bias.numpy()


def convolve(x, kernel):
    """A 3x3 or 1x1 convolution from its definition: zeros around, no flip."""
    (size, _, _, _), (height, width) = kernel.shape, x.shape[1:3]
    padded = np.pad(x, ((0, 0), (size // 2,) * 2, (size // 2,) * 2, (0, 0)))
    taps = np.ndindex(size, size)
    return sum(padded[:, i : i + height, j : j + width] @ kernel[i, j] for i, j in taps)


@pytest.mark.parametrize("kernel_size", [1, 3])
@pytest.mark.parametrize("gain", [math.sqrt(2), 1.0])
def test_a_convolution_multiplies_its_kernel_by_hes_constant(kernel_size, gain):
    layer, kernel, bias = built(EqualizedConv2D(5, kernel_size, gain=gain), 6, 4, 3)
    x = normal(2, 6, 4, 3)
    constant = gain / math.sqrt(kernel_size * kernel_size * 3)
    assert_close(layer(x), convolve(x, kernel * constant) + bias)


def test_a_convolution_that_upscales_is_nearest_upsampling_and_a_rotated_3x3_convolution():
    layer, kernel, bias = built(EqualizedConv2D(5, resample="up"), 6, 4, 3)
    assert kernel.shape == (3, 3, 5, 3)
    x = normal(2, 6, 4, 3)
    rotated = kernel[::-1, ::-1].transpose(0, 1, 3, 2) * math.sqrt(2 / 27)
    assert_close(layer(x), convolve(x.repeat(2, axis=1).repeat(2, axis=2), rotated) + bias)


def test_a_convolution_that_downscales_is_a_3x3_convolution_and_a_2x2_average():
    layer, kernel, bias = built(EqualizedConv2D(5, resample="down"), 6, 4, 3)
    assert kernel.shape == (3, 3, 3, 5)
    x = normal(2, 6, 4, 3)
    y = convolve(x, kernel * math.sqrt(2 / 27)).reshape(2, 3, 2, 2, 2, 5).mean(axis=(2, 4))
    assert_close(layer(x), y + bias)


@pytest.mark.parametrize("gain", [math.sqrt(2), math.sqrt(2) / 4, 1.0])
@pytest.mark.parametrize("units", [5, (4, 4, 3)])
def test_a_dense_layer_flattens_and_has_one_bias_per_channel(gain, units):
    layer, kernel, bias = built(EqualizedDense(units, gain=gain), 2, 2, 3)
    x = normal(3, 2, 2, 3)
    outputs = x.reshape(3, 12) @ kernel * (gain / math.sqrt(12))
    assert bias.shape == (units if units == 5 else 3,)
    assert_close(layer(x), outputs.reshape(3, *np.atleast_1d(units)) + bias)


def test_a_misspelt_argument_is_an_error():
    with pytest.raises((TypeError, ValueError), match="gian"):
        EqualizedConv2D(4, gian=1.0)


# How to make one, its input's shape, its fan-in, and the mean square that a gain of 1 gives of
# inputs of mean square 1; averaging four uncorrelated ones takes a quarter.
KINDS = {
    "1x1": (EqualizedConv2D, {"filters": 256, "kernel_size": 1}, (8, 8, 64), 64, 1),
    "3x3": (EqualizedConv2D, {"filters": 64}, (8, 8, 64), 576, 1),
    "up": (EqualizedConv2D, {"filters": 64, "resample": "up"}, (8, 8, 32), 288, None),
    "down": (EqualizedConv2D, {"filters": 64, "resample": "down"}, (8, 8, 32), 288, 0.25),
    "dense": (EqualizedDense, {"units": 128}, (256,), 256, 1),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kernels_begin_with_variance_1_or_without_equalizing_hes(kind):
    make, options, shape, fan_in, _ = KINDS[kind]
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


def test_a_seed_gives_the_same_kernel_and_another_seed_another():
    kernels = [built(EqualizedConv2D(4, seed=seed), 4, 4, 3)[1] for seed in (1, 1, 2)]
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert not np.allclose(kernels[0], kernels[2])
