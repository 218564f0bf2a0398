"""Pictures of seeds: a file for each, or a sheet."""

import posixpath
from collections.abc import Iterator, Sequence

import numpy as np
from tqdm import tqdm

from pgan_tf.generating.output import make_folder_of, write_picture
from pgan_tf.generating.painter import BATCH_SIZE, Painter
from pgan_tf.networks import sampling
from pgan_tf.runs import sheets


def draw_seeds(
    painter: Painter, seeds: Sequence[int], classes: Sequence[int]
) -> Iterator[np.ndarray]:
    """Yields the picture of each seed, `(resolution, resolution, channels)` uint8.

    The seeds take turns with the classes. However many, a batch of pictures is in memory.
    """
    for begin in range(0, len(seeds), BATCH_SIZE):
        part = seeds[begin : begin + BATCH_SIZE]
        turns = [classes[i % len(classes)] for i in range(begin, begin + len(part))]
        latents = sampling.latents_from_seeds(part, painter.latent_size)
        yield from painter.draw(latents, sampling.one_hot_labels(turns, painter.label_size))


def write_pictures(
    painter: Painter, seeds: Sequence[int], classes: Sequence[int], folder: str, scale: int = 1
) -> None:
    """Writes `seed-000007.png` and its like, each pixel repeated `scale` times, each way.

    Raises UserError if the folder can't be made, or a file can't be written.
    """
    make_folder_of(posixpath.join(folder, ""))
    pictures = tqdm(draw_seeds(painter, seeds, classes), "Drawing", len(seeds), disable=None)
    for seed, picture in zip(seeds, pictures, strict=True):
        path = posixpath.join(folder, f"seed-{seed:06d}.png")
        write_picture(path, enlarge(picture, scale))


def write_grid(
    painter: Painter,
    seeds: Sequence[int],
    classes: Sequence[int],
    columns: int,
    path: str,
    scale: int = 1,
) -> None:
    """Writes one PNG, JPEG or WebP sheet of pictures, row by row; otherwise as `write_pictures`."""
    make_folder_of(path)
    pictures = tqdm(draw_seeds(painter, seeds, classes), "Drawing", len(seeds), disable=None)
    sheet = sheets.make_grid(np.stack(list(pictures)), columns, painter.resolution * scale)
    write_picture(path, sheet)


def enlarge(picture: np.ndarray, scale: int) -> np.ndarray:
    """Repeats each pixel of a `(height, width, channels)` picture, each way."""
    return picture.repeat(scale, axis=0).repeat(scale, axis=1)
