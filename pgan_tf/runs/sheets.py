"""Sheets of samples: many small pictures side by side."""

import numpy as np

from pgan_tf.config.training import NetworkConfig
from pgan_tf.networks.sampling import latents_from_seeds, one_hot_labels
from pgan_tf.runs.files import write_file
from tfrecords.pictures.kinds import encode_picture

_SHEET_WIDTH, _SHEET_HEIGHT = 1024, 512  # about, in pixels


def sheet_shape(resolution: int) -> tuple[int, int]:
    """Returns columns and rows of a sheet of samples for pictures of so many pixels."""
    return max(4, min(16, _SHEET_WIDTH // resolution)), max(2, min(8, _SHEET_HEIGHT // resolution))


def sheet_inputs(config: NetworkConfig, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the latents and labels of a run's sheets; with classes, each column is one."""
    columns, rows = sheet_shape(config.resolution)
    latents = latents_from_seeds(range(seed, seed + columns * rows), config.latent_size)
    return latents, one_hot_labels(list(range(columns)) * rows, config.label_size)


def make_grid(pictures: np.ndarray, columns: int, resolution: int) -> np.ndarray:
    """Lays `(n, r, r, channels)` uint8 pictures out in rows, the last one filled up with white.

    Each is enlarged by nearest neighbor to `resolution`, a multiple of r. Returns
    `(rows * resolution, columns * resolution, channels)` uint8.
    """
    scale = resolution // pictures.shape[1]
    pictures = pictures.repeat(scale, axis=1).repeat(scale, axis=2)
    missing = -len(pictures) % columns
    pictures = np.pad(pictures, ((0, missing), (0, 0), (0, 0), (0, 0)), constant_values=255)
    count, height, width, channels = pictures.shape
    rows = pictures.reshape(count // columns, columns, height, width, channels)
    return rows.transpose(0, 2, 1, 3, 4).reshape(-1, columns * width, channels)


def write_png(path: str, picture: np.ndarray) -> None:
    """Writes a `(height, width, 1 or 3)` uint8 picture, whole or not at all."""
    write_file(path, encode_picture(picture))
