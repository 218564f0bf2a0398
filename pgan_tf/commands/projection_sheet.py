"""Reads the pictures to project, and shows them beside their projections and the way there."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from pgan_tf.generating.projection import Projection
from pgan_tf.generating.sampler import Sampler
from pgan_tf.networks.sampling import to_uint8
from pgan_tf.runs import lettering, sheets
from tfrecords.common.errors import UserError
from tfrecords.common.paths import is_folder, read_bytes
from tfrecords.common.shape import PAPER, Base
from tfrecords.pictures.alpha import straight
from tfrecords.pictures.images import prepare_picture
from tfrecords.pictures.kinds import sniff
from tfrecords.pictures.source import PictureOptions
from tfrecords.sources.by_name import open_source

MOST_PICTURES = 1000
_PAIRS = 4  # in a row of the sheet


class Photos(NamedTuple):
    """Pictures to project."""

    names: tuple[str, ...]
    pixels: np.ndarray  # (n, height, width, num_channels) uint8; RGBA premultiplied


def read_photos(
    paths: Sequence[str], resolution: int, num_channels: int, base: Base = PAPER
) -> Photos:
    """Reads pictures, and those of folders and archives, cropped and resized as for training.

    Raises UserError if one cannot be read, or if there are none, or more than `MOST_PICTURES`.
    """
    found: list[tuple[str, Callable[[], bytes | np.ndarray]]] = []
    for path in paths:
        if not is_folder(path) and sniff(first := read_bytes(path, 512)) and first[:2] != b"PK":
            found.append((path, functools.partial(read_bytes, path)))
            continue
        source = open_source(path)
        read, numbers = source.open(), range(source.num_pictures)
        found += [(source.picture_name(i), functools.partial(read, i)) for i in numbers]
    if not 0 < len(found) <= MOST_PICTURES:
        got = f"{len(found):,} in {', '.join(paths)!r}"
        raise UserError(f"--project: expected 1 to {MOST_PICTURES:,} pictures, got {got}")
    options = PictureOptions(resolution, num_channels, allow_upscaling=True, base=base)
    pixels = [prepare_picture(read(), options, f"--project: {name}") for name, read in found]
    return Photos(tuple(name for name, _ in found), np.stack(pixels))


def draw_projection(sampler: Sampler, latents: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Draws `(n, height, width, num_channels)` uint8 as `Photos.pixels` are."""
    images = [sampler.images(latents[i : i + 1], labels[i : i + 1]) for i in range(len(latents))]
    return to_uint8(np.concatenate(images))


def psnr_of(pictures: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns the peak signal-to-noise ratio of each pair of uint8 pictures, in dB, at most 80."""
    off = np.square(pictures.astype(np.float64) - others).mean(axis=(1, 2, 3))
    return np.minimum(80.0, 10 * np.log10(255**2 / np.maximum(off, 1e-12)))


def make_sheet(photos: Photos, drawn: np.ndarray, scale: int) -> np.ndarray:
    """Lays out each picture beside its projection, with its PSNR: (height, width, channels)."""
    pairs = np.stack([photos.pixels, drawn], axis=1).reshape(-1, *drawn.shape[1:])
    names = []
    for name, value in zip(photos.names, psnr_of(photos.pixels, drawn), strict=True):
        names += [lettering.readable(name.rsplit("/", 1)[-1]) or "picture", f"{value:.1f} dB"]
    columns = 2 * min(_PAIRS, len(drawn))
    return sheets.make_sheet(straight(pairs), columns, scale * drawn.shape[1], names)


def usual_scale(count: int, size: tuple[int, int]) -> int:
    """Returns by how much to enlarge pictures so that their sheet is easy to see."""
    columns = 2 * min(_PAIRS, count)
    return sheets.enlargement(columns, -(-count // _PAIRS), size)


def draw_way(
    sampler: Sampler, photos: Photos, found: Projection, frames: int, scale: int
) -> Iterator[np.ndarray]:
    """Yields frames, `(height, width, channels)` uint8: the pictures, and beside them the way."""
    columns, height = 2 * min(_PAIRS, len(photos.names)), scale * sampler.size[1]
    for number in np.linspace(0, len(found.way) - 1, frames).round().astype(int):
        drawn = draw_projection(sampler, found.way[number], found.labels)
        pairs = np.stack([photos.pixels, drawn], axis=1).reshape(-1, *drawn.shape[1:])
        yield sheets.make_grid(straight(pairs), columns, height)


def describe(photos: Photos, found: Projection, drawn: np.ndarray, names: Sequence[str]) -> str:
    """Returns a line for each picture: how near its projection is, and of which class."""
    lines = []
    for number, value in enumerate(psnr_of(photos.pixels, drawn)):
        words = f"  {number}: {photos.names[number]}: {value:.1f} dB"
        if found.labels.shape[1]:
            chosen = int(found.labels[number].argmax())
            words += f", class {names[chosen] if names else chosen}"
        lines.append(words)
    return "\n".join(lines)
