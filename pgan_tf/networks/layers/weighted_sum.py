"""The fade between two resolutions (paper, §2, figure 2)."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

FADE = "fade"  # the layer's name in both networks


@keras.saving.register_keras_serializable(package="pgan_tf")
class WeightedSum(keras.layers.Layer):
    """The fade (paper, §2, figure 2): (1 - alpha) * old + alpha * new.

    Alpha is a non-trainable variable, so that changing it does not retrace the step.

    Call: `[old, new]`, two tensors of one shape → that shape.
    """

    def __init__(self, alpha: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.initial_alpha = alpha

    def build(self, input_shape: Any) -> None:
        """Creates alpha, in float32 whatever the precision."""
        initial = keras.initializers.Constant(self.initial_alpha)
        options = {"trainable": False, "autocast": False, "initializer": initial}
        self.alpha = self.add_weight(name="alpha", dtype="float32", **options)

    def call(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """Blends."""
        old, new = inputs
        return old + (new - old) * tf.cast(tf.convert_to_tensor(self.alpha), old.dtype)
