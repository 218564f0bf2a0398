"""The resolution and the white level of a dataset, where nobody asks for one."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from tfrecords.common.errors import UserError
from tfrecords.pictures.depth import choose_white_level
from tfrecords.pictures.images import brightest_number, smaller_side
from tfrecords.pictures.source import PictureOptions, Source, choose_resolution

_SAMPLED_PICTURES = 1000

# Looked at for a white level: a few tell whether there are more than 8 bits, more tell how many.
_FEW_PICTURES, _DEEP_PICTURES = 32, 256


def settle_options(source: Source, options: PictureOptions) -> PictureOptions:
    """Returns the options with no choice left, and says what was chosen and why.

    Raises:
        UserError: no picture tells its size, or their numbers are of several ranges.
    """

    def choose() -> int:
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

    def find_white_level() -> float | None:
        found = _find_brightest(source) if source.opens_fast else []
        if not found:
            return None
        whole = [number for number, floating in found if not floating]
        level = choose_white_level(whole, [number for number, floating in found if floating])
        print(
            f"Taking {level:,g} for white in pictures of more than 8 bits: of {len(found):,} "
            f"looked at the brightest has {max(found)[0]:,g}; --white_level decides otherwise",
            flush=True,
        )
        return level

    if options.white_level:
        print(
            f"Taking {options.white_level:,g} for white in pictures of more than 8 bits, as "
            "--white_level says",
            flush=True,
        )
    return options.settled(choose, find_white_level)


def _find_brightest(source: Source) -> list[tuple[float, bool]]:
    """Returns the brightest number of some pictures of more than 8 bits; see `images`."""
    read = source.open()
    found: list[tuple[float, bool]] = []
    for count in (_FEW_PICTURES, _DEEP_PICTURES):
        if count == _FEW_PICTURES or found:
            found = []
            for index in _spread(source.num_pictures, count):
                with contextlib.suppress(UserError):  # rejected later
                    number = brightest_number(read(index))
                    found += [number] if number else []
    return found


def _spread(num_pictures: int, limit: int) -> range:
    return range(0, num_pictures, -(-num_pictures // limit) or 1)


def _read_sides(source: Source) -> Sequence[int]:
    """Returns the smaller sides, in pixels, of up to 1000 pictures spread over all."""
    read = source.open()
    sides = []
    for index in _spread(source.num_pictures, _SAMPLED_PICTURES):
        try:
            picture = read(index)
            if isinstance(picture, bytes):
                sides.append(smaller_side(picture))
            else:
                sides.append(min(picture.shape[:2]))
        except UserError:  # what cannot be read has no say, and is rejected later
            continue
    return sides
