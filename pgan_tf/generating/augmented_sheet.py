"""A sheet of real pictures as they are, and as the discriminator sees them augmented.

A row shows a resolution of growth, from the lowest down to the last one: the same pictures with
the same transforms, enlarged or averaged to one size.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pgan_tf.data.damage import readable_data_errors
from pgan_tf.data.dataset import make_dataset
from pgan_tf.networks.sampling import to_uint8
from pgan_tf.runs import lettering
from pgan_tf.runs.lettering import Words
from pgan_tf.training.augmentation import augment, draw_transforms
from tfrecords.common.shape import PAPER, Base
from tfrecords.common.text import counted
from tfrecords.format.dataset_info import DatasetInfo
from tfrecords.pictures.alpha import in_colors, on_checkerboard, straight

# In pixels. Each picture has a frame of one pixel; its shade shows the edges of white ones.
_CELL, _FRAME_SHADE, _LABEL_WIDTH = 128, 190, 96
_BETWEEN_PICTURES, _BETWEEN_ROWS, _BETWEEN_VIEWS = 4, 10, 28
_HEADING_LETTERS, _LETTERS = 22, 17
_HEADING = "What the discriminator sees with --augment="
_EXPLANATION = {
    "ada": "The strength, from 0 to 1, is the chance of each of color, shift and cut-out. "
    "It rises where the discriminator learns the pictures by heart.",
    "diffaug": "Color, shift and cut-out of every picture, anew each time.",
}


class View(NamedTuple):
    """One look at all pictures."""

    title: str
    strength: float  # 0 to 1
    draw: int = 0  # draws with the same number differ in strength only


VIEWS = {
    "ada": [View(f"at strength {strength:g}", strength) for strength in (0.3, 0.6, 1)],
    "diffaug": [
        View(f"the {time} time", 1.0, draw)
        for draw, time in enumerate(("first", "second", "third"))
    ],
}


def make_sheet(
    info: DatasetInfo, resolutions: Sequence[int], method: str, count: int, seed: int
) -> np.ndarray:
    """Draws `count` pictures of a dataset in each resolution, `(height, width, channels)` uint8.

    `method` is a key of VIEWS; the seed decides which pictures, and their transforms. UserError for
    damaged records.
    """
    views, (cell, height) = VIEWS[method], cell_of(info.base)
    pitch = cell + 2 + _BETWEEN_PICTURES
    view_width = count * pitch - _BETWEEN_PICTURES
    lefts = [_LABEL_WIDTH + view * (view_width + _BETWEEN_VIEWS) for view in range(1 + len(views))]
    width = lefts[-1] + view_width + _BETWEEN_VIEWS
    about = f"{lettering.readable(info.name) or 'data'}: {counted(info.num_images, 'picture')}"
    texts = {f"{_HEADING}{method}": _HEADING_LETTERS, f"{about}. {_EXPLANATION[method]}": _LETTERS}
    between, channels = _blank(_BETWEEN_ROWS, width), 1 if info.num_channels == 1 else 3
    parts = [between]
    for text, size in texts.items():
        parts.append(_line(width, size, [Words(text, _BETWEEN_VIEWS, width, False)]))
    titles = ["as they are", *(view.title for view in views)]
    captions = [
        Words(title, left, left + view_width) for title, left in zip(titles, lefts, strict=True)
    ]
    parts += [between, _line(width, _LETTERS, captions)]
    for resolution in resolutions:
        row = _blank(height + 2, width, channels)
        text = f"{resolution} px" if info.base == PAPER else info.base.text(resolution)
        label = _line(_LABEL_WIDTH, _LETTERS, [Words(text, 0, _LABEL_WIDTH)])
        top = (len(row) - len(label)) // 2
        row[top : top + len(label), :_LABEL_WIDTH] = label
        for left, pictures in zip(lefts, _look(info, resolution, views, count, seed), strict=True):
            for number, picture in enumerate(pictures):
                start = left + number * pitch
                row[:, start : start + cell + 2] = _FRAME_SHADE
                row[1:-1, start + 1 : start + 1 + cell] = picture
        parts += [row, between]
    return np.concatenate([lettering.to_channels(part, channels) for part in parts])


def _look(
    info: DatasetInfo, resolution: int, views: Sequence[View], count: int, seed: int
) -> list[list[np.ndarray]]:
    """Returns the pictures as they are, then each view of them, as cells of the sheet."""
    with readable_data_errors():
        dataset = make_dataset(
            info,
            resolution,
            global_batch_size=count,
            label_size=0,
            seed=seed,
            memory_bytes=0,  # reads only a few
        )
        images, _ = next(iter(dataset))
    looks = [images]
    for view in views:
        transforms = draw_transforms(count, (seed, view.draw), view.strength)
        looks.append(augment(images, transforms))
    size = cell_of(info.base)
    return [[to_cell(image, size) for image in look.numpy()] for look in looks]


def cell_of(base: Base) -> tuple[int, int]:
    """Returns the width and the height of a picture on the sheet, at most 128 pixels."""
    doublings = (_CELL // max(base.width, base.height)).bit_length() - 1
    return base.width << doublings, base.height << doublings


def to_cell(image: np.ndarray, size: tuple[int, int] = (_CELL, _CELL)) -> np.ndarray:
    """Enlarges a picture in [-1, 1] to uint8 of the cell's size, or averages it down to it."""
    (width, height), channels = size, image.shape[-1]
    if (factor := len(image) // height) > 1:
        tiles = image.reshape(height, factor, width, factor, channels)
        image = np.clip(tiles, -1, 1).mean(axis=(1, 3))
    scale = height // len(image)
    cell = to_uint8(image).repeat(scale, axis=0).repeat(scale, axis=1)
    return on_checkerboard(straight(in_colors(cell)))


def _blank(height: int, width: int, channels: int = 1) -> np.ndarray:
    return np.full((height, width, channels), 255, np.uint8)


def _line(width: int, size: int, words: Sequence[Words]) -> np.ndarray:
    return lettering.draw_line(width, size, words)[..., None]
