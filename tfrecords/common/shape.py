"""The shape of pictures at every resolution: a base of cells, doubled again and again.

The paper begins with 4x4 pixels and doubles both sides until the final resolution. Here the base
has 1 to 8 cells a side, and the rest stays: a resolution is a power of two, 4 for the base itself,
and each doubling of the resolution doubles both sides. 96x64 is 3x2 cells doubled five times: its
resolution is 128, and at resolution 8 it is 6x4. With the paper's base a resolution is the width
and the height in pixels.
"""

import dataclasses
import math
import re
from typing import Any, NamedTuple

from tfrecords.common.bounds import RESOLUTIONS, Bounds, shown

CELLS = Bounds(1, 8, whole=True)
_LOWEST = int(RESOLUTIONS.lower)  # the resolution of the base
_DOUBLINGS = range(int(math.log2(RESOLUTIONS.upper / _LOWEST)) + 1)
# The smallest base that is chosen: 3x2 for 96x64, and the paper's 4x4, not 2x2, for 64x64.
_LEAST_LONG, _LEAST_SHORT = 3, 2
_LIKE = 0.02  # by how much ratios may differ that count as the same; it is cropped or stretched
_SHAPE = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})", re.ASCII)


@dataclasses.dataclass(frozen=True)
class Base:
    """The cells of the lowest resolution; the paper has 4x4."""

    width: int = 4
    height: int = 4

    def size(self, resolution: int) -> tuple[int, int]:
        """Returns the width and the height at a resolution, in pixels."""
        return self.width * resolution // _LOWEST, self.height * resolution // _LOWEST

    def shape(self, resolution: int) -> tuple[int, int]:
        """Returns the height and the width, as arrays have them."""
        return self.size(resolution)[::-1]

    def pixels(self, resolution: int) -> int:
        """Returns the number of pixels."""
        return math.prod(self.size(resolution))

    @property
    def cells(self) -> int:
        """The number of pixels of the lowest resolution: 16 in the paper."""
        return self.width * self.height

    def text(self, resolution: int) -> str:
        """Returns the shape in words: `96x64`."""
        return "{}x{}".format(*self.size(resolution))

    def beside(self, resolution: int) -> str:
        """Returns ` (96x64)` to follow a resolution in messages; nothing for the paper's base."""
        return "" if self == PAPER else f" ({self.text(resolution)})"


PAPER = Base()


class Shape(NamedTuple):
    """A base, and the resolution at which it has the wanted width and height."""

    base: Base
    resolution: int

    def __str__(self) -> str:
        return self.base.text(self.resolution)


def find_shape(width: int, height: int) -> Shape | None:
    """Returns the base of a width and a height in pixels; None if they have none.

    It is the one doubled most often that keeps 3 cells along the longer side and 2 along the
    shorter, or else the one of the most cells.
    """
    found = []
    for doublings in _DOUBLINGS:
        cells = Base(width >> doublings, height >> doublings)
        resolution = _LOWEST << doublings
        if cells.size(resolution) != (width, height):
            break
        if cells.width in CELLS and cells.height in CELLS:
            found.append(Shape(cells, resolution))
    large = [one for one in found if _is_large(one.base)]
    return large[-1] if large else next(iter(found), None)


def shape_at(width: int, height: int, resolution: Any = None) -> Shape:
    """Returns the shape of a width and a height, with a resolution if a base fits to it."""
    if resolution in RESOLUTIONS:
        base = Base(_LOWEST * width // resolution, _LOWEST * height // resolution)
        fits = base.size(resolution) == (width, height)
        if fits and base.width in CELLS and base.height in CELLS:
            return Shape(base, resolution)
    return find_shape(width, height) or Shape(PAPER, height)


def base_like(width: int, height: int) -> Base:
    """Returns the base nearest to a picture's ratio of sides, within 2%, or else the paper's."""
    ratios = ((w, h) for w in range(1, 9) for h in range(1, 9) if math.gcd(w, h) == 1)
    far, (w, h) = min((abs(math.log(width * h / (height * w))), (w, h)) for w, h in ratios)
    if far > _LIKE:
        return PAPER
    found = find_shape(w << 6, h << 6)  # doubled often enough for the smallest base
    return found.base if found else PAPER


def parse_shape(text: str) -> Shape:
    """Reads `96x64`, width and height in pixels. ValueError (`expected …, got …`) for others."""
    match = _SHAPE.fullmatch(text.strip().lower())
    if not match:
        raise ValueError(f"expected WIDTHxHEIGHT in pixels, such as 96x64, got {shown(text)}")
    width, height = int(match[1]), int(match[2])
    if found := find_shape(width, height):
        return found
    nearest = " or ".join("{}x{}".format(*size) for size in _nearest(width, height))
    expected = "1 to 8 cells a side times a power of two up to 256"
    raise ValueError(f"expected {expected}, got {width}x{height}: take {nearest}")


def _is_large(base: Base) -> bool:
    shorter, longer = sorted((base.width, base.height))
    return longer >= _LEAST_LONG and shorter >= _LEAST_SHORT


def _nearest(width: int, height: int) -> list[tuple[int, int]]:
    """Returns the two possible shapes nearest to one, first of all in the ratio of the sides."""

    def distance(size: tuple[int, int]) -> float:
        wider, higher = math.log(size[0] / width), math.log(size[1] / height)
        return abs(wider) + abs(higher) + abs(wider - higher)

    cells = range(1, int(CELLS.upper) + 1)
    sizes = {(w << n, h << n) for w in cells for h in cells for n in _DOUBLINGS}
    return sorted(sorted(sizes), key=distance)[:2]
