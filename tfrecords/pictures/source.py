"""What a source of pictures is, whatever it reads from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from tfrecords.common.errors import UserError
from tfrecords.common.names import as_file_name, as_text, describe_classes

WHITE = (255, 255, 255)
_ALL_OF_16_BITS = 65535

# Gives picture i: the bytes of a picture file, or its pixels, uint8, (height, width) or
# (height, width, channels), in grey, RGB or RGBA.
Reader = Callable[[int], bytes | np.ndarray]
FileReader = Callable[[int], bytes]

_BLOCK_BYTES = 2**22

FITS = ("crop", "letterbox", "stretch")


@dataclass(frozen=True)
class PictureOptions:
    """What becomes of each picture.

    Attributes:
        resolution: in pixels, a power of two; None, which only those who ask for a
            conversion may leave, chooses by the pictures.
        num_channels: 1 for grey, 3 for RGB.
        background: what shows through transparent pixels, and fills a letterbox; RGB,
            0 to 255.
        fit: how pictures that are not square become square: the largest centred square is
            cut out (`crop`), bars are added (`letterbox`), or they are stretched.
        allow_upscaling: whether smaller pictures are enlarged or rejected; None enlarges
            them when the resolution was chosen by the pictures, where half may be smaller.
        white_level: the number that becomes white in pictures of more than 8 bits; None
            chooses by the pictures, and stays where there are none of them.
    """

    resolution: int | None = None
    num_channels: int = 3
    background: tuple[int, int, int] = WHITE
    fit: str = "crop"
    allow_upscaling: bool | None = None
    white_level: float | None = None

    @property
    def side(self) -> int:
        """Returns the resolution, once it is chosen."""
        if self.resolution is None:
            raise ValueError("the resolution is not chosen yet")
        return self.resolution

    def settled(
        self,
        choose: Callable[[], int],
        find_white_level: Callable[[], float | None] = lambda: None,
    ) -> PictureOptions:
        """Returns the options with no choice left.

        Args:
            choose: gives the resolution.
            find_white_level: gives it, or None where no picture needs one.
        """
        allow = self.resolution is None if self.allow_upscaling is None else self.allow_upscaling
        return replace(
            self,
            resolution=self.resolution or choose(),
            allow_upscaling=allow,
            white_level=self.white_level or find_white_level(),
        )

    def to_json(self) -> dict[str, Any]:
        """Returns the options as values for JSON.

        A white level of 65535, which means all of 16 bits, is left out as none is: so data
        sets from before there were white levels keep their fingerprint.
        """
        values = {**asdict(self), "background": list(self.background)}
        if self.white_level in (None, _ALL_OF_16_BITS):
            del values["white_level"]
        return values


@dataclass(frozen=True)
class SourceFile:
    """A file that pictures are made from. It counts by its bytes, wherever it lies.

    A remote one, which would have to be fetched twice for that, counts by the other values.

    Attributes:
        path: of the file, local or remote.
        size: in bytes.
        time: of the last change, in nanoseconds.
    """

    path: str
    size: int
    time: int


@dataclass(frozen=True)
class Source:
    """Pictures as they are found, of any size, before they are converted.

    Attributes:
        name: short, for files and folders.
        description: the source as the user gave it.
        num_pictures: how many there are.
        open: called once in each process that converts; gives its reader. It is pickled
            on the way there: a function of a module, a `functools.partial` of one, or a
            frozen dataclass with `__call__`. It should not need TensorFlow where it can
            do without. The reader raises UserError for a picture that cannot be read.
        identity: `SourceFile`s, in the order of their pictures, and values for JSON, that
            together differ when the pictures do.
        picture_name: what to call picture i in messages, such as its path.
        sample_sides: gives the smaller sides, in pixels, of some pictures; None reads up
            to 1000 spread over all.
        labels: float32 (num_pictures, label_size), one-hot rows or vectors, or None.
        label_names: the classes; empty when there are none, or they have no names.
        opens_fast: whether `open` reads next to nothing, so that some pictures may be looked
            at before it is known whether there is anything to convert.
        notes: lines for the user, on what was decided for them.
        rejected: pictures that opening the source already found unreadable or unfit:
            (name, reason); they are not among `num_pictures`.
    """

    name: str
    description: str
    num_pictures: int
    open: Callable[[], Reader]
    identity: Sequence[Any]
    picture_name: Callable[[int], str]
    sample_sides: Callable[[], Sequence[int]] | None = None
    labels: OneHot | np.ndarray | None = None
    label_names: tuple[str, ...] = ()
    opens_fast: bool = False
    notes: tuple[str, ...] = ()
    rejected: tuple[tuple[str, str], ...] = field(default=())

    def __post_init__(self) -> None:
        """Makes text of what is written: names of files and folders may be any bytes.

        Raises:
            UserError: two classes have the same name then.
        """
        object.__setattr__(self, "name", as_file_name(self.name))
        object.__setattr__(self, "description", as_text(self.description))
        object.__setattr__(self, "label_names", tuple(map(as_text, self.label_names)))
        if len(set(self.label_names)) < len(self.label_names):
            raise UserError(
                f"{self.description}: expected classes of different names, got two alike"
            )


@dataclass(frozen=True, eq=False)
class OneHot:
    """One-hot rows, kept as class numbers: a class for each of many pictures takes no memory.

    An index or a slice gives float32 rows, (…, num_classes), as of an array of that shape.

    Attributes:
        classes: int64 (pictures,); -1 for a row of zeros.
        num_classes: how wide the rows are.
    """

    classes: np.ndarray
    num_classes: int

    dtype = np.dtype(np.float32)

    @property
    def shape(self) -> tuple[int, int]:
        """The number of rows, and their width."""
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


def one_hot(indices: Iterable[int], num_classes: int) -> OneHot:
    """Returns one-hot rows, (pictures, num_classes) float32; a row of zeros for -1."""
    return OneHot(np.fromiter(indices, np.int64), num_classes)


def row_blocks(labels: OneHot | np.ndarray) -> Iterator[np.ndarray]:
    """Gives labels, (pictures, label_size), in float32 blocks of rows, about 4 MiB each."""
    rows = max(1, _BLOCK_BYTES // max(1, 4 * labels.shape[1]))
    for start in range(0, len(labels), rows):
        yield np.ascontiguousarray(labels[start : start + rows], np.float32)


def label_line(labels: OneHot | np.ndarray | None, names: Sequence[str]) -> str:
    """Returns a line on labels: the classes and their pictures, or what there is instead."""
    if labels is None or not labels.shape[1]:
        return "No labels"
    if not isinstance(labels, OneHot):
        return f"Labels: vectors of {labels.shape[1]:,} numbers"
    without = int((labels.classes < 0).sum())
    more = f"; {without:,} pictures have none" if without else ""
    return describe_classes(names, labels.counts()) + more


def hash_rows(labels: OneHot | np.ndarray) -> str:
    """Returns the SHA-256 of labels' bytes as float32 rows, in hexadecimal digits."""
    digest = hashlib.sha256()
    for block in row_blocks(labels):
        digest.update(block.data)
    return digest.hexdigest()


def choose_resolution(sides: Sequence[int]) -> int:
    """Returns the largest power of two, 4 to 1024, that half of the sides reach.

    Args:
        sides: the smaller side of each picture, in pixels; at least one.
    """
    reached_by_half = sorted(sides, reverse=True)[(len(sides) - 1) // 2]
    return min(1024, max(4, 1 << (reached_by_half.bit_length() - 1)))
