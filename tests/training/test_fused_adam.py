"""Adam in one operation is Adam."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.networks.growth import slot_variables
from pgan_tf.training.optimizer import FusedAdam

SHAPES = ((7, 5), (5,), (1,))


def train(optimizer_class, strategy, beta_1, steps=20):
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

    for index in range(steps):
        # From large to small, and with zeros: where Adam's epsilon matters.
        gradients = [
            tf.constant(rng.standard_normal(shape) * 10.0**-index * (index % 3 > 0), tf.float32)
            for shape in SHAPES
        ]
        step(gradients, tf.constant(0.01 / (1 + index)))
    moments = [slot_variables(optimizer, slot) for slot in ("momentum", "velocity")]
    slots = [*variables, *moments[0], *moments[1], optimizer.iterations]
    return [np.array(variable) for variable in slots]


@pytest.mark.parametrize("beta_1", [0.0, 0.5])
@pytest.mark.parametrize("devices", ["one_device", "two_devices"])
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
