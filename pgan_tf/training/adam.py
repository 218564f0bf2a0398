"""Adam in one operation for each variable."""

from typing import Any

import keras
import tensorflow as tf

from pgan_tf.networks.growth import slot_variables


class FusedAdam(keras.optimizers.Adam):
    """Keras's Adam (Kingma and Ba, 2015), with TensorFlow's own kernel for the update.

    Keras builds the update from a dozen operations, each of which goes through memory; at 4x4
    pixels they were a third of an iteration. Only the arguments that concern the update itself
    work, with dense gradients.
    """

    def update_step(self, gradient: tf.Tensor, variable: Any, learning_rate: Any) -> None:
        """Moves a variable and its moments; `iterations` counts the steps before this one."""
        index = self._get_variable_index(variable)
        step = tf.cast(tf.convert_to_tensor(self.iterations) + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=slot_variables(self, "momentum")[index].value.handle,
            v=slot_variables(self, "velocity")[index].value.handle,
            beta1_power=tf.pow(tf.cast(self.beta_1, variable.dtype), step),
            beta2_power=tf.pow(tf.cast(self.beta_2, variable.dtype), step),
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=tf.cast(self.beta_1, variable.dtype),
            beta2=tf.cast(self.beta_2, variable.dtype),
            epsilon=tf.cast(self.epsilon, variable.dtype),
            grad=tf.cast(gradient, variable.dtype),
        )
