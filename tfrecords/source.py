"""What a source of pictures is, whatever it reads from."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tfrecords.images import WHITE


@dataclass(frozen=True)
class PictureOptions:
    """What the user asks of the pictures.

    Attributes:
        resolution: in pixels, a power of two; None chooses by the pictures.
        num_channels: 1 for grey, 3 for RGB.
        background: what shows through transparent pixels; RGB, 0 to 255.
        allow_upscaling: whether smaller pictures are enlarged; None does so when
            the resolution was chosen by the pictures, where half of them may be.
        labels: whether to keep class labels; None keeps those that are sure to be
            labels, which the sub-folders of a folder are not.
        tfds_data_dir: where TensorFlow Datasets keeps its files; None is its default.
    """

    resolution: int | None = None
    num_channels: int = 3
    background: tuple[int, int, int] = WHITE
    allow_upscaling: bool | None = None
    labels: bool | None = None
    tfds_data_dir: str | None = None


@dataclass(frozen=True)
class Source:
    """Pictures to convert, all of one size.

    Attributes:
        name: short, for files and folders.
        description: the source as the user gave it.
        num_pictures: how many there are.
        resolution: width and height in pixels, a power of two.
        num_channels: 1 for grey, 3 for RGB.
        read: gives picture i, (resolution, resolution, num_channels) uint8, in any
            order and as often as asked; raises UserError for a broken picture.
        read_label_indices: gives int64 (num_pictures,), indices into `label_names`;
            None when there are no labels. May read the whole source.
        label_names: the classes; empty when there are none.
        fingerprint: 16 hexadecimal digits; other pictures or options give others.
        options: everything that the pictures depend on besides the source itself.
    """

    name: str
    description: str
    num_pictures: int
    resolution: int
    num_channels: int
    read: Callable[[int], np.ndarray]
    fingerprint: str
    options: dict[str, Any]
    read_label_indices: Callable[[], np.ndarray] | None = None
    label_names: tuple[str, ...] = ()

    @property
    def labels(self) -> np.ndarray | None:
        """One-hot rows, (num_pictures, label_size) float32, or None without labels."""
        if self.read_label_indices is None:
            return None
        indices = self.read_label_indices()
        one_hot = np.eye(len(self.label_names), dtype=np.float32)[indices]
        one_hot[indices < 0] = 0  # -1 is TFDS's word for a label that is not known
        return one_hot


def settle_options(
    options: PictureOptions, resolution: int, allow_upscaling: bool, labels: bool
) -> dict[str, Any]:
    """Returns the options that pictures depend on, with every choice made, for JSON."""
    settled = asdict(options)
    del settled["tfds_data_dir"]  # the same pictures wherever they are kept
    settled.update(resolution=resolution, allow_upscaling=allow_upscaling, labels=labels)
    return {**settled, "background": list(options.background)}


def compute_fingerprint(kind: str, pictures: Sequence[Any], options: dict[str, Any]) -> str:
    """Hashes what decides the pictures into 16 hexadecimal digits.

    Args:
        kind: of source, such as "folder".
        pictures: values for JSON that change when the pictures do.
        options: from `settle_options`.
    """
    text = json.dumps([kind, list(pictures), options], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def choose_resolution(sides: Sequence[int]) -> int:
    """Returns the largest power of two, 4 to 1024, that half of the sides reach.

    Args:
        sides: the smaller side of each picture, in pixels; at least one.
    """
    reached_by_half = sorted(sides, reverse=True)[(len(sides) - 1) // 2]
    return min(1024, max(4, 1 << (reached_by_half.bit_length() - 1)))
