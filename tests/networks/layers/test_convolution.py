"""However a convolution is computed, it and all its derivatives are the plain one's."""

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config import networks
from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig
from pgan_tf.networks.discriminator import build_discriminator
from pgan_tf.networks.layers import EqualizedConv2D, EqualizedDense, fast
from pgan_tf.networks.layers.convolution import convolve
from pgan_tf.networks.layers.fast import choose_winograd, shared_kernels, speed_up
from pgan_tf.networks.layers.winograd import Winograd

MULTIPLIER = 0.3
BATCH, INPUTS, OUTPUTS = 2, 5, 3


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


def by_winograd(tile, resample):
    way = Winograd(tile, resample)
    return lambda x, kernel: way.convolve(x, way.transform_kernel(kernel * MULTIPLIER))


def as_written(resample):
    return lambda x, kernel: convolve(x, kernel * MULTIPLIER, resample)


def everything(convolve, x, kernel):
    """The outputs, and first and second derivatives by inputs and kernel along random vectors."""
    with tf.GradientTape(persistent=True) as outer:
        outer.watch((x, kernel))
        with tf.GradientTape() as inner:
            inner.watch((x, kernel))
            y = convolve(x, kernel)
            bent = tf.reduce_sum(y * tf.cast(normal(*y.shape, seed=3), y.dtype) + y**2)
        first = inner.gradient(bent, (x, kernel))
        along = [
            tf.reduce_sum(one * tf.cast(normal(*one.shape, seed=4), one.dtype)) for one in first
        ]
    second = [outer.gradient(slope, (x, kernel)) for slope in along]
    return tf.nest.flatten([y, first, second])


@pytest.mark.parametrize("resample", [None, "up", "down"])
@pytest.mark.parametrize(
    ("algorithm", "tile", "sides"),
    [
        ("direct", None, (4, 6)),
        ("winograd", 2, (4, 4)),
        ("winograd", 2, (2, 6)),
        ("winograd", 4, (4, 4)),
        ("winograd", 4, (8, 8)),
        ("winograd", 4, (4, 16)),
        ("winograd", 4, (16, 12)),
    ],
)
def test_every_way_equals_the_plain_one(algorithm, tile, sides, resample):
    way = as_written(resample) if algorithm == "direct" else by_winograd(tile, resample)
    channels = (OUTPUTS, INPUTS) if resample == "up" else (INPUTS, OUTPUTS)
    x, kernel = normal(BATCH, *sides, INPUTS, seed=1), normal(3, 3, *channels, seed=2)
    expected = everything(lambda x, kernel: plain(x, kernel, resample), x, kernel)
    got = everything(way, tf.cast(x, tf.float32), tf.cast(kernel, tf.float32))
    for ours, theirs in zip(got, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * np.abs(theirs).max())


@pytest.mark.parametrize("resample", [None, "up", "down"])
def test_winograd_rounds_little_at_full_width(resample):
    """Sums over 512 maps, as at 8 px."""
    x, kernel = normal(1, 8, 8, 512, seed=1), normal(3, 3, 512, 512, seed=2)
    got = by_winograd(4, resample)(*(tf.cast(one, tf.float32) for one in (x, kernel)))
    expected = plain(x, kernel, resample)
    error = np.abs(np.asarray(got) - expected) / np.abs(expected).max()
    assert error.max() < 1e-5 and np.sqrt(np.mean(error**2)) < 1e-6


@pytest.mark.parametrize("resample", [None, "up", "down"])
@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16])
def test_winograd_rounds_halves_only_where_they_are_stored(resample, dtype):
    """Inputs, scaled kernel and outputs are halves; what is between them is float32."""
    x, kernel = normal(1, 8, 8, 256, seed=1), normal(3, 3, 256, 256, seed=2)
    halves = [tf.cast(one, dtype) for one in (x, kernel)]
    stored = tf.cast(halves[0], tf.float64), tf.cast(halves[1] * MULTIPLIER, tf.float64)
    ideal = tf.cast(plain(stored[0], stored[1] / MULTIPLIER, resample), dtype)
    got = by_winograd(4, resample)(*halves)
    assert got.dtype == dtype
    expected = plain(x, kernel, resample)

    def error(y):
        return np.sqrt(np.mean((tf.cast(y, tf.float64) - expected) ** 2))

    assert error(got) < 1.01 * error(ideal)


def test_a_batch_that_is_not_known_gives_the_same():
    x, kernel = tf.random.stateless_normal((3, 8, 8, 4), (0, 1)), tf.ones((3, 3, 4, 4))
    for way in (
        by_winograd(4, None),
        by_winograd(4, "up"),
        by_winograd(2, "down"),
        as_written("up"),
    ):

        @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 4))])
        def of_any_batch(x, way=way):
            return way(x, kernel)

        np.testing.assert_allclose(of_any_batch(x), way(x, kernel), rtol=1e-6, atol=1e-6)


def choice(side, channels, *, size=3, resample=None, dtype=tf.float32):
    inputs = tf.zeros((1, side, side, channels), dtype)
    return choose_winograd(inputs, tf.zeros((size, size, channels, 512), dtype), resample)


def test_winograd_is_chosen_where_it_is_faster():
    assert choice(4, 128) == Winograd(2, None)
    assert choice(8, 128) == Winograd(4, None)
    assert choice(4, 256, resample="up") == Winograd(4, "up")
    assert choice(8, 256, resample="down") == Winograd(4, "down")
    assert choice(6, 512) == Winograd(2, None)
    assert choice(64, 128) == Winograd(4, None)
    assert choice(64, 256, resample="down") == Winograd(4, "down")


def test_it_has_to_save_more_where_the_plain_way_is_in_bfloat16():
    assert choice(8, 256, dtype=tf.bfloat16) == Winograd(4, None)
    assert choice(8, 128, dtype=tf.bfloat16) is None
    assert choice(8, 256, resample="down", dtype=tf.bfloat16) == Winograd(4, "down")
    assert choice(16, 512, resample="down", dtype=tf.bfloat16) is None
    assert choice(8, 512, resample="up", dtype=tf.bfloat16) is None  # 16 px convolved


def test_the_plain_way_is_chosen_elsewhere():
    assert choice(8, 127) is None
    assert choice(8, 128, size=1) is None
    assert choice(7, 128) is None
    assert choice(8, 128, resample="up") is None


def test_accelerators_choose_for_themselves(monkeypatch):
    """Their libraries have their own ways: Winograd's is never asked for."""
    monkeypatch.setattr(fast, "choose_winograd", None)  # would fail if it was called
    x, kernel = tf.ones((1, 8, 8, 512)), tf.ones((3, 3, 512, 1))
    np.testing.assert_allclose(fast.Fast(winograd=False).convolve(x, kernel), convolve(x, kernel))


# Kernels that several calls share


def count(graph, kind):
    return sum(operation.type == kind for operation in graph.get_operations())


@pytest.mark.parametrize("fewest_channels", [1, 1000])
def test_three_passes_share_what_is_made_of_a_kernel(fewest_channels, monkeypatch):
    monkeypatch.setattr(networks, "_FEWEST_CHANNELS", fewest_channels)
    network = NetworkConfig(resolution=8, fmap_base=64, fmap_max=8)
    discriminator = build_discriminator(Stage(0, 8, "fade_in", 1, 9), network)
    speed_up(discriminator, winograd=True)
    pictures = [tf.cast(normal(4, 8, 8, 3, seed=seed), tf.float32) for seed in range(3)]
    variables = [variable.value for variable in discriminator.trainable_variables]

    def gradients(shared):
        with tf.GradientTape() as tape:
            if shared:
                with shared_kernels(discriminator):
                    scores = [discriminator(one)[0] for one in pictures]
            else:
                scores = [discriminator(one)[0] for one in pictures]
            loss = tf.add_n([tf.reduce_sum(tf.square(one)) for one in scores])
        return tape.gradient(loss, variables)

    for ours, theirs in zip(gradients(True), gradients(False), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * np.abs(theirs).max())
    products = [
        count(tf.function(gradients).get_concrete_function(shared).graph, "Mul")
        for shared in (True, False)
    ]
    # Without sharing each of the three passes multiplies each kernel by its constant.
    assert products[0] < products[1]


@pytest.mark.parametrize("layer", [EqualizedConv2D(3), EqualizedDense(3)], ids=["conv", "dense"])
def test_a_changed_weight_counts_after_sharing_ends(layer):
    x = tf.ones((1, 4, 4, 2))
    model = keras_model(layer)
    speed_up(model, winograd=True)
    with shared_kernels(model):
        before = model(x)
        layer.kernel.assign(2 * layer.kernel)
        np.testing.assert_array_equal(model(x), before)
    np.testing.assert_allclose(model(x), 2 * before, rtol=1e-6)


def keras_model(layer):
    inputs = tf.keras.Input((4, 4, 2))
    return tf.keras.Model(inputs, layer(inputs))
