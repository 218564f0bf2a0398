"""A replica's batch in parts, one after another, for less memory: `--micro_batch`.

Part p of P has pictures p, p + P, p + 2P, … `MinibatchStdDev` takes its groups at equal distances,
too, so each group is whole in one part; the first k-th of a part, where `losses` takes the gradient
penalty, is a part of the first k-th of the batch. So parts compute what the whole batch does.
"""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from pgan_tf.networks.layers.score_noise import noise_of_part

# From inputs of some examples to numbers for each of them, and gradients.
Compute = Callable[..., tuple[Sequence[tf.Tensor], Sequence[tf.Tensor]]]


def in_parts(
    compute: Compute, parts: int, inputs: Sequence[Any], like: Sequence[tf.Variable]
) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
    """Calls `compute` for each part. Returns its numbers for all examples, and summed gradients.

    `inputs` are nests of tensors, or None, whose first axis is the batch. The numbers, `(batch,)`
    float32 each, come in the batch's order. `like`: variables of the gradients' shapes.
    """
    if parts == 1:
        numbers, gradients = compute(*inputs)
        return list(numbers), list(gradients)
    split = [tf.nest.map_structure(lambda one: _split(one, parts), one) for one in inputs]

    # A function of its own: within a loop, TensorFlow's optimizer adds up in variables that it may
    # leave behind where memory is scarce, and the next call fails ("tmp_var", AlreadyExists).
    @tf.function(experimental_attributes={"_noinline": True})
    def compute_part(index: tf.Tensor, *inputs: Any) -> Any:
        with noise_of_part(index, parts):
            return compute(*inputs)

    def add(index: tf.Tensor, rows: tf.TensorArray, sums: list[tf.Tensor]) -> tuple[Any, ...]:
        chosen = [tf.nest.map_structure(lambda one: _choose(one, index), one) for one in split]
        numbers, gradients = compute_part(index, *chosen)
        added = [total + one for total, one in zip(sums, gradients, strict=True)]
        return index + 1, rows.write(index, tf.stack(list(numbers))), added

    zeros = [tf.zeros(one.shape, tf.float32) for one in like]
    start = (tf.constant(0), tf.TensorArray(tf.float32, parts), zeros)
    # One at a time: parts that run side by side would take the memory of all.
    _, rows, sums = tf.while_loop(
        lambda index, *_: index < parts, add, start, parallel_iterations=1, maximum_iterations=parts
    )
    by_number = tf.transpose(rows.stack(), (1, 2, 0))  # (numbers, examples of a part, parts)
    return tf.unstack(tf.reshape(by_number, (by_number.shape[0], -1))), list(sums)


def _split(batch: tf.Tensor | None, parts: int) -> tf.Tensor | None:
    """Returns `(examples of a part, parts, …)`: example i goes to part i mod `parts`."""
    if batch is None:
        return None
    return tf.reshape(batch, (batch.shape[0] // parts, parts, *batch.shape[1:]))


def _choose(split: tf.Tensor | None, part: tf.Tensor) -> tf.Tensor | None:
    return None if split is None else tf.gather(split, part, axis=1)
