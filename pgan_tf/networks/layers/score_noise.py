"""Noise that grows when the discriminator wins (paper, appendix B: LSGAN)."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

NOISE = "score_noise"  # the layer's name in the discriminator
_MOMENTUM = 0.9  # of the moving average of fake scores, per D step
_WITHIN = threading.local()  # `part`: which part of the batch the calls in this thread get


@keras.saving.register_keras_serializable(package="pgan_tf")
class ScoreNoise(keras.layers.Layer):
    """Multiplies features by Gaussian noise around 1 (paper, appendix B).

    Its standard deviation is strength * max(0, d - 0.5)² * sqrt(channels), where d is a moving
    average of fake scores: LSGAN's targets are 0 for fakes and 1 for reals.

    Each example and feature map gets one random number. (Differs from the paper, which leaves open
    whether each pixel gets its own.) It depends on `set_noise_seed`, `place` and the example's
    position in the global batch, and not on the number of devices.

    Call: `(batch, …, channels)` float, `place` in the discriminator → the same shape.
    """

    def __init__(self, strength: float = 0.2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.strength = strength

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the moving average and the seed, neither trainable."""
        options = {"trainable": False, "autocast": False, "initializer": "zeros"}
        self.score_average = self.add_weight(name="score_average", dtype="float32", **options)
        self.noise_seed = self.add_weight(name="noise_seed", shape=(2,), dtype="int64", **options)

    def call(self, inputs: tf.Tensor, place: int = 0) -> tf.Tensor:
        """Multiplies by noise."""
        context = tf.distribute.get_replica_context()
        batch, channels = tf.shape(inputs)[0], inputs.shape[-1]
        seed = tf.random.fold_in(tf.convert_to_tensor(self.noise_seed), place)
        part, parts = getattr(_WITHIN, "part", (0, 1))
        whole = batch * parts * context.num_replicas_in_sync
        noise = tf.random.stateless_normal((whole, channels), seed)
        # Split over replicas as in `dataset.make_dataset`, then as in `micro_batches`.
        noise = noise[context.replica_id_in_sync_group :: context.num_replicas_in_sync]
        noise = tf.gather(tf.reshape(noise, (batch, parts, channels)), part, axis=1)
        excess = tf.nn.relu(tf.convert_to_tensor(self.score_average) - 0.5)
        factors = 1.0 + noise * (self.strength * tf.square(excess) * channels**0.5)
        shape = (batch, *[1] * (len(inputs.shape) - 2), channels)
        return inputs * tf.cast(tf.reshape(factors, shape), inputs.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Keeps Keras from calling the layer to find the shape, outside of a replica."""
        return input_shape


@contextlib.contextmanager
def noise_of_part(part: tf.Tensor | int, parts: int) -> Iterator[None]:
    """Within it, pictures are every `parts`-th of a replica's batch from `part` on."""
    _WITHIN.part = part, parts
    try:
        yield
    finally:
        del _WITHIN.part


def set_noise_seed(discriminator: keras.Model, seed: tf.Tensor) -> None:
    """Sets the seed of the noise, `(2,)` int64. No effect without a `ScoreNoise` layer."""
    for layer in _noise_layers(discriminator):
        layer.noise_seed.assign(seed)


def follow_scores(discriminator: keras.Model, fake_score: tf.Tensor) -> None:
    """Updates the average after a D step; `fake_score` is a scalar, the global batch's mean."""
    for average in (layer.score_average for layer in _noise_layers(discriminator)):
        average.assign(_MOMENTUM * average + (1.0 - _MOMENTUM) * fake_score)


def _noise_layers(discriminator: keras.Model) -> list[ScoreNoise]:
    return [layer for layer in discriminator.layers if layer.name == NOISE]
