"""Sources of pictures, options for converting them, and labels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tfrecords.common.errors import UserError
from tfrecords.common.shape import PAPER, Base
from tfrecords.common.text import as_file_name, as_text, counted, describe_classes

NUM_CHANNELS = {"rgb": 3, "gray": 1, "rgba": 4}  # by the values of --channels
COLORS = {1: "gray", 3: "RGB", 4: "RGBA"}  # by the number of channels, in words
MOST_CHANNELS = 64  # of arrays
DEPTHS = (8, 16)
FITS = ("crop", "letterbox", "stretch")
_ALL_OF_16_BITS = 65535
_BLOCK_BYTES = 2**22
_MOST_CLASSES = 2**20

# Returns picture i or raises UserError. Pictures are the bytes of a file, or uint8 pixels, (height,
# width) or (height, width, channels), in gray, RGB or RGBA.
Reader = Callable[[int], bytes | np.ndarray]
FileReader = Callable[[int], bytes]


@dataclass(frozen=True)
class PictureOptions:
    """How to convert each picture; `defaults.fill_defaults` replaces None."""

    resolution: int | None = None  # a power of two; None chooses it by the pictures
    num_channels: int = 3  # see `NUM_CHANNELS`
    background: tuple[int, int, int] = (255, 255, 255)  # RGB, behind transparent pixels and in bars
    fit: str = "crop"  # to the largest part that fits; `FITS` has others: add bars, stretch
    # Whether to enlarge or reject small pictures; None enlarges them if resolution is None.
    allow_upscaling: bool | None = None
    white_level: float | None = None  # white in pictures with more than 8 bits; None chooses it
    # Of the pictures' shape. None: the paper's with a resolution, else chosen by the pictures.
    base: Base | None = None
    depth: int = 8  # bits per channel, one of `DEPTHS`; 16 is for gray and arrays
    # Which numbers of an array become the least and the largest level; None for pictures.
    value_range: tuple[float, float] | None = None

    @property
    def largest(self) -> int:
        """The resolution, after it has been chosen."""
        if self.resolution is None:
            raise ValueError("the resolution is not chosen yet")
        return self.resolution

    @property
    def cells(self) -> Base:
        """The base, after it has been chosen."""
        return self.base or PAPER

    @property
    def size(self) -> tuple[int, int]:
        """The width and the height in pixels, after they have been chosen."""
        return self.cells.size(self.largest)

    @property
    def side_to_draw(self) -> int | None:
        """The resolution of square pictures that cover the size; None before it is chosen."""
        return self.resolution and max(4, 1 << (max(self.size) - 1).bit_length())

    def to_json(self) -> dict[str, Any]:
        """Returns the options as values for JSON."""
        values = {**asdict(self), "background": list(self.background)}
        # Keeps the fingerprints of datasets made before white levels existed.
        if self.white_level in (None, _ALL_OF_16_BITS):
            del values["white_level"]
        # And of those made before other shapes did.
        values["base"] = [self.cells.width, self.cells.height]
        if self.cells == PAPER:
            del values["base"]
        if self.depth == 8:  # nor did depths
            del values["depth"]
        if self.value_range is None:
            del values["value_range"]
        else:
            values["value_range"] = list(self.value_range)
        return values


@dataclass(frozen=True)
class SourceFile:
    """A file with pictures, identified by its bytes, or by these values if it is remote."""

    path: str
    size: int  # in bytes
    time: int  # of the last change, in nanoseconds


@dataclass(frozen=True)
class Source:
    """Pictures of any size, before they are converted."""

    name: str  # short name, for files and folders
    description: str  # the source as the user gave it
    num_pictures: int
    open: Callable[[], Reader]  # pickled for each worker process, and called there once
    identity: Sequence[Any]  # `SourceFile`s in order, and other JSON values that identify it
    picture_name: Callable[[int], str]  # name of picture i in messages, such as its path
    # Returns (width, height), in pixels, of some pictures; None reads up to 1000 of them.
    sample_sizes: Callable[[], Sequence[tuple[int, int]]] | None = None
    labels: OneHot | np.ndarray | None = None  # (num_pictures, label_size) float32
    label_names: tuple[str, ...] = ()  # empty without classes, or without names
    opens_fast: bool = False  # `open` reads next to nothing, so sampling pictures is cheap
    notes: tuple[str, ...] = ()  # lines for the user about automatic decisions
    rejected: tuple[tuple[str, str], ...] = ()  # (name, reason), not counted in num_pictures
    # Of arrays that are no gray or RGB pictures; see `sources.arrays`.
    num_channels: int = 0  # 0 for pictures, which are converted to those asked for
    depth: int = 8
    value_range: Callable[[], tuple[float, float]] | None = None  # may read all of them
    # Printable path of picture i within the source; None if pictures are not files.
    file_name: Callable[[int], str] | None = None

    def __post_init__(self) -> None:  # names may be any bytes
        object.__setattr__(self, "name", as_file_name(self.name))
        object.__setattr__(self, "description", as_text(self.description))
        object.__setattr__(self, "label_names", tuple(map(as_text, self.label_names)))
        if len(set(self.label_names)) < len(self.label_names):
            raise UserError(f"{self.description}: expected distinct class names, got two alike")


@dataclass(frozen=True, eq=False)
class OneHot:
    """One-hot rows, float32 (pictures, num_classes), kept as class numbers to save memory."""

    classes: np.ndarray  # int64 (pictures,); -1 for a row of zeros
    num_classes: int

    dtype = np.dtype(np.float32)

    @property
    def shape(self) -> tuple[int, int]:
        """The number of rows and their width."""
        return len(self.classes), self.num_classes

    def counts(self) -> np.ndarray:
        """Returns how many pictures each class has, int64 (num_classes,)."""
        return np.bincount(self.classes[self.classes >= 0], minlength=self.num_classes)

    def __len__(self) -> int:
        return len(self.classes)

    def __getitem__(self, index: Any) -> np.ndarray:
        classes = self.classes[index]
        return (np.arange(self.num_classes) == classes[..., None]).astype(np.float32)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)


def parse_value_range(text: str) -> tuple[float, float]:
    """Parses `LOW,HIGH`. Raises ValueError unless they are two finite numbers in this order."""
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        low = high = 0.0
    if not (low < high and max(abs(low), abs(high)) < 1e38):
        raise ValueError(f"expected two numbers, LOW,HIGH, such as -1,1, got {text[:80]!r}")
    return low, high


def colors_in_words(num_channels: int) -> str:
    """Returns what that many channels are."""
    return COLORS.get(num_channels) or counted(num_channels, "channel")


def as_labels(labels: np.ndarray, num_pictures: int) -> OneHot | np.ndarray:
    """Returns labels as float32 rows. Raises ValueError if they do not fit the pictures."""
    are_classes = labels.dtype.kind in "iu" and labels.shape == (num_pictures,)
    if are_classes and 0 <= labels.min() <= labels.max() < _MOST_CLASSES:
        return one_hot(labels.astype(np.int64), int(labels.max()) + 1)
    are_rows = labels.ndim == 2 and len(labels) == num_pictures and labels.shape[1]
    if not are_rows or labels.dtype.kind not in "iuf":
        expected = f"labels for {num_pictures} pictures, a row of numbers or a class each"
        raise ValueError(f"expected {expected}, got {labels.dtype} {labels.shape}")
    rows = labels.astype(np.float32)
    if not np.isfinite(rows).all():
        raise ValueError("expected labels of finite numbers, got others")
    return rows


def one_hot(indices: Iterable[int], num_classes: int) -> OneHot:
    """Returns one-hot rows for class numbers, -1 for no class."""
    return OneHot(np.fromiter(indices, np.int64), num_classes)


def row_blocks(labels: OneHot | np.ndarray) -> Iterator[np.ndarray]:
    """Yields labels, (pictures, label_size), in float32 blocks of rows of about 4 MiB."""
    rows = max(1, _BLOCK_BYTES // max(1, 4 * labels.shape[1]))
    for start in range(0, len(labels), rows):
        yield np.ascontiguousarray(labels[start : start + rows], np.float32)


def label_line(labels: OneHot | np.ndarray | None, names: Sequence[str]) -> str:
    """Returns a line that describes labels: classes with counts, vectors, or no labels."""
    if labels is None or not labels.shape[1]:
        return "No labels"
    if not isinstance(labels, OneHot):
        return f"Labels: vectors of {labels.shape[1]:,} numbers"
    without = int((labels.classes < 0).sum())
    more = f"; {counted(without, 'picture')} without" if without else ""
    return describe_classes(names, labels.counts()) + more


def hash_rows(labels: OneHot | np.ndarray) -> str:
    """Returns the SHA-256 of labels as float32 rows, in hexadecimal digits."""
    digest = hashlib.sha256()
    for block in row_blocks(labels):
        digest.update(block.data)
    return digest.hexdigest()
