"""Nearest neighbors of samples in the training set: does the generator repeat pictures?"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from pgan_tf.data.records import find_records
from tfrecords.common.errors import UserError
from tfrecords.common.text import counted
from tfrecords.format.dataset_info import DatasetInfo
from tfrecords.format.record import parse_images
from tfrecords.pictures.alpha import on_white, straight_on_white
from tfrecords.pictures.depth import in_8_bits

# Of larger pictures fewer at a time: as many pixels as 256 of 128 px have; 100 MB in float64.
_LARGEST_BATCH, _BATCH_PIXELS = 256, 2**22
# From uint8 pictures (n, height, width, channels) to (n, size) numbers to compare.
View = Callable[[np.ndarray], np.ndarray]


class Nearest(NamedTuple):
    """The nearest vectors of each query, nearest first; arrays are `(queries, count)`."""

    distances: np.ndarray  # float64, root mean square differences
    numbers: np.ndarray  # int64, from 0 in the order of adding
    views: np.ndarray  # int64, the view of the query at that distance


class NearestSearch:
    """Keeps the `count` vectors nearest to each query in its nearest view; the first of equals.

    `views` are `(views, queries, size)`; in float64 squared distances of pictures are exact.
    """

    def __init__(self, views: np.ndarray, count: int) -> None:
        self._shape = views.shape[:2]
        self._views = views.reshape(-1, views.shape[-1]).astype(np.float64)
        self._squares = np.einsum("ij,ij->i", self._views, self._views)
        self._count, self._seen = count, 0
        nothing = np.empty((views.shape[1], 0), np.int64)
        self._found: tuple[np.ndarray, ...] = (nothing.astype(np.float64), nothing, nothing)

    def add(self, batch: np.ndarray) -> None:
        """Takes a batch, `(n, size)`."""
        batch = batch.astype(np.float64)
        squares = np.einsum("ij,ij->i", batch, batch)
        distances = self._squares[:, None] + squares - 2 * (self._views @ batch.T)
        distances = np.maximum(distances, 0).reshape(*self._shape, len(batch))
        numbers = np.broadcast_to(self._seen + np.arange(len(batch)), distances.shape[1:])
        self._seen += len(batch)
        new = (distances.min(axis=0), numbers, distances.argmin(axis=0))
        both = [np.concatenate(pair, axis=1) for pair in zip(self._found, new, strict=True)]
        order = np.argsort(both[0], axis=1, kind="stable")[:, : self._count]
        self._found = tuple(np.take_along_axis(one, order, axis=1) for one in both)

    def result(self) -> Nearest:
        """Returns the nearest of all vectors added so far."""
        squares, numbers, views = self._found
        return Nearest(np.sqrt(squares / self._views.shape[1]), numbers, views)


@dataclasses.dataclass(frozen=True)
class Neighbors:
    """The nearest training pictures by one measure."""

    measure: str  # in words
    nearest: Nearest  # by numbers in the dataset; view 1 is the mirror image
    # (samples, count, side, side, channels) uint8, mirrored where they were nearer so.
    pictures: np.ndarray


def in_pixels(pictures: np.ndarray) -> np.ndarray:
    """Compares pictures pixel by pixel, in levels of 0 to 255."""
    return pictures.reshape(len(pictures), -1)


def find_neighbors(
    samples: np.ndarray, info: DatasetInfo, count: int, mirrored: bool, measures: Mapping[str, View]
) -> list[Neighbors]:
    """Finds the pictures nearest to `(n, side, side, channels)` uint8 samples; or UserError.

    Transparent pictures are compared, and returned, on white.
    """
    most, channels = info.num_images, counted(samples.shape[-1], "channel")
    if not 1 <= count <= most:
        expected = f"1 to {most}, the pictures of {info.name}"
        raise UserError(f"--neighbors: expected {expected}, got {count}")
    if samples.shape[-1] != info.num_channels:
        raise UserError(
            f"--data: expected {channels}, as the generator draws, got {info.num_channels}"
        )
    samples = straight_on_white(samples)
    # A picture's mirror image is as far from a sample as the picture from the sample's.
    views = [samples, samples[:, :, ::-1]] if mirrored else [samples]
    seen = {measure: np.stack([*map(view, views)]) for measure, view in measures.items()}
    searches = {measure: NearestSearch(stack, count) for measure, stack in seen.items()}
    pictures: dict[int, np.ndarray] = {}  # the nearest so far, by number
    first = 0
    with tqdm(total=info.num_images, desc="Comparing", unit=" pictures", disable=None) as bar:
        for batch in read_in_order(info, _resolution_of(samples, info)):
            batch = on_white(batch)
            for measure, search in searches.items():
                search.add(measures[measure](batch))
            numbers = {n for search in searches.values() for n in search.result().numbers.flat}
            # A copy, since a view would keep the batch.
            new = {n: batch[n - first].copy() for n in numbers - pictures.keys()}
            pictures = new | {n: pictures[n] for n in numbers & pictures.keys()}
            first += len(batch)
            bar.update(len(batch))
    found = []
    for measure, search in searches.items():
        nearest = search.result()
        rows = [
            [pictures[n][:, ::-1] if view else pictures[n] for n, view in zip(*row, strict=True)]
            for row in zip(nearest.numbers, nearest.views, strict=True)
        ]
        found.append(Neighbors(measure, nearest, np.array(rows)))
    return found


def _resolution_of(samples: np.ndarray, info: DatasetInfo) -> int:
    return 4 * samples.shape[1] // info.base.height


def read_in_order(info: DatasetInfo, resolution: int) -> Iterator[np.ndarray]:
    """Yields all pictures, `(n, height, width, channels)` uint8; UserError for damaged ones."""
    size = max(1, min(_LARGEST_BATCH, _BATCH_PIXELS // resolution**2))
    records = tf.data.TFRecordDataset(list(find_records(info, resolution).paths))
    picture = info.base.shape(resolution), info.num_channels, info.encoding, info.depth
    dataset = records.batch(size).map(lambda batch: parse_images(batch, *picture), 2)
    try:
        yield from map(in_8_bits, dataset.prefetch(1).as_numpy_iterator())
    except tf.errors.OpError as error:
        raise UserError(
            f"data: expected whole records of {resolution} px in {info.name}, got a damaged one "
            f"({error.message.splitlines()[0]}): convert the pictures again"
        ) from None


def describe(samples: Sequence[str], found: Sequence[Neighbors], names: Sequence[str]) -> str:
    """Returns a table: each sample's neighbors by number and, if known, name, and how far away.

    `names` are those of all records, or empty; see `tfrecords.format.picture_names`.
    """
    lines = []
    for one in found:
        lines.append(f"Nearest training pictures {one.measure}: number (distance), m: mirrored")
        for sample, *row in zip(samples, *one.nearest, strict=True):
            cells = [
                f"{n}{'m' * v} ({d:.4g})" + (f" {names[n]}" if names else "")
                for d, n, v in zip(*row, strict=True)
            ]
            lines.append(f"  {sample}: " + "  ".join(cells))
    return "\n".join(lines)
