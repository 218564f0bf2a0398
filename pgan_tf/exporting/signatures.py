"""What an exported generator answers to: latents or seeds in, pictures or PNG files out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import tensorflow as tf

from pgan_tf.networks.folded import InferenceGenerator
from pgan_tf.networks.sampling import latents_of_seeds

# What `tf.function` returns.
TfFunction: TypeAlias = tf.types.experimental.PolymorphicFunction


def make_signatures(generator: InferenceGenerator) -> dict[str, TfFunction]:
    """Returns the functions of a SavedModel, all with a free batch dimension.

    - `serving_default`: `latents` float32 (batch, latent_size) → `images` float32
      (batch, height, width, channels), clipped to [-1, 1].
    - `png`: the same → `image_bytes`, (batch,) PNG files.
    - `from_seed`: `seeds` int64 (batch,), 0 or more → `images`; a seed stands for the same
      latents as in generate.py.

    With classes each also takes `labels` float32 (batch, label_size), one-hot.
    """

    def images(latents: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        return tf.clip_by_value(generator([latents, labels]), -1.0, 1.0)

    def png(latents: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        pixels = tf.cast(tf.round((images(latents, labels) + 1.0) * 127.5), tf.uint8)
        return tf.map_fn(tf.io.encode_png, pixels, fn_output_signature=tf.string)

    def from_seed(seeds: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        return images(latents_of_seeds(seeds, generator.config.latent_size), labels)

    latents = tf.TensorSpec((None, generator.config.latent_size), tf.float32, name="latents")
    seeds = tf.TensorSpec((None,), tf.int64, name="seeds")
    label_size = generator.config.label_size
    return {
        "serving_default": _signature(images, latents, label_size, "images"),
        "png": _signature(png, latents, label_size, "image_bytes"),
        "from_seed": _signature(from_seed, seeds, label_size, "images"),
    }


def keras_endpoint(function: TfFunction) -> TfFunction:
    """Returns one of `make_signatures` as `keras.layers.TFSMLayer` calls it: of one argument.

    That is the one input, or with classes a dict of both by their names.
    """
    specs = {spec.name: spec for spec in function.input_signature}
    if len(specs) == 1:
        return function

    def of_dict(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return function(*(inputs[name] for name in specs))

    return tf.function(of_dict, input_signature=[specs])


def _signature(
    function: Callable, first: tf.TensorSpec, label_size: int, output: str
) -> TfFunction:
    """Makes a function of two tensors one of named inputs and outputs, labels only with classes."""
    if label_size:
        labels = tf.TensorSpec((None, label_size), tf.float32, name="labels")

        def with_labels(first: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
            return {output: function(first, labels)}

        return tf.function(with_labels, input_signature=[first, labels])

    def without(first: tf.Tensor) -> dict[str, tf.Tensor]:
        return {output: function(first, tf.zeros((tf.shape(first)[0], 0)))}

    return tf.function(without, input_signature=[first])
