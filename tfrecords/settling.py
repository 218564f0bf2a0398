"""The resolution of a dataset, where nobody asks for one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfrecords.errors import UserError
from tfrecords.images import smaller_side
from tfrecords.source import PictureOptions, Source, choose_resolution

_SAMPLED_PICTURES = 1000


def settle_options(source: Source, options: PictureOptions) -> PictureOptions:
    """Returns the options with no choice left, and says what was chosen and why.

    Raises:
        UserError: no picture tells its size.
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

    return options.settled(choose)


def _read_sides(source: Source) -> Sequence[int]:
    """Returns the smaller sides, in pixels, of up to 1000 pictures spread over all."""
    read = source.open()
    sides = []
    for index in range(0, source.num_pictures, -(-source.num_pictures // _SAMPLED_PICTURES) or 1):
        try:
            picture = read(index)
            is_array = isinstance(picture, np.ndarray)
            sides.append(min(picture.shape[:2]) if is_array else smaller_side(picture))
        except UserError:  # what cannot be read has no say, and is rejected later
            continue
    return sides
