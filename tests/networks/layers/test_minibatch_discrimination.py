"""Minibatch discrimination against the formula of Salimans et al. (2016), written out."""

import numpy as np
import tensorflow as tf

from pgan_tf.networks.layers.minibatch_discrimination import MinibatchDiscrimination


def by_hand(features, tensor):
    """o_b(i), one example, kernel and component at a time."""
    matrices = np.einsum("if,fbc->ibc", features, tensor)
    result = np.zeros(matrices.shape[:2])
    for i in range(len(matrices)):
        for j in range(len(matrices)):
            if i != j:
                result[i] += np.exp(-np.abs(matrices[i] - matrices[j]).sum(axis=-1))
    return result


def test_it_appends_the_published_sums_as_feature_maps():
    features = np.random.default_rng(0).normal(size=(5, 2, 2, 3)).astype(np.float32)
    layer = MinibatchDiscrimination(4, 3, seed=1)
    outputs = layer(features).numpy()
    assert outputs.shape == (5, 2, 2, 7)
    np.testing.assert_array_equal(outputs[..., :3], features)
    expected = by_hand(features.reshape(5, 12), layer.kernel.numpy().reshape(12, 4, 3))
    for y in range(2):
        for x in range(2):
            np.testing.assert_allclose(outputs[:, y, x, 3:], expected, atol=1e-6)


def test_equal_examples_are_as_near_as_can_be():
    features = np.tile(np.random.default_rng(1).normal(size=(1, 4, 4, 2)), (6, 1, 1, 1))
    outputs = MinibatchDiscrimination(3, 2)(features.astype(np.float32)).numpy()
    np.testing.assert_allclose(outputs[..., 2:], 5.0, atol=1e-5)


def test_an_example_alone_has_no_neighbours():
    outputs = MinibatchDiscrimination(3, 2)(np.ones((1, 4, 4, 2), np.float32)).numpy()
    np.testing.assert_allclose(outputs[..., 2:], 0.0, atol=1e-6)


def test_it_has_the_second_derivatives_that_the_gradient_penalty_needs():
    layer = MinibatchDiscrimination(3, 2, seed=2)
    inputs = tf.random.stateless_normal((4, 2, 2, 3), (1, 2))
    layer(inputs)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            inner.watch(inputs)
            total = tf.reduce_sum(layer(inputs)[..., 3:] ** 2)
        loss = tf.reduce_sum(tf.square(inner.gradient(total, inputs)))
    gradient = outer.gradient(loss, layer.kernel.value).numpy()
    assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0


def test_its_configuration_makes_it_again():
    layer = MinibatchDiscrimination(7, 3, seed=5)
    again = MinibatchDiscrimination.from_config(layer.get_config())
    assert (again.num_kernels, again.kernel_size, again.seed) == (7, 3, 5)
