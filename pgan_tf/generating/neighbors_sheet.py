"""The sheet of samples, each next to the training pictures nearest to it."""

import dataclasses
import posixpath
from collections.abc import Sequence

import numpy as np

from pgan_tf.generating.neighbors import Neighbors
from pgan_tf.runs import lettering, sheets
from pgan_tf.runs.lettering import Words
from tfrecords.pictures.alpha import straight_on_white

_SMALLEST_CELL = 96  # in which a file's name can be read, in pixels
_LETTERS, _HEADING_LETTERS = 14, 18


@dataclasses.dataclass(frozen=True)
class Captions:
    """The texts below the pictures."""

    names: Sequence[str]  # of the samples, such as `seed 7`
    classes: Sequence[str]  # of the samples; empty without classes
    file_names: Sequence[str]  # of all training pictures, by number; empty if unknown


@dataclasses.dataclass(frozen=True)
class _Layout:
    """Positions on the sheet, in pixels."""

    columns: int  # of samples with their neighbors
    count: int  # neighbors by each measure
    measures: int
    side: int  # of a picture: its width
    height: int  # of a picture
    gap: int  # between a sample and its neighbors; two to the next sample

    @property
    def group(self) -> int:
        """The distance from a sample to the next one."""
        return self.side + self.measures * (self.gap + self.count * self.side) + 2 * self.gap

    @property
    def width(self) -> int:
        return self.columns * self.group - 2 * self.gap

    def neighbor(self, column: int, measure: int, place: int) -> int:
        """The left edge of a neighbor."""
        before = self.side + measure * self.count * self.side + (measure + 1) * self.gap
        return column * self.group + before + place * self.side


def enlargement(columns: int, rows: int, size: tuple[int, int]) -> int:
    """Returns how much to enlarge pictures so that they and their captions can be seen."""
    least = -(-_SMALLEST_CELL // size[0])
    return max(least, sheets.enlargement(columns, rows, size))


def make_sheet(
    samples: np.ndarray,
    found: Sequence[Neighbors],
    columns: int,
    scale: int,
    captions: Captions | None = None,
) -> np.ndarray:
    """Lays out samples, `columns` in a row, and their neighbors by measure on white, enlarged.

    `samples` are `(n, height, width, channels)` uint8. With captions there are a heading, and below
    each picture its seed and class, or its file's name and distance; a record's number where the
    name is not known.
    """
    samples = straight_on_white(samples)
    count, (height, width) = found[0].pictures.shape[1], samples.shape[1:3]
    sizes = scale * width, scale * height
    layout = _Layout(columns, count, len(found), *sizes, gap=scale * max(2, width // 8))
    parts = _draw_heading(layout, found) if captions else []
    for first in range(0, len(samples), columns):
        row = range(first, min(first + columns, len(samples)))
        parts.append(_draw_pictures(layout, samples, found, row, scale))
        if captions:
            parts += _draw_captions(layout, found, row, captions)
    channels = samples.shape[-1]
    return np.concatenate([lettering.to_channels(part, channels) for part in parts])


def _draw_pictures(
    layout: _Layout, samples: np.ndarray, found: Sequence[Neighbors], row: range, scale: int
) -> np.ndarray:
    drawn = np.full((layout.height, layout.width, samples.shape[-1]), 255, np.uint8)
    for column, index in enumerate(row):
        placed = [(column * layout.group, samples[index])]
        for measure, one in enumerate(found):
            placed += [
                (layout.neighbor(column, measure, place), picture)
                for place, picture in enumerate(one.pictures[index])
            ]
        for left, picture in placed:
            drawn[:, left : left + layout.side] = sheets.make_grid(
                picture[None], columns=1, height=scale * len(picture)
            )
    return drawn


def _draw_heading(layout: _Layout, found: Sequence[Neighbors]) -> list[np.ndarray]:
    heading = Words("Samples and the training pictures nearest to them", 4, layout.width, False)
    titles = []
    for column in range(layout.columns):
        left = column * layout.group
        titles.append(Words("sample", left, left + layout.side))
        for measure, one in enumerate(found):
            left = layout.neighbor(column, measure, 0)
            right = left + layout.count * layout.side
            titles.append(Words(f"nearest, with the distance {one.measure}", left, right, False))
    return [_line(layout, _HEADING_LETTERS, [heading]), _line(layout, _LETTERS, titles)]


def _draw_captions(
    layout: _Layout, found: Sequence[Neighbors], row: range, captions: Captions
) -> list[np.ndarray]:
    upper, lower = [], []
    for column, index in enumerate(row):
        left = column * layout.group
        upper.append(Words(captions.names[index], left, left + layout.side))
        if captions.classes:
            lower.append(Words(captions.classes[index], left, left + layout.side))
        for measure, one in enumerate(found):
            for place, (distance, number, view) in enumerate(
                zip(*(values[index] for values in one.nearest), strict=True)
            ):
                left = layout.neighbor(column, measure, place)
                name = _name_of(int(number), captions.file_names)
                upper.append(Words(name, left + 2, left + layout.side - 2, keeps_end=True))
                about = f"{distance:.4g}" + ", mirrored" * bool(view)
                lower.append(Words(about, left + 2, left + layout.side - 2))
    return [_line(layout, _LETTERS, line) for line in (upper, lower)]


def _name_of(number: int, file_names: Sequence[str]) -> str:
    """Returns the file name of a training picture, if known and the font has its letters."""
    name = lettering.readable(posixpath.basename(file_names[number])) if file_names else None
    return name or f"record {number}"


def _line(layout: _Layout, size: int, words: Sequence[Words]) -> np.ndarray:
    return lettering.draw_line(layout.width, size, words)[..., None]
