"""Adam in one operation is Adam; the loss scale's rule, and gradients that float16 would lose."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.networks.growth import slot_variables
from pgan_tf.training import losses
from pgan_tf.training.optimizer import (
    INITIAL_SCALE,
    FusedAdam,
    build_loss_scale,
    unscale,
    update_loss_scale,
)


@pytest.mark.parametrize("devices", ["one_device", "two_devices"])
def test_adam_moves_weights_and_moments_as_the_paper_says(devices, request):
    """Algorithm 1 of Kingma and Ba (2015) in the form before section 2.1, in float64."""
    strategy = request.getfixturevalue(devices)
    with strategy.scope():
        weight, other = keras.Variable(np.float32([1.0, -2.0])), keras.Variable(np.ones(3, "f"))
        optimizer = FusedAdam(0.0, beta_1=0.5, beta_2=0.99, epsilon=1e-8)
        optimizer.build([other, weight])

    @tf.function
    def step(gradient, learning_rate):
        optimizer.learning_rate.assign(learning_rate)
        # Over replicas the gradients add up.
        share = gradient / strategy.num_replicas_in_sync
        strategy.run(lambda: optimizer.apply([tf.zeros(3), tf.identity(share)], [other, weight]))

    expected, m, v = np.array([1.0, -2.0]), np.zeros(2), np.zeros(2)
    # The last ones are so small that Adam's epsilon matters.
    gradients = [[3.0, -1e-3], [-1.0, 0.0], [0.5, 2.0], *[[1e-8, -1e-7]] * 3]
    for number, gradient in enumerate(gradients, start=1):
        step(tf.constant(gradient), tf.constant(0.1 / number))
        m = 0.5 * m + 0.5 * np.array(gradient)
        v = 0.99 * v + 0.01 * np.array(gradient) ** 2
        rate = 0.1 / number * np.sqrt(1 - 0.99**number) / (1 - 0.5**number)
        expected -= rate * m / (np.sqrt(v) + 1e-8)
        np.testing.assert_allclose(weight, expected, rtol=1e-5)
    moments = [slot_variables(optimizer, slot)[1] for slot in ("momentum", "velocity")]
    np.testing.assert_allclose(moments, [m, v], rtol=1e-5)
    np.testing.assert_array_equal(other, np.ones(3))


@pytest.mark.parametrize(
    ("finite", "start", "expected"),
    [
        ([False], (2.0**15, 5), (2.0**14, 0)),
        ([True] * 2, (2.0**15, 0), (2.0**15, 2)),
        ([True] * 3, (2.0**15, 1998), (2.0**16, 1)),
        ([True, False, True], (2.0**15, 1998), (2.0**14, 1)),
        ([False] * 2, (2.0, 0), (1.0, 0)),  # it stays between 1 and 2^24
        ([True] * 2, (2.0**24, 1998), (2.0**24, 0)),
    ],
)
def test_an_overflow_halves_the_scale_and_2000_good_steps_in_a_row_double_it(
    finite, start, expected
):
    scale = build_loss_scale()
    assert (scale.scale.numpy(), scale.good_steps.numpy()) == (2.0**15, 0)
    scale.scale.assign(start[0])
    scale.good_steps.assign(start[1])
    step = tf.function(lambda finite: update_loss_scale(scale, finite))
    for one in finite:
        step(tf.constant(one))
    assert (scale.scale.numpy(), scale.good_steps.numpy()) == expected


def test_both_gradients_of_the_penalty_survive_float16_thanks_to_the_scale():
    """A critic whose gradient by each of 3 * 128² pixels is v * 2e-8, with v = 1.

    float16, whose smallest number is 6e-8, makes it 0.
    """
    v, images, weight = tf.Variable(1.0), tf.ones((2, 128, 128, 3)), 1e8

    def critic(images):
        features = tf.cast(images, tf.float16) * tf.cast(v, tf.float16)
        return tf.reduce_sum(tf.cast(features, tf.float32), axis=(1, 2, 3)) * 2e-8, None

    # Known: |v| times that of all pixels, under the square root with losses' own epsilon.
    squared = 3 * 128**2 * 2e-8**2
    for scale, expected in ((tf.constant(INITIAL_SCALE), squared), (None, 0)):
        with tf.GradientTape() as tape:
            norm = losses.gradient_norm(critic, images, images, tf.zeros(2), scale)
            penalty = weight * tf.reduce_mean(tf.square(norm))
        gradients = tape.gradient(penalty, [v], output_gradients=scale)
        (derivative,) = unscale(gradients, scale)
        np.testing.assert_allclose(norm, np.sqrt(expected + 1e-12), rtol=2e-3)
        assert derivative.numpy() == pytest.approx(weight * 2 * expected, rel=5e-3)
