"""Loss scaling: the scale's rule, and gradients that float16 alone would lose."""

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config.training import LossConfig
from pgan_tf.training import losses, optimizer


def after(*finite, start=optimizer.INITIAL_SCALE, good_steps=3):
    """The scale after steps whose gradients were finite, or not."""
    scale = optimizer.build_loss_scale()
    scale.scale.assign(start)
    for step in finite:
        optimizer.update_loss_scale(scale, tf.constant(step), good_steps)
    return scale.scale.numpy(), scale.good_steps.numpy()


def test_an_overflow_halves_the_scale():
    assert after(False) == (2.0**14, 0)
    assert after(False, False) == (2.0**13, 0)


def test_good_steps_in_a_row_double_it_and_count_anew():
    assert after(True, True) == (2.0**15, 2)
    assert after(True, True, True) == (2.0**16, 0)
    assert after(*[True] * 6) == (2.0**17, 0)


def test_an_overflow_among_good_steps_starts_the_count_again():
    assert after(True, True, False, True, True) == (2.0**14, 2)


def test_it_stays_between_1_and_2_to_the_24th():
    assert after(False, False, start=2.0) == (1.0, 0)
    assert after(*[True] * 6, start=2.0**23) == (2.0**24, 0)


def test_the_rule_compiles_and_counts_in_a_graph():
    scale = optimizer.build_loss_scale()
    step = tf.function(lambda finite: optimizer.update_loss_scale(scale, finite, 2))
    for finite in (True, True, False):
        step(tf.constant(finite))
    assert scale.scale.numpy() == 2.0**15
    assert scale.good_steps.numpy() == 0


# A critic in float16 whose gradient by each of 3 * 128² pixels is v * 2e-8: float16, whose
# smallest number is 6e-8, makes it 0.
TINY, SIDE = 2e-8, 128
NORM = TINY * np.sqrt(3) * SIDE


def tiny_penalty(scale, penalty_weight=1e8):
    """The norm, and the derivative by v at v = 1 of penalty_weight * norm²."""
    v = tf.Variable(1.0)

    def critic(images):
        features = tf.cast(images, tf.float16) * tf.cast(v, tf.float16)
        return tf.reduce_sum(tf.cast(features, tf.float32), axis=(1, 2, 3)) * TINY, None

    images = tf.ones((2, SIDE, SIDE, 3))
    scale = None if scale is None else tf.constant(scale)
    with tf.GradientTape() as tape:
        norm = losses.gradient_norm(critic, images, images, tf.zeros(2), scale)
        loss = penalty_weight * tf.reduce_mean(tf.square(norm))
    gradients = tape.gradient(loss, [v], output_gradients=scale)
    (derivative,) = optimizer.unscale(gradients, scale)
    return norm.numpy(), derivative.numpy()


def test_both_gradients_of_the_penalty_survive_float16():
    norm, derivative = tiny_penalty(optimizer.INITIAL_SCALE)
    # Known: |v| * NORM, under the square root with losses' own epsilon.
    np.testing.assert_allclose(norm, np.sqrt(NORM**2 + 1e-12), rtol=2e-3)
    assert derivative == pytest.approx(1e8 * 2 * NORM**2, rel=5e-3)


def test_without_a_scale_they_would_not():
    norm, derivative = tiny_penalty(None)
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
    parts = losses.discriminator_loss(*arguments, tf.constant(2.0**15))
    assert np.isfinite(parts.real_scores).all()
    assert not np.isfinite(parts.loss).any()


def test_a_scale_changes_nothing_in_float32():
    """Powers of two, and float32's range: not one bit."""
    w = tf.Variable(tf.random.stateless_normal((48, 5), (1, 2)))

    def critic(images):
        hidden = tf.nn.tanh(tf.reshape(images, (-1, 48)) @ w)
        return tf.reduce_sum(tf.square(hidden), axis=1), None

    reals = tf.random.stateless_normal((4, 4, 4, 3), (3, 4))
    fakes = tf.random.stateless_normal((4, 4, 4, 3), (5, 6))
    mixing = tf.constant([0.0, 0.2, 0.7, 1.0])
    results = []
    for scale in (None, tf.constant(2.0**15)):
        with tf.GradientTape() as tape:
            norm = losses.gradient_norm(critic, reals, fakes, mixing, scale)
            loss = tf.reduce_sum(tf.square(norm - 1.0))
        gradients = tape.gradient(loss, [w], output_gradients=scale)
        results.append([norm.numpy(), optimizer.unscale(gradients, scale)[0].numpy()])
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])
