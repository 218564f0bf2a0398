"""The ReLUs, and what they save the gradient penalty."""

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.networks.layers.rectifier import Rectifier

X = np.array([[-3.0, -0.5, 0.5, 2.0]], np.float32)


@pytest.mark.parametrize("slope", [0.2, 0.0])
@pytest.mark.parametrize("compiled", [False, True])
def test_values_and_derivatives_are_those_of_a_piecewise_linear_function(slope, compiled):
    layer = Rectifier(slope)

    def derivatives(x, w):
        with tf.GradientTape(persistent=True) as outer:
            outer.watch((x, w))
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = layer(x)
                total = tf.reduce_sum(w * y)
            first = inner.gradient(total, x)
            squares = tf.reduce_sum(first**2)
        # By w, through the gradient's gradient; by x there is none, and none is what comes.
        return y, first, outer.gradient(squares, w), outer.gradient(squares, x)

    w = tf.constant([[1.0, 2.0, 3.0, 4.0]])
    function = tf.function(derivatives) if compiled else derivatives
    y, first, by_w, by_x = function(tf.constant(X), w)
    slopes = np.where(X > 0, 1.0, slope)
    np.testing.assert_allclose(y, slopes * X, rtol=1e-6)
    np.testing.assert_allclose(first, slopes * w, rtol=1e-6)
    np.testing.assert_allclose(by_w, 2 * slopes**2 * w, rtol=1e-6)
    assert by_x is None


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_halves_stay_halves(dtype):
    x = tf.constant(X, dtype)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = Rectifier(0.2, dtype=dtype.name)(x)
    assert y.dtype == tape.gradient(y, x).dtype == dtype


def test_a_layer_is_made_again_from_its_config():
    assert Rectifier.from_config(Rectifier(0.1).get_config()).slope == 0.1
