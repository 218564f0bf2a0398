"""ReLUs whose gradients use that they are piecewise linear."""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="pgan_tf")
class Rectifier(keras.layers.Layer):
    """Leaky ReLU, or plain ReLU with slope 0.

    Its second derivative is 0, and this layer reports no gradient for it. TensorFlow's ReLU returns
    tensors of zeros, which the gradient penalty propagates: an eighth of its time, for nothing.
    """

    def __init__(self, slope: float = 0.2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.slope = slope

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Multiplies negative features by the slope."""

        @tf.custom_gradient
        def rectify(x: tf.Tensor) -> tuple[tf.Tensor, Any]:
            rectified = tf.nn.leaky_relu(x, self.slope)
            return rectified, lambda gradient: _multiply(gradient, x, self.slope)

        return rectify(inputs)


def _multiply(gradients: tf.Tensor, features: tf.Tensor, slope: float) -> tf.Tensor:
    """Multiplies by 1 where a feature is positive, by the slope elsewhere."""

    @tf.custom_gradient
    def multiply(g: tf.Tensor, x: tf.Tensor) -> tuple[tf.Tensor, Any]:
        product = tf.raw_ops.LeakyReluGrad(gradients=g, features=x, alpha=slope)
        return product, lambda gradient: (_multiply(gradient, x, slope), None)

    return multiply(gradients, features)
