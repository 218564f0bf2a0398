"""How a picture fits the shape that a dataset's pictures get."""

import operator

from tfrecords.common.errors import UserError
from tfrecords.common.shape import PAPER
from tfrecords.pictures.source import PictureOptions


def largest_part(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int]:
    """Returns the largest width and height within a size that have the wanted ratio."""
    (width, height), (wide, high) = size, wanted
    if width * high > height * wide:
        return max(1, round(height * wide / high)), height
    return width, max(1, round(width * high / wide))


def fitted(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int]:
    """Returns the width and height of a picture that fills a letterbox of the wanted size."""
    factor = min(map(operator.truediv, wanted, size))
    width, height = (max(1, round(one * factor)) for one in size)
    return width, height


def check_size(size: tuple[int, int], options: PictureOptions, name: str) -> None:
    """Raises UserError if a picture, cropped if it is to be, must be enlarged and must not."""
    # One side fills a letterbox; otherwise both sides must be filled.
    is_letterbox = options.fit == "letterbox"
    fills = (any if is_letterbox else all)(map(operator.ge, size, options.size))
    if fills or options.allow_upscaling:
        return
    if options.cells == PAPER:
        which, side = ("longer", max(size)) if is_letterbox else ("smaller", min(size))
        problem = f"expected at least {options.largest} px, its {which} side has {side}"
    else:
        part = "its largest part of that ratio" if options.fit == "crop" else "it"
        wanted = options.cells.text(options.largest)
        problem = f"expected at least {wanted}, {part} has {size[0]}x{size[1]}"
    how = "take a lower resolution, remove the picture or allow upscaling"
    raise UserError(f"{name}: {problem}: {how}")
