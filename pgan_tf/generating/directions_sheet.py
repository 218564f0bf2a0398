"""The sheet of directions: a row for each, with pictures from its - to its +."""

import posixpath
from collections.abc import Mapping, Sequence

import numpy as np
from tqdm import tqdm

from pgan_tf.exporting.directions_file import DIRECTIONS_FILE, directions_file
from pgan_tf.generating.directions import move
from pgan_tf.generating.pictures import make_folder_of, write_picture
from pgan_tf.generating.sampler import Sampler
from pgan_tf.networks.directions import Directions
from pgan_tf.networks.sampling import one_hot_labels
from pgan_tf.runs import lettering, sheets
from pgan_tf.runs.lettering import Words
from tfrecords.common.files import write_file
from tfrecords.common.paths import writing

_LABEL_WIDTH, _LETTERS, _GAP = 44, 16, 12


def write_directions(
    found: Mapping[str, Directions],
    sampler: Sampler,
    names: Sequence[str],
    latents: np.ndarray,
    classes: list[int],
    folder: str,
    shape: tuple[int, int],
    strength: float,
    scale: int,
) -> None:
    """Writes `directions.npz`, and a sheet of each kind: columns of strengths, rows of directions.

    UserError if the folder cannot be written.
    """
    make_folder_of(posixpath.join(folder, ""))
    for kind, directions in found.items():
        sheet = make_sheet(sampler, directions, names, latents, classes, shape, strength, scale)
        write_picture(posixpath.join(folder, f"{kind}.png"), sheet)
    path = posixpath.join(folder, DIRECTIONS_FILE)
    with writing(f"--output={path}"):
        write_file(path, directions_file(found))


def make_sheet(
    sampler: Sampler,
    directions: Directions,
    names: Sequence[str],
    latents: np.ndarray,
    classes: list[int],
    shape: tuple[int, int],
    strength: float,
    scale: int,
) -> np.ndarray:
    """Draws `(height, width, channels)` uint8: named latents with each strength of each direction.

    `shape` is the number of strengths, from -strength to strength, and of directions.
    """
    columns, rows = shape
    strengths = np.linspace(-strength, strength, columns) if columns > 1 else np.array([strength])
    labels = one_hot_labels(classes, sampler.label_size)[np.arange(len(latents)) % len(classes)]
    cell, height = (scale * side for side in sampler.size)
    width, channels = _LABEL_WIDTH + len(latents) * (columns * cell + _GAP), sampler.num_channels
    lefts = [_LABEL_WIDTH + i * (columns * cell + _GAP) for i in range(len(latents))]
    titles, marks = [], []
    for left, name in zip(lefts, names, strict=True):
        titles.append(Words(name, left, left + columns * cell))
        for column, value in enumerate(strengths):
            start = left + column * cell
            marks.append(Words(f"{value:+.2g}" if value else "0", start, start + cell))
    lines = [lettering.draw_line(width, _LETTERS, words)[..., None] for words in (titles, marks)]
    parts = [lettering.to_channels(line, channels) for line in lines]
    for row in tqdm(range(min(rows, len(directions.vectors))), "Drawing", disable=None):
        drawn = np.full((height, width, channels), 255, np.uint8)
        label = lettering.draw_line(_LABEL_WIDTH, _LETTERS, [Words(str(row), 0, _LABEL_WIDTH)])
        top = max(0, (height - len(label)) // 2)
        room = drawn[top : top + len(label), :_LABEL_WIDTH]
        room[:] = lettering.to_channels(label[: len(room), :, None], channels)
        moved = [move(latents, directions.vectors[row], value) for value in strengths]
        every = np.stack(moved, axis=1).reshape(-1, sampler.latent_size)
        pictures = np.stack(list(sampler.draw(every, labels.repeat(columns, axis=0))))
        for left, group in zip(lefts, np.split(pictures, len(latents)), strict=True):
            drawn[:, left : left + columns * cell] = sheets.make_grid(group, columns, height)
        parts.append(drawn)
    return np.concatenate(parts)
