"""Growth: carries weights into the next stage by layer name, and sets the fade (paper, §2)."""

from typing import Any, NamedTuple

import keras

from pgan_tf.networks.layers import FADE
from tfrecords.common.errors import UserError

Variables = dict[str, keras.Variable]  # by name


class Carried(NamedTuple):
    """The variables that `carry_weights` set or left, by names such as `8x8_conv0/kernel`."""

    carried: tuple[str, ...]  # set to the source's value
    new: tuple[str, ...]  # not in the source, left as they were


def named_variables(model: keras.Model) -> Variables:
    """Returns all variables but a fade's alpha, by name such as `8x8_conv0/kernel`."""
    layers = [layer for layer in model.layers if layer.name != FADE]
    return {f"{layer.name}/{one.name}": one for layer in layers for one in layer.variables}


def optimizer_variables(optimizer: keras.optimizers.Optimizer, model: keras.Model) -> Variables:
    """Returns the state of a model's Adam: `iterations`, `layer/variable/momentum|velocity`."""
    names = {id(variable): name for name, variable in named_variables(model).items()}
    state = {"iterations": optimizer.iterations}
    for slot in ("momentum", "velocity"):
        values = slot_variables(optimizer, slot)
        for variable, value in zip(model.trainable_variables, values, strict=True):
            state[f"{names[id(variable)]}/{slot}"] = value
    return state


def slot_variables(optimizer: keras.optimizers.Optimizer, slot: str) -> list[keras.Variable]:
    """Returns an optimizer's `momentum` or `velocity` variables, in the order of the weights."""
    return [one for one in optimizer.variables if one.name.endswith(f"_{slot}")]


def carry_weights(source: Variables, target: Variables) -> Carried:
    """Copies values by name. Raises UserError if a shape differs, before changing anything."""
    carried = tuple(name for name in target if name in source)
    for name in carried:
        expected, got = tuple(target[name].shape), tuple(source[name].shape)
        if expected != got:
            wanted = "carry weights between networks of the same width"
            raise UserError(f"{name}: expected shape {expected}, got {got}: {wanted}")
    for name in carried:
        target[name].assign(source[name])
    return Carried(carried, tuple(name for name in target if name not in source))


def set_alpha(model: keras.Model, alpha: Any) -> None:
    """Sets how far the newest resolution has faded in, 0 to 1. No effect outside a fade."""
    for layer in model.layers:
        if layer.name == FADE:
            layer.alpha.assign(alpha)
