"""The resolution and the white level of a dataset, where nobody asks for one."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace

from tfrecords.common.errors import UserError
from tfrecords.pictures.depth import choose_white_level
from tfrecords.pictures.images import brightest_number, smaller_side
from tfrecords.pictures.source import PictureOptions, Source

_SAMPLED_PICTURES = 1000
# Looked at for a white level: a few tell whether there are more than 8 bits, more tell how many.
_FEW_PICTURES, _DEEP_PICTURES = 32, 256


def fill_defaults(source: Source, options: PictureOptions) -> PictureOptions:
    """Returns the options with no choice left, and prints what was chosen and why.

    Raises UserError if no picture tells its size, or their numbers are of several ranges.
    """
    if options.white_level:
        print(
            f"Taking {options.white_level:,g} for white in pictures of more than 8 bits, as "
            "--white_level says",
            flush=True,
        )
    allow_upscaling = options.allow_upscaling
    if allow_upscaling is None:
        allow_upscaling = options.resolution is None
    return replace(
        options,
        resolution=options.resolution or _find_resolution(source),
        allow_upscaling=allow_upscaling,
        white_level=options.white_level or _find_white_level(source),
    )


def choose_resolution(sides: Sequence[int]) -> int:
    """Returns the largest power of two, 4 to 1024, that half of the smaller sides reach."""
    reached_by_half = sorted(sides, reverse=True)[(len(sides) - 1) // 2]
    return min(1024, max(4, 1 << (reached_by_half.bit_length() - 1)))


def _find_resolution(source: Source) -> int:
    sides = source.sample_sides() if source.sample_sides else _read_sides(source)
    if not len(sides):
        raise UserError(
            f"{source.description}: expected pictures that can be read, got none: give "
            "other pictures"
        )
    resolution = choose_resolution(sides)
    if len(sides) == 1 < source.num_pictures:  # the source's pictures are all alike
        why = f"the pictures have {sides[0]} px"
    else:
        why = (
            f"the largest power of two that half of the pictures reach ({len(sides):,} of "
            f"{source.num_pictures:,} looked at)"
        )
    print(f"Taking {resolution} px, {why}", flush=True)
    return resolution


def _read_sides(source: Source) -> Sequence[int]:
    """Returns the smaller sides, in pixels, of up to 1000 pictures spread over all."""
    read = source.open()
    sides = []
    for index in _spread(source.num_pictures, _SAMPLED_PICTURES):
        with contextlib.suppress(UserError):  # what cannot be read is rejected later
            picture = read(index)
            if isinstance(picture, bytes):
                sides.append(smaller_side(picture))
            else:
                sides.append(min(picture.shape[:2]))
    return sides


def _find_white_level(source: Source) -> float | None:
    if not source.opens_fast:
        return None
    found = _find_brightest(source, _FEW_PICTURES) and _find_brightest(source, _DEEP_PICTURES)
    if not found:
        return None
    level = choose_white_level(
        [number for number, floating in found if not floating],
        [number for number, floating in found if floating],
    )
    print(
        f"Taking {level:,g} for white in pictures of more than 8 bits: of {len(found):,} "
        f"looked at the brightest has {max(found)[0]:,g}; --white_level decides otherwise",
        flush=True,
    )
    return level


def _find_brightest(source: Source, limit: int) -> list[tuple[float, bool]]:
    """Returns `brightest_number` of those of some pictures that have one."""
    read = source.open()
    found = []
    for index in _spread(source.num_pictures, limit):
        with contextlib.suppress(UserError):  # what cannot be read is rejected later
            if number := brightest_number(read(index)):
                found.append(number)
    return found


def _spread(num_pictures: int, limit: int) -> range:
    return range(0, num_pictures, -(-num_pictures // limit) or 1)
