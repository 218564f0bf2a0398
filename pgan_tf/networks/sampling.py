"""Latents from seeds, pictures from generators, grids from pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pgan_tf.config.training import NetworkConfig
from pgan_tf.runs.files import write_file
from tfrecords.pictures.picture_file import encode_picture

# A sheet of samples is about this large, in pixels.
_SHEET_WIDTH, _SHEET_HEIGHT = 1024, 512


def latents_from_seeds(seeds: Sequence[int], latent_size: int) -> np.ndarray:
    """Returns a latent vector for each seed, always the same: `(n, latent_size)` float32, N(0, 1).

    Philox, so that another language can draw the same numbers.
    """
    return latents_of_seeds(tf.constant(list(seeds), tf.int64), latent_size).numpy()


def latents_of_seeds(seeds: tf.Tensor, latent_size: int) -> tf.Tensor:
    """Does the same in a graph, for `(n,)` int64 seeds."""
    return tf.map_fn(
        lambda seed: tf.random.stateless_normal(
            (latent_size,), tf.stack([seed, tf.zeros_like(seed)]), alg="philox"
        ),
        seeds,
        fn_output_signature=tf.TensorSpec((latent_size,), tf.float32),
    )


def one_hot_labels(classes: Sequence[int], label_size: int) -> np.ndarray:
    """Returns `(n, label_size)` float32 for class numbers; they repeat beyond label_size."""
    if label_size == 0:
        return np.zeros((len(classes), 0), np.float32)
    numbers = np.asarray(classes, int) % label_size
    return (np.arange(label_size) == numbers[:, None]).astype(np.float32)


def generate(
    generator: Callable[[Sequence[Any]], tf.Tensor],
    latents: np.ndarray,
    labels: np.ndarray,
    batch_size: int = 16,
) -> np.ndarray:
    """Generates pictures.

    Args:
        generator: from `[latents, labels]` to pictures; see `networks.build_generator` and
            `exporting.inference`.
        latents: `(n, latent_size)` float32.
        labels: `(n, label_size)` float32.
        batch_size: pictures computed at once.

    Returns:
        `(n, resolution, resolution, channels)` uint8.
    """
    batches = [
        to_uint8(generator([latents[i : i + batch_size], labels[i : i + batch_size]]).numpy())
        for i in range(0, len(latents), batch_size)
    ]
    return np.concatenate(batches)


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Returns float pictures in [-1, 1] as uint8: -1 becomes 0 and 1 becomes 255."""
    return np.clip(np.rint((images + 1.0) * 127.5), 0, 255).astype(np.uint8)


def sheet_shape(resolution: int) -> tuple[int, int]:
    """Returns columns and rows of a sheet of samples that is pleasant to look at."""
    return max(4, min(16, _SHEET_WIDTH // resolution)), max(2, min(8, _SHEET_HEIGHT // resolution))


def sheet_inputs(config: NetworkConfig, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the latents and labels that a run's sheets show at every tick.

    With classes, each column is one class.
    """
    columns, rows = sheet_shape(config.resolution)
    latents = latents_from_seeds(range(seed, seed + columns * rows), config.latent_size)
    return latents, one_hot_labels(list(range(columns)) * rows, config.label_size)


def make_grid(pictures: np.ndarray, columns: int, resolution: int) -> np.ndarray:
    """Lays pictures out in rows, each enlarged to `resolution` by nearest neighbour.

    Args:
        pictures: `(n, r, r, channels)` uint8, where r divides `resolution`.
        columns: pictures in a row; the last row is filled up with white.
        resolution: of one picture in the grid, in pixels.

    Returns:
        `(rows * resolution, columns * resolution, channels)` uint8.
    """
    scale = resolution // pictures.shape[1]
    pictures = pictures.repeat(scale, axis=1).repeat(scale, axis=2)
    missing = -len(pictures) % columns
    pictures = np.pad(pictures, ((0, missing), (0, 0), (0, 0), (0, 0)), constant_values=255)
    count, height, width, channels = pictures.shape
    rows = pictures.reshape(count // columns, columns, height, width, channels)
    return rows.transpose(0, 2, 1, 3, 4).reshape(-1, columns * width, channels)


def encode_png(picture: np.ndarray) -> bytes:
    """Returns a `(height, width, 1 or 3)` uint8 picture as a PNG file."""
    return encode_picture(picture)


def write_png(path: str, picture: np.ndarray) -> None:
    """Writes a `(height, width, 1 or 3)` uint8 picture, whole or not at all."""
    write_file(path, encode_png(picture))
