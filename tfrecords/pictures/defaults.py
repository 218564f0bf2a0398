"""Chooses the shape and the white level of a dataset if no flag gives them."""

import collections
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from tfrecords.common.errors import UserError
from tfrecords.common.shape import PAPER, Base, Shape, base_like, find_shape
from tfrecords.pictures.images import brightest_number, size_of
from tfrecords.pictures.source import PictureOptions, Source, colors_in_words

# Sample sizes: to look for deep pictures, for their white level, and for the resolution.
_FEW, _MORE, _MANY = 32, 256, 1000
_ALL_OF_16_BITS = 65535

T = TypeVar("T")


def fill_defaults(source: Source, options: PictureOptions) -> PictureOptions:
    """Returns the options with defaults filled in, and prints what was chosen and why.

    Raises UserError if no picture's size can be read, or if pictures have different ranges.
    """
    if source.num_channels:
        options = _of_array(source, options)
    elif options.value_range:
        expected = "expected numbers of a NumPy or HDF5 file with it, or no such flag"
        raise UserError(f"--value_range: {expected}, got {source.description}")
    upscaling = options.allow_upscaling
    if options.white_level:
        _print_white(options.white_level, ", as --white_level says")
    base, resolution = options.base, options.resolution
    if not resolution:
        base, resolution = _find_shape(source, base)
    return replace(
        options,
        base=base,
        resolution=resolution,
        allow_upscaling=not options.resolution if upscaling is None else upscaling,
        white_level=options.white_level or _find_white_level(source, options.depth),
    )


def _of_array(source: Source, options: PictureOptions) -> PictureOptions:
    """Returns the options for an array's channels, and prints its range."""
    found = source.value_range and not options.value_range
    low, high = options.value_range or (source.value_range() if source.value_range else (0.0, 1.0))
    bits, how = f"{source.depth} bits", "; --value_range decides otherwise" if found else ""
    words = colors_in_words(source.num_channels)
    print(f"Taking {words} of {bits} from {low:,g} to {high:,g}{how}", flush=True)
    channels, depth = source.num_channels, source.depth
    return replace(options, num_channels=channels, depth=depth, value_range=(low, high))


def choose_resolution(sizes: Sequence[tuple[int, int]], base: Base = PAPER) -> int:
    """Returns the largest resolution, 4 to 1024, that at least half of the sizes reach."""
    # Pictures of about the base's ratio may be enlarged by as little as that is off.
    grown = 1.0 if base == PAPER else 1.02
    sides = (min(width / base.width, height / base.height) for width, height in sizes)
    reached_by_half = sorted(sides, reverse=True)[(len(sizes) - 1) // 2]
    return min(1024, max(4, 1 << (int(4 * grown * reached_by_half).bit_length() - 1)))


def choose_shape(sizes: Sequence[tuple[int, int]]) -> Shape:
    """Returns the shape of pictures, (width, height) each: squares, unless most agree on another.

    If more than half have the same size, or else ratio, and it is not square, it is that.
    """
    [(size, count)] = collections.Counter(sizes).most_common(1)
    exact = find_shape(*size) if size[0] != size[1] and 2 * count > len(sizes) else None
    if exact:
        return exact
    bases = collections.Counter(base_like(*size) for size in sizes)
    [(base, count)] = bases.most_common(1)
    base = base if 2 * count > len(sizes) else PAPER
    return Shape(base, choose_resolution(sizes, base))


def _find_shape(source: Source, given: Base | None) -> Shape:
    sizes = source.sample_sizes() if source.sample_sizes else _sample(source, _MANY, size_of)
    if not len(sizes):
        problem = "expected pictures that can be read, got none: give other pictures"
        raise UserError(f"{source.description}: {problem}")
    shape = Shape(given, choose_resolution(sizes, given)) if given else choose_shape(sizes)
    seen = f"{len(sizes):,} of {source.num_pictures:,} looked at"
    why = f"the largest power of two that half of the pictures reach ({seen})"
    if len(sizes) == 1 < source.num_pictures:  # all pictures have the same size
        why = f"the pictures have {min(sizes[0])} px"
    if shape.base != PAPER and not given:
        why = f"as most pictures are about so wide and high ({seen}); --shape decides otherwise"
    print(f"Taking {shape.resolution} px{shape.base.beside(shape.resolution)}, {why}", flush=True)
    return shape


def _find_white_level(source: Source, depth: int) -> float | None:
    """Returns the white level to scale by, or None for that of 16 bits."""
    if not source.opens_fast or not _sample(source, _FEW, brightest_number):
        return None
    if not (found := _sample(source, _MORE, brightest_number)):
        return None
    fit = (number <= _ALL_OF_16_BITS and not floating for number, floating in found)
    if depth == 16 and all(fit):
        return None  # they stay as they are
    level = _choose_white_level(found)
    why = f"of {len(found):,} looked at the brightest has {max(found)[0]:,g}"
    _print_white(level, f": {why}; --white_level decides otherwise")
    return level


def _print_white(level: float, why: str) -> None:
    print(f"Taking {level:,g} for white in pictures of more than 8 bits{why}", flush=True)


def _sample(source: Source, limit: int, look: Callable[[bytes | np.ndarray], T | None]) -> list[T]:
    """Returns the results of `look`, unless None, for evenly spaced pictures."""
    read, found = source.open(), []
    for index in range(0, source.num_pictures, -(-source.num_pictures // limit) or 1):
        with contextlib.suppress(UserError):  # unreadable pictures are rejected later
            found.append(look(read(index)))
    return [one for one in found if one is not None]


def _choose_white_level(brightest: Sequence[tuple[float, bool]]) -> float:
    """Chooses the white level from results of `brightest_number`, at least one."""
    whole = [number for number, floating in brightest if not floating]
    floats = [number for number, floating in brightest if floating]
    levels = {_level_above(max(whole))} if whole else set()
    if floats:
        levels.add(1.0 if max(floats) <= 1 else _level_above(max(floats)))
    if len(levels) > 1:
        got = f"whole numbers up to {max(whole):,.0f} and floating point ones up to {max(floats):g}"
        how = "give --white_level or convert one kind at a time"
        raise UserError(f"white_level: expected pictures of one range, got {got}: {how}")
    return levels.pop()


def _level_above(brightest: float) -> float:
    """Returns the largest number with as many bits as needed, or as cameras have."""
    levels = (2**bits - 1 for bits in (8, 10, 12, 14, 16) if brightest <= 2**bits - 1)
    return float(next(levels, 2 ** int(brightest).bit_length() - 1))
