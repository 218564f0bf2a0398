"""What a source of pictures is, whatever it reads from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from tfrecords.errors import UserError
from tfrecords.names import as_file_name, as_text

WHITE = (255, 255, 255)

# Gives picture i: the bytes of a picture file, or its pixels, uint8, (height, width) or
# (height, width, channels), in grey, RGB or RGBA.
Reader = Callable[[int], bytes | np.ndarray]

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
    """

    resolution: int | None = None
    num_channels: int = 3
    background: tuple[int, int, int] = WHITE
    fit: str = "crop"
    allow_upscaling: bool | None = None

    def settled(self, choose: Callable[[], int]) -> PictureOptions:
        """Returns the options with no choice left; `choose` gives the resolution."""
        allow = self.resolution is None if self.allow_upscaling is None else self.allow_upscaling
        return PictureOptions(
            self.resolution or choose(), self.num_channels, self.background, self.fit, allow
        )

    def to_json(self) -> dict[str, Any]:
        """Returns the options as values for JSON."""
        return {**asdict(self), "background": list(self.background)}


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
        identity: values for JSON that differ when the pictures do: paths, sizes, times.
        picture_name: what to call picture i in messages, such as its path.
        sample_sides: gives the smaller sides, in pixels, of some pictures; None reads up
            to 1000 spread over all.
        labels: float32 (num_pictures, label_size), one-hot rows or vectors, or None.
        label_names: the classes; empty when there are none, or they have no names.
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
    labels: np.ndarray | None = None
    label_names: tuple[str, ...] = ()
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


def compute_fingerprint(source: Source, options: PictureOptions) -> str:
    """Hashes what decides a dataset into 16 hexadecimal digits.

    Args:
        source: its identity and labels count.
        options: settled.
    """
    labels = None if source.labels is None else hashlib.sha256(source.labels.tobytes()).hexdigest()
    values = [list(source.identity), options.to_json(), list(source.label_names), labels]
    text = json.dumps(values, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def one_hot(indices: Iterable[int], num_classes: int) -> np.ndarray:
    """Returns one-hot rows, (pictures, num_classes) float32; a row of zeros for -1."""
    indices = np.asarray(list(indices), np.int64)
    rows = np.zeros((len(indices), num_classes), np.float32)
    known = indices >= 0
    rows[np.flatnonzero(known), indices[known]] = 1
    return rows


def choose_resolution(sides: Sequence[int]) -> int:
    """Returns the largest power of two, 4 to 1024, that half of the sides reach.

    Args:
        sides: the smaller side of each picture, in pixels; at least one.
    """
    reached_by_half = sorted(sides, reverse=True)[(len(sides) - 1) // 2]
    return min(1024, max(4, 1 << (reached_by_half.bit_length() - 1)))
