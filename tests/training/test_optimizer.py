"""Adam in one operation is Adam; the loss scale's rule, and gradients that float16 would lose."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config.training import LossConfig
from pgan_tf.networks.growth import slot_variables
from pgan_tf.training import losses
from pgan_tf.training.optimizer import (
    INITIAL_SCALE,
    FusedAdam,
    build_loss_scale,
    unscale,
    update_loss_scale,
)

SHAPES = ((7, 5), (5,), (1,))


def train(optimizer_class, strategy, beta_1):
    """The weights and moments after some steps along random gradients, the same everywhere."""
    rng = np.random.default_rng(1)
    start = [rng.standard_normal(shape).astype(np.float32) for shape in SHAPES]
    with strategy.scope():
        variables = [keras.Variable(value) for value in start]
        optimizer = optimizer_class(0.0, beta_1=beta_1, beta_2=0.99, epsilon=1e-8)
        optimizer.build(variables)

    @tf.function
    def step(gradients, learning_rate):
        optimizer.learning_rate.assign(learning_rate)
        strategy.run(lambda: optimizer.apply([tf.identity(one) for one in gradients], variables))

    for index in range(20):
        # From large to small, and with zeros: where Adam's epsilon matters.
        gradients = [
            tf.constant(rng.standard_normal(shape) * 10.0**-index * (index % 3 > 0), tf.float32)
            for shape in SHAPES
        ]
        step(gradients, tf.constant(0.01 / (1 + index)))
    moments = [slot_variables(optimizer, slot) for slot in ("momentum", "velocity")]
    return [np.array(one) for one in (*variables, *moments[0], *moments[1], optimizer.iterations)]


@pytest.mark.parametrize(("devices", "beta_1"), [("one_device", 0.0), ("two_devices", 0.5)])
def test_it_moves_weights_and_moments_as_adam_does(devices, beta_1, request):
    strategy = request.getfixturevalue(devices)
    ours, theirs = (train(one, strategy, beta_1) for one in (FusedAdam, keras.optimizers.Adam))
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-12)


def test_it_moves_as_the_paper_says(one_device):
    """Algorithm 1 of Kingma and Ba (2015) in the form before section 2.1, in float64."""
    with one_device.scope():
        weight = keras.Variable(np.float32([1.0, -2.0]))
        optimizer = FusedAdam(0.1, beta_1=0.5, beta_2=0.99, epsilon=1e-8)
        optimizer.build([weight])
    expected, m, v = np.array([1.0, -2.0]), np.zeros(2), np.zeros(2)
    for step, gradient in enumerate(([3.0, -1e-3], [-1.0, 0.0], [0.5, 2.0]), start=1):
        optimizer.apply([tf.constant(gradient)], [weight])
        m = 0.5 * m + 0.5 * np.array(gradient)
        v = 0.99 * v + 0.01 * np.array(gradient) ** 2
        rate = 0.1 * np.sqrt(1 - 0.99**step) / (1 - 0.5**step)
        expected -= rate * m / (np.sqrt(v) + 1e-8)
        np.testing.assert_allclose(weight, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("finite", "start", "expected"),
    [
        ([False], 2.0**15, (2.0**14, 0)),
        ([True] * 2, 2.0**15, (2.0**15, 2)),
        ([True] * 3, 2.0**15, (2.0**16, 0)),
        ([True] * 7, 2.0**15, (2.0**17, 1)),
        ([True, True, False, True, True], 2.0**15, (2.0**14, 2)),
        ([False] * 2, 2.0, (1.0, 0)),  # it stays between 1 and 2^24
        ([True] * 6, 2.0**23, (2.0**24, 0)),
    ],
)
def test_an_overflow_halves_the_scale_and_good_steps_in_a_row_double_it(finite, start, expected):
    scale = build_loss_scale()
    assert (scale.scale.numpy(), scale.good_steps.numpy()) == (2.0**15, 0)
    scale.scale.assign(start)
    step = tf.function(lambda finite: update_loss_scale(scale, finite, good_steps=3))
    for one in finite:
        step(tf.constant(one))
    assert (scale.scale.numpy(), scale.good_steps.numpy()) == expected


def test_the_scale_is_doubled_after_2000_good_steps():
    scale = build_loss_scale()
    scale.good_steps.assign(1998)
    for expected in (2.0**15, 2.0**16):
        update_loss_scale(scale, tf.constant(True))
        assert scale.scale.numpy() == expected


# A critic in float16 whose gradient by each of 3 * 128² pixels is v * 2e-8: float16, whose
# smallest number is 6e-8, makes it 0.
TINY, SIDE = 2e-8, 128
NORM = TINY * np.sqrt(3) * SIDE


def norm_and_gradient(critic, variable, scale, loss_of):
    """A norm, and the derivative by a variable of a loss of it, both through the scale."""
    scale = None if scale is None else tf.constant(scale)
    images = tf.ones((2, SIDE, SIDE, 3))
    with tf.GradientTape() as tape:
        norm = losses.gradient_norm(critic, images, images, tf.zeros(2), scale)
        loss = loss_of(norm)
    gradients = tape.gradient(loss, [variable], output_gradients=scale)
    return norm.numpy(), unscale(gradients, scale)[0].numpy()


def test_both_gradients_of_the_penalty_survive_float16_thanks_to_the_scale():
    v = tf.Variable(1.0)

    def critic(images):
        features = tf.cast(images, tf.float16) * tf.cast(v, tf.float16)
        return tf.reduce_sum(tf.cast(features, tf.float32), axis=(1, 2, 3)) * TINY, None

    def penalty(norm):
        return 1e8 * tf.reduce_mean(tf.square(norm))

    norm, derivative = norm_and_gradient(critic, v, INITIAL_SCALE, penalty)
    # Known: |v| * NORM, under the square root with losses' own epsilon.
    np.testing.assert_allclose(norm, np.sqrt(NORM**2 + 1e-12), rtol=2e-3)
    assert derivative == pytest.approx(1e8 * 2 * NORM**2, rel=5e-3)
    norm, derivative = norm_and_gradient(critic, v, None, penalty)
    np.testing.assert_allclose(norm, 1e-6, rtol=1e-3)
    assert derivative == 0.0


def test_an_overflow_of_the_inner_gradient_shows_in_the_loss():
    """Its gradients by the picture are 100 * 2^15: float16 has no such number."""

    def critic(images):
        features = tf.cast(images, tf.float16) * tf.constant(100.0, tf.float16)
        return tf.reduce_sum(tf.cast(features, tf.float32), axis=(1, 2, 3)), tf.zeros((2, 0))

    images, config = tf.ones((2, 4, 4, 3)), LossConfig()
    arguments = (critic, images, images, tf.zeros((2, 0)), tf.zeros(2), config, 1.0)
    assert np.isfinite(losses.discriminator_loss(*arguments, tf.constant(2.0**4)).loss).all()
    found = losses.discriminator_loss(*arguments, tf.constant(2.0**15))
    assert np.isfinite(found.real_scores).all()
    assert not np.isfinite(found.loss).any()


def test_a_scale_changes_nothing_in_float32():
    """Powers of two, and float32's range: not one bit."""
    w = tf.Variable(tf.random.stateless_normal((SIDE * SIDE * 3, 2), (1, 2)) / SIDE)

    def critic(images):
        hidden = tf.nn.tanh(tf.reshape(images, (2, -1)) @ w)
        return tf.reduce_sum(tf.square(hidden), axis=1), None

    def penalty(norm):
        return tf.reduce_sum(tf.square(norm - 1.0))

    plain, scaled = (norm_and_gradient(critic, w, scale, penalty) for scale in (None, 2.0**15))
    for ours, theirs in zip(scaled, plain, strict=True):
        np.testing.assert_array_equal(ours, theirs)
