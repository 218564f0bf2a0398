"""The optimizer: Adam with one operation per variable, and dynamic loss scaling for float16.

float16 ends at 65,504 and loses bits below 6e-5. So a loss is multiplied by a power of two before
it is differentiated, and the gradients are divided by it in float32, which is exact. The scale is
halved when a gradient overflows (that step is skipped) and doubled after many good steps
(Micikevicius et al., 2018, §3.2). The gradient penalty is scaled, too: `losses.gradient_norm`.
"""

import dataclasses
from typing import Any

import keras
import tensorflow as tf

from pgan_tf.networks.growth import slot_variables

INITIAL_SCALE = 2.0**15
_HIGHEST_SCALE = 2.0**24


class FusedAdam(keras.optimizers.Adam):
    """Keras's Adam (Kingma and Ba, 2015) with TensorFlow's fused kernel for the update.

    Keras's dozen separate operations took a third of an iteration at 4x4 pixels. It needs dense
    gradients, and supports only the learning rate, betas and epsilon.
    """

    def update_step(self, gradient: tf.Tensor, variable: Any, learning_rate: Any) -> None:
        """Updates a variable and its moments; `iterations` counts the steps before this one."""
        index, dtype = self._get_variable_index(variable), variable.dtype
        step = tf.cast(tf.convert_to_tensor(self.iterations) + 1, dtype)
        beta_1, beta_2 = tf.cast(self.beta_1, dtype), tf.cast(self.beta_2, dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=slot_variables(self, "momentum")[index].value.handle,
            v=slot_variables(self, "velocity")[index].value.handle,
            beta1_power=tf.pow(beta_1, step),
            beta2_power=tf.pow(beta_2, step),
            lr=tf.cast(learning_rate, dtype),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=tf.cast(self.epsilon, dtype),
            grad=tf.cast(gradient, dtype),
        )


@dataclasses.dataclass(frozen=True)
class LossScale:
    """The scale of one network's loss."""

    scale: tf.Variable  # float32, a power of two from 1 to 2^24
    good_steps: tf.Variable  # int64, steps with finite gradients since the last change of scale


def build_loss_scale() -> LossScale:
    """Creates a loss scale with its initial value. Call it within a strategy's scope."""
    options = {"trainable": False, "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA}
    scale = tf.Variable(INITIAL_SCALE, dtype=tf.float32, **options)
    return LossScale(scale, tf.Variable(0, dtype=tf.int64, **options))


def update_loss_scale(loss_scale: LossScale, finite: tf.Tensor, good_steps: int = 2000) -> None:
    """Halves the scale unless `finite`; doubles it after `good_steps`. In cross-replica context."""
    scale, good = loss_scale.scale.read_value(), loss_scale.good_steps.read_value()
    good = tf.where(finite, good + 1, 0)
    doubles = good >= good_steps
    raised = tf.where(doubles, tf.minimum(scale * 2.0, _HIGHEST_SCALE), scale)
    loss_scale.scale.assign(tf.where(finite, raised, tf.maximum(scale / 2.0, 1.0)))
    loss_scale.good_steps.assign(tf.where(doubles, tf.zeros_like(good), good))


def unscale(gradients: list[tf.Tensor], scale: tf.Tensor | None) -> list[tf.Tensor]:
    """Divides gradients by the scale, in float32. Without a scale, returns them unchanged."""
    return gradients if scale is None else [gradient / scale for gradient in gradients]
