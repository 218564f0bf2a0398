"""Draws latents from seeds and pictures from generators; makes one-hot labels; reduces pictures."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfrecords.pictures.alpha import clip_to_alpha


def latents_from_seeds(seeds: Sequence[int], latent_size: int) -> np.ndarray:
    """Returns each seed's own latent vector: `(n, latent_size)` float32 from N(0, 1).

    They come from the Philox generator, so that other languages can draw the same numbers.
    """
    return _latents_in_a_graph(tf.constant(list(seeds), tf.int64), latent_size).numpy()


def latents_of_seeds(seeds: tf.Tensor, latent_size: int) -> tf.Tensor:
    """Does the same as `latents_from_seeds`, in a graph, for `(n,)` int64 seeds."""

    def draw(seed: tf.Tensor) -> tf.Tensor:
        key = tf.stack([seed, tf.zeros_like(seed)])
        return tf.random.stateless_normal((latent_size,), key, alg="philox")

    return tf.map_fn(draw, seeds, fn_output_signature=tf.TensorSpec((latent_size,), tf.float32))


# In eager mode each seed takes milliseconds.
_latents_in_a_graph = tf.function(latents_of_seeds, reduce_retracing=True)


def one_hot_labels(classes: Sequence[int], label_size: int) -> np.ndarray:
    """Returns `(n, label_size)` float32 one-hot rows of class numbers, modulo `label_size`."""
    numbers = np.asarray(classes, int) % max(1, label_size)
    return (np.arange(label_size) == numbers[:, None]).astype(np.float32)


def generate(
    generator: Callable[[Sequence[Any]], tf.Tensor],
    latents: np.ndarray,
    labels: np.ndarray,
    batch_size: int = 16,
    depth: int = 8,
) -> np.ndarray:
    """Draws `(n, height, width, channels)` uint8 pictures, `batch_size` at a time.

    With more bits than 8 they are float32, as of `to_levels`. The color of transparent pictures is
    premultiplied: see `tfrecords.pictures.alpha`.
    """
    batches = (slice(start, start + batch_size) for start in range(0, len(latents), batch_size))
    convert = to_uint8 if depth == 8 else to_levels
    images = [convert(generator([latents[one], labels[one]]).numpy()) for one in batches]
    return np.concatenate(images)


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Converts float pictures to uint8: -1 becomes 0, 1 becomes 255; clips, color to alpha."""
    pixels = np.clip(np.rint((images + 1.0) * 127.5), 0, 255).astype(np.uint8)
    return clip_to_alpha(pixels) if images.shape[-1] == 4 else pixels


def to_uint16(images: np.ndarray) -> np.ndarray:
    """Converts float pictures to uint16: -1 becomes 0, 1 becomes 65535; clips."""
    return np.clip(np.rint((images + 1.0) * 32767.5), 0, 65535).astype(np.uint16)


def to_levels(images: np.ndarray) -> np.ndarray:
    """Converts float pictures to float32: -1 becomes 0, 1 becomes 255; clips, rounds nothing."""
    return np.clip((images + np.float32(1.0)) * np.float32(127.5), 0, 255)


def average_down(pictures: np.ndarray, height: int) -> np.ndarray:
    """Averages blocks of `(n, h, w, channels)` uint8, h = height * 2ⁿ: float32, 0 to 255."""
    factor, width = pictures.shape[1] // height, height * pictures.shape[2] // pictures.shape[1]
    blocks = pictures.reshape(-1, height, factor, width, factor, pictures.shape[-1])
    return blocks.mean(axis=(2, 4), dtype=np.float32)
