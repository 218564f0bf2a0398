"""Samples beside the training pictures nearest to them: does the generator repeat pictures?"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from pgan_tf.data.records import find_records
from pgan_tf.generating.nearest import Nearest, NearestSearch
from pgan_tf.generating.output import make_folder_of, write_picture
from pgan_tf.generating.pictures import enlarge
from tfrecords.common.errors import UserError
from tfrecords.common.in_words import counted
from tfrecords.format.dataset_info import DatasetInfo
from tfrecords.format.record import decode_record, parse_images
from tfrecords.format.record_file import RecordFile

# Of larger pictures fewer at a time: as many pixels as 256 of 128 px have; 100 MB in float64.
_LARGEST_BATCH, _BATCH_PIXELS = 256, 2**22

# From uint8 pictures (n, side, side, channels) to (n, size) numbers to compare.
View = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Neighbours:
    """The nearest training pictures by one measure.

    Attributes:
        measure: in words.
        nearest: their numbers in the data set, distances, and 1 for mirrored ones.
        pictures: `(samples, count, side, side, channels)` uint8, as they were near.
    """

    measure: str
    nearest: Nearest
    pictures: np.ndarray


def in_pixels(pictures: np.ndarray) -> np.ndarray:
    """Compares pictures pixel by pixel, in levels of 0 to 255."""
    return pictures.reshape(len(pictures), -1)


def find_neighbours(
    samples: np.ndarray,
    info: DatasetInfo,
    count: int,
    mirrored: bool,
    measures: Mapping[str, View],
) -> list[Neighbours]:
    """Looks through a data set once, for the pictures nearest to samples.

    Args:
        samples: `(n, side, side, channels)` uint8; compared with pictures of the same side.
        info: the data set.
        count: how many to find for each sample.
        mirrored: whether mirror images of the data set's pictures count, too.
        measures: name to what is compared.

    Returns:
        What was found by each measure.

    Raises:
        UserError: the data set has too few pictures, none of this resolution or channels, or
            is damaged.
    """
    if not 1 <= count <= info.num_images:
        raise UserError(
            f"--neighbours: expected 1 to {info.num_images}, the pictures of {info.name}, "
            f"got {count}"
        )
    if samples.shape[-1] != info.num_channels:
        raise UserError(
            f"--data: expected pictures with {counted(samples.shape[-1], 'channel')}, as the "
            f"generator draws, got {info.num_channels}"
        )
    # A picture's mirror image is as far from a sample as the picture from the sample's.
    views = [samples, samples[:, :, ::-1]] if mirrored else [samples]
    searches = [
        NearestSearch(np.stack([view(one) for one in views]), count) for view in measures.values()
    ]
    with tqdm(total=info.num_images, desc="Comparing", unit=" pictures", disable=None) as bar:
        for batch in read_in_order(info, samples.shape[1]):
            for view, search in zip(measures.values(), searches, strict=True):
                search.add(view(batch))
            bar.update(len(batch))
    found = [search.result() for search in searches]
    return [
        Neighbours(name, nearest, _read_pictures(info, samples.shape[1], nearest))
        for name, nearest in zip(measures, found, strict=True)
    ]


def read_in_order(
    info: DatasetInfo, resolution: int, batch_size: int | None = None
) -> Iterator[np.ndarray]:
    """Yields all pictures of a data set, `(n, resolution, resolution, channels)` uint8.

    Raises:
        UserError: it lacks the resolution, or is damaged.
    """
    size = batch_size or max(1, min(_LARGEST_BATCH, _BATCH_PIXELS // resolution**2))
    dataset = tf.data.TFRecordDataset(list(find_records(info, resolution).paths)).batch(size)
    dataset = dataset.map(
        lambda batch: parse_images(batch, resolution, info.num_channels, info.encoding),
        num_parallel_calls=2,
    )
    try:
        yield from dataset.prefetch(1).as_numpy_iterator()
    except tf.errors.OpError as error:
        raise UserError(
            f"data: expected whole records of {resolution} px in {info.name}, got a damaged one "
            f"({error.message.splitlines()[0]}): convert the pictures again"
        ) from None


def _read_pictures(info: DatasetInfo, resolution: int, nearest: Nearest) -> np.ndarray:
    """Reads the pictures that were found, mirrored where they were nearer so."""
    ends = np.cumsum(info.num_records[resolution])
    found = {}
    for index, path in enumerate(info.files[resolution]):
        begin = int(ends[index - 1]) if index else 0
        wanted = [int(n) for n in np.unique(nearest.numbers) if begin <= n < ends[index]]
        if wanted:
            file = RecordFile(path, int(ends[index]) - begin)
            for number in wanted:
                found[number] = decode_record(file.read(number - begin))[1]
            file.close()
    return np.stack(
        [
            [found[n][:, ::-1] if view else found[n] for n, view in zip(*row, strict=True)]
            for row in zip(nearest.numbers.tolist(), nearest.views.tolist(), strict=True)
        ]
    )


def make_sheet(
    samples: np.ndarray, found: Sequence[Neighbours], columns: int, scale: int = 1
) -> np.ndarray:
    """Lays out each sample, a gap, and its neighbours, nearest first, by each measure.

    Args:
        samples: `(n, side, side, channels)` uint8.
        found: the neighbours by each measure, side by side.
        columns: samples in a row.
        scale: how often each pixel is repeated, each way.

    Returns:
        `(height, width, channels)` uint8; what stays empty is white.
    """
    _, side, _, channels = samples.shape
    gap = np.full((side, max(2, side // 8), channels), 255, np.uint8)
    groups = []
    for index, sample in enumerate(samples):
        parts = [sample]
        for one in found:
            parts += [gap, *one.pictures[index]]
        groups.append(np.concatenate([*parts, gap, gap], axis=1))
    groups += [np.full_like(groups[0], 255)] * (-len(groups) % columns)
    rows = [
        np.concatenate(groups[first : first + columns], axis=1)[:, : -2 * gap.shape[1]]
        for first in range(0, len(groups), columns)
    ]
    return enlarge(np.concatenate(rows), scale)


def describe(seeds: Sequence[int], found: Sequence[Neighbours]) -> str:
    """Returns a table: the numbers of each seed's neighbours, and how far they are."""
    lines = []
    for one in found:
        lines.append(f"Nearest training pictures {one.measure}: number (distance), m: mirrored")
        for seed, *row in zip(
            seeds, one.nearest.numbers, one.nearest.distances, one.nearest.views, strict=True
        ):
            cells = [f"{n}{'m' * v} ({d:.4g})" for n, d, v in zip(*row, strict=True)]
            lines.append(f"  seed {seed}: " + "  ".join(cells))
    return "\n".join(lines)


def write_sheet(path: str, sheet: np.ndarray) -> None:
    """Writes a sheet as a PNG, JPEG or WebP file.

    Raises:
        UserError: it can't be written.
    """
    make_folder_of(path)
    write_picture(path, sheet)
