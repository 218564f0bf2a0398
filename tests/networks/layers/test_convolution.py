"""However a convolution is computed, it and all its derivatives are the plain one's."""

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config import networks
from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig
from pgan_tf.networks.discriminator import build_discriminator
from pgan_tf.networks.layers import EqualizedConv2D, EqualizedDense
from pgan_tf.networks.layers.convolution import convolve
from pgan_tf.networks.layers.fast import choose_winograd, shared_kernels, speed_up
from pgan_tf.networks.layers.winograd import Winograd

MULTIPLIER = 0.3
every_way_to_resample = pytest.mark.parametrize("resample", [None, "up", "down"])


def normal(*shape, seed):
    return tf.constant(np.random.default_rng(seed).standard_normal(shape))


def plain(x, kernel, resample):
    """Resampling and convolving one after the other, from operations with every derivative."""
    kernel *= MULTIPLIER
    if resample == "up":
        x = tf.repeat(tf.repeat(x, 2, axis=1), 2, axis=2)
        kernel = tf.transpose(kernel[::-1, ::-1], (0, 1, 3, 2))
    y = tf.nn.conv2d(x, kernel, 1, "SAME")
    return tf.nn.avg_pool2d(y, 2, 2, "SAME") if resample == "down" else y


def way(tile, resample):
    """Winograd's algorithm, or without a tile the convolution as it is written."""
    if tile is None:
        return lambda x, kernel: convolve(x, kernel * MULTIPLIER, resample)
    plan = Winograd(tile, resample)
    return lambda x, kernel: plan.convolve(x, plan.transform_kernel(kernel * MULTIPLIER))


def everything(convolve, x, kernel):
    """The outputs, and first and second derivatives by inputs and kernel along random vectors."""

    def along(y, seed):
        return tf.reduce_sum(y * tf.cast(normal(*y.shape, seed=seed), y.dtype))

    with tf.GradientTape(persistent=True) as outer:
        outer.watch((x, kernel))
        with tf.GradientTape() as inner:
            inner.watch((x, kernel))
            y = convolve(x, kernel)
            bent = along(y, 3) + tf.reduce_sum(y**2)
        first = inner.gradient(bent, (x, kernel))
        slopes = [along(one, 4) for one in first]
    second = [outer.gradient(slope, (x, kernel)) for slope in slopes]
    return tf.nest.flatten([y, first, second])


@every_way_to_resample
@pytest.mark.parametrize(
    ("tile", "height", "width"),
    [(None, 4, 6), (2, 4, 4), (2, 6, 4), (2, 6, 14), (4, 8, 4), (4, 8, 8), (4, 12, 8), (4, 12, 12)],
)
def test_every_way_equals_the_plain_one(tile, height, width, resample):
    channels = (3, 5) if resample == "up" else (5, 3)
    x, kernel = normal(2, height, width, 5, seed=1), normal(3, 3, *channels, seed=2)
    expected = everything(lambda x, kernel: plain(x, kernel, resample), x, kernel)
    single = (tf.cast(one, tf.float32) for one in (x, kernel))
    for ours, theirs in zip(everything(way(tile, resample), *single), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * np.abs(theirs).max())


@every_way_to_resample
@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16, tf.float16])
def test_winograd_rounds_little_at_full_width(resample, dtype):
    # Sums over 512 maps, as at 8 px.
    x, kernel = normal(1, 8, 8, 512, seed=1), normal(3, 3, 512, 512, seed=2)
    stored = [tf.cast(one, dtype) for one in (x, kernel)]
    got, expected = way(4, resample)(*stored), plain(x, kernel, resample)
    assert got.dtype == dtype

    def error(y):
        return np.sqrt(np.mean((tf.cast(y, tf.float64) - expected) ** 2))

    if dtype == tf.float32:
        assert error(got) < 1e-6 * np.abs(expected).max()
    else:  # Inputs, scaled kernel and outputs are halves; what is between them is float32.
        inputs, scaled = (tf.cast(one, tf.float64) for one in (stored[0], stored[1] * MULTIPLIER))
        ideal = tf.cast(plain(inputs, scaled / MULTIPLIER, resample), dtype)
        assert error(got) < 1.01 * error(ideal)


@pytest.mark.parametrize(
    ("side", "channels", "resample", "tile"),
    [(4, 128, None, 2), (8, 128, None, 4), (4, 256, "up", 4), (8, 127, None, None)],
)
def test_winograd_is_chosen_where_it_is_faster(side, channels, resample, tile):
    inputs, kernel = tf.zeros((1, side, side, channels)), tf.zeros((3, 3, channels, 512))
    assert choose_winograd(inputs, kernel, resample) == (tile and Winograd(tile, resample))


# Kernels that several calls share


@pytest.mark.parametrize("fewest_channels", [1, 1000])
def test_three_passes_share_what_is_made_of_a_kernel(fewest_channels, monkeypatch):
    monkeypatch.setattr(networks, "_FEWEST_CHANNELS", fewest_channels)
    network = NetworkConfig(resolution=8, fmap_base=64, fmap_max=8)
    discriminator = build_discriminator(Stage(0, 8, "fade_in", 1, 9), network)
    speed_up(discriminator, winograd=True)
    pictures = [tf.cast(normal(4, 8, 8, 3, seed=seed), tf.float32) for seed in range(3)]
    variables = [variable.value for variable in discriminator.trainable_variables]

    @tf.function
    def gradients(shared):
        sharing = shared_kernels(discriminator) if shared else contextlib.nullcontext()
        with tf.GradientTape() as tape, sharing:
            loss = tf.add_n([tf.reduce_sum(discriminator(one)[0] ** 2) for one in pictures])
        return tape.gradient(loss, variables)

    for ours, theirs in zip(gradients(True), gradients(False), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * np.abs(theirs).max())
    # Without sharing each of the three passes multiplies each kernel by its constant.
    graphs = [gradients.get_concrete_function(shared).graph for shared in (True, False)]
    products = [[one.type for one in graph.get_operations()].count("Mul") for graph in graphs]
    assert products[0] < products[1]


@pytest.mark.parametrize("layer", [EqualizedConv2D(3), EqualizedDense(3)], ids=["conv", "dense"])
def test_a_changed_weight_counts_after_sharing_ends(layer):
    x, inputs = tf.ones((1, 4, 4, 2)), keras.Input((4, 4, 2))
    model = keras.Model(inputs, layer(inputs))
    speed_up(model, winograd=True)
    with shared_kernels(model):
        before = model(x)
        layer.kernel.assign(2 * layer.kernel)
        np.testing.assert_array_equal(model(x), before)
    np.testing.assert_allclose(model(x), 2 * before, rtol=1e-6)
