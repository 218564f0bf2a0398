"""The built-in dataset: colored shapes on plain backgrounds, with countable modes.

A picture is a pure function of its index: one of 6 shapes (the class), in one of 6 colors, on one
of 4 backgrounds, which makes 144 *modes*. Each has 27 variants (3 sizes, 3 x 3 positions), 3,888 in
all. Neighbors look different, and each block of 144 pictures has every mode once. Up to 256 px, a
picture is the box average of the same 256 px drawing, as in `images.build_pyramid`.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tfrecords.common.errors import UserError
from tfrecords.pictures.source import Reader, Source, one_hot
from tfrecords.sources.single_file import with_own_labels

LABEL_NAMES = ("circle", "square", "triangle", "star", "cross", "ring")

# Red, orange, green; cyan, blue and magenta.
COLORS = (
    *((226, 40, 44), (255, 140, 0), (34, 160, 60)),
    *((0, 184, 212), (46, 92, 255), (222, 40, 190)),
)
# White, gray, yellow and navy.
BACKGROUNDS = ((255, 255, 255), (206, 210, 216), (255, 242, 186), (20, 24, 56))

SIZES = (24 / 32, 26 / 32, 28 / 32)  # width of the shape / width of the picture
OFFSETS = (-1 / 32, 0.0, 1 / 32)  # of the center; whole pixels at 32 px

NUM_MODES = len(LABEL_NAMES) * len(COLORS) * len(BACKGROUNDS)
_NUM_VARIANTS = len(SIZES) * len(OFFSETS) ** 2
NUM_PICTURES = NUM_MODES * _NUM_VARIANTS

_VERSION = 1  # increased when pictures change, so that cached copies are drawn again
_RESOLUTIONS = (4, 8, 16, 32, 64, 128, 256, 512, 1024)
_MASTER_RESOLUTION, _DEFAULT_RESOLUTION = 256, 32


@dataclass(frozen=True)
class ShapePicture:
    """The contents of one picture."""

    shape: int  # index into `LABEL_NAMES`
    color: int  # index into `COLORS`
    background: int  # index into `BACKGROUNDS`
    size: int  # index into `SIZES`
    dx: int  # index into `OFFSETS`, left to right
    dy: int  # index into `OFFSETS`, top to bottom

    @property
    def mode(self) -> int:
        """The number of its mode, 0 to 143."""
        return (self.shape * len(COLORS) + self.color) * len(BACKGROUNDS) + self.background


def describe(index: int) -> ShapePicture:
    """Returns what picture `index`, 0 to `NUM_PICTURES` - 1, shows. Raises IndexError."""
    if not 0 <= index < NUM_PICTURES:
        raise IndexError(f"shapes index must be 0 to {NUM_PICTURES - 1}, got {index}")
    block, place = divmod(index, NUM_MODES)
    # 89 is coprime to 144 and close to 144 / golden ratio, so successive modes are far apart.
    # Within a mode, `block` runs from 0 to 26, and the variant takes each value once.
    shape_color, turn = divmod(place * 89 % NUM_MODES, len(BACKGROUNDS))
    shape, color = divmod(shape_color, len(COLORS))
    # `turn` alone has period 4, which would give columns of one background in a sample grid.
    background = (turn + shape + color) % len(BACKGROUNDS)
    variant = (block * 10 + place * 8) % _NUM_VARIANTS
    size, position = divmod(variant, len(OFFSETS) ** 2)
    dy, dx = divmod(position, len(OFFSETS))
    return ShapePicture(shape, color, background, size, dx, dy)


def label(index: int) -> int:
    """Returns the class of picture `index`, as an index into `LABEL_NAMES`."""
    return describe(index).shape


def draw(index: int, resolution: int) -> np.ndarray:
    """Returns a picture, (resolution, resolution, 3) uint8 RGB. Raises IndexError or ValueError."""
    picture = describe(index)
    coverage = _coverage(picture.shape, picture.size, picture.dx, picture.dy, resolution)
    background = np.array(BACKGROUNDS[picture.background], np.float32)
    color = np.array(COLORS[picture.color], np.float32)
    blend = background + coverage[:, :, np.newaxis] * (color - background)
    return np.rint(blend).astype(np.uint8)


def open_shapes(resolution: int | None = None, labels: str | None = None) -> Source:
    """Opens the dataset at a power of two from 4 to 1024 px (default 32). Labels are the shapes."""
    side = resolution or _DEFAULT_RESOLUTION
    if side not in _RESOLUTIONS:
        raise UserError(f"shapes: expected a resolution from 4 to 1024, got {side}")
    source = Source(
        name="shapes",
        description="shapes",
        num_pictures=NUM_PICTURES,
        open=functools.partial(_open_reader, side),
        identity=["shapes", _VERSION],
        picture_name=lambda index: f"shapes picture {index}",
        sample_sizes=lambda: [(side, side)],
        labels=one_hot((label(index) for index in range(NUM_PICTURES)), len(LABEL_NAMES)),
        label_names=LABEL_NAMES,
    )
    return with_own_labels(source, labels)


def _open_reader(resolution: int) -> Reader:
    return functools.partial(draw, resolution=resolution)


# Keeps all 162 masks of one resolution: 650 MB at 1024 px, below 1 MB at 32 px.
@functools.lru_cache(maxsize=162)
def _coverage(shape: int, size: int, dx: int, dy: int, resolution: int) -> np.ndarray:
    """Returns the share of each pixel that the shape covers, (r, r) float32 in [0, 1]."""
    if resolution not in _RESOLUTIONS:
        raise ValueError(f"resolution must be a power of two from 4 to 1024, got {resolution}")
    drawn = max(resolution, _MASTER_RESOLUTION)
    centers = ((np.arange(drawn) + 0.5) / drawn - 0.5).astype(np.float32)
    x, y = np.meshgrid(centers - np.float32(OFFSETS[dx]), centers - np.float32(OFFSETS[dy]))
    distance = _DISTANCES[shape](x, y, SIZES[size] / 2)
    # A pixel's coverage is proportional to the signed distance of its center from the edge.
    coverage = np.clip(0.5 - distance * drawn, 0, 1)
    factor = drawn // resolution
    return coverage.reshape(resolution, factor, resolution, factor).mean(axis=(1, 3))


# Signed distances, negative inside. `x` and `y` run right and down from the center, `half` is half
# the shape's width, all in units of the picture's width.


def _triangle(x: np.ndarray, y: np.ndarray, half: float) -> np.ndarray:
    """An equilateral triangle with one corner up and its bounding box centered."""
    top = -half * math.sqrt(3) / 2
    sides = np.abs(x) * (math.sqrt(3) / 2) - (y - top) / 2
    return np.maximum(sides, y + top)


def _star(x: np.ndarray, y: np.ndarray, half: float) -> np.ndarray:
    """A five-pointed star with one point up and its bounding box centered."""
    outer = half / math.sin(math.radians(72))
    inner = 0.5 * outer
    y = y - outer * (1 - math.cos(math.radians(36))) / 2
    # Fold all ten half-points onto one: its edge runs from the tip at angle 0
    # to the notch at 36 degrees, and the inside lies toward the center.
    fifth = math.radians(72)
    angle = np.arctan2(x, -y)
    angle = np.abs(angle - fifth * np.rint(angle / fifth))
    radius = np.hypot(x, y)
    notch_along, notch_across = inner * math.cos(fifth / 2), inner * math.sin(fifth / 2)
    edge = math.hypot(outer - notch_along, notch_across)
    along, across = radius * np.cos(angle) - outer, radius * np.sin(angle)
    return (along * notch_across + across * (outer - notch_along)) / edge


def _cross(x: np.ndarray, y: np.ndarray, half: float) -> np.ndarray:
    """A cross of two bars with a thickness of 3/8 of their length."""
    long, short = np.maximum(np.abs(x), np.abs(y)), np.minimum(np.abs(x), np.abs(y))
    return np.maximum(long - half, short - 0.375 * half)


_DISTANCES: tuple[Callable[[np.ndarray, np.ndarray, float], np.ndarray], ...] = (
    lambda x, y, half: np.hypot(x, y) - half,  # a circle
    lambda x, y, half: np.maximum(np.abs(x), np.abs(y)) - half,  # a square
    *(_triangle, _star, _cross),
    lambda x, y, half: np.abs(np.hypot(x, y) - 0.75 * half) - 0.25 * half,  # a ring, its hole half
)
