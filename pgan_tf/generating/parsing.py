"""Parses seeds, grids and classes, and checks sizes."""

import os
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfrecords.common.bounds import SEEDS, Bounds, shown
from tfrecords.common.command_line import read_path
from tfrecords.common.errors import UserError
from tfrecords.common.text import did_you_mean, find_classes, list_names

LARGEST_SEED = int(SEEDS.upper)
MOST_SEEDS = 100_000
STRENGTHS = Bounds(-100, 100)  # along a direction
_MOST_DIRECTIONS = 64  # at once
KINDS = ("closed_form", "components")  # of directions, see `networks.directions`
_MOST_PIXELS, _MOST_FRAME_PIXELS = 2**28, 2**25  # limits of memory and of viewers
_MOST_FRAME_SIDE = 16_383  # of WebP
_MOST_VIDEO_PIXELS = 2**40  # in all frames; about a day of work


def parse_seeds(text: str) -> list[int]:
    """Reads `3,7,100-199`. Raises UserError for anything else."""
    ranges = []
    try:
        for part in text.split(","):
            first, dash, last = part.partition("-")
            begin, end = (SEEDS.read(one.strip()) for one in (first, last if dash else first))
            ranges.append(range(int(begin), int(end) + 1))
    except ValueError:
        ranges = []
    if ranges and all(ranges) and sum(map(len, ranges)) <= MOST_SEEDS:
        return [seed for seeds in ranges for seed in seeds]
    raise UserError(
        f"--seeds: expected numbers up to {LARGEST_SEED} and rising ranges such as 3,7,100-199, "
        f"at most {MOST_SEEDS} in all, got {shown(text)}"
    )


def parse_paths(text: str) -> tuple[str, ...]:
    """Reads `a.png,photos`: files and folders. Raises ValueError for an impossible path."""
    if os.path.exists(text):  # its name may have a comma
        return (read_path(text),)
    return tuple(map(read_path, text.split(",")))


def parse_grid(text: str) -> tuple[int, int]:
    """Reads `8x4`: columns and rows. Raises UserError for anything else."""
    bounds = Bounds(1, MOST_SEEDS, whole=True)
    try:
        columns, rows = (int(bounds.read(part)) for part in text.split("x"))
    except ValueError:
        columns = rows = MOST_SEEDS
    if columns * rows > MOST_SEEDS:
        raise UserError(
            f"--grid: expected COLUMNSxROWS such as 8x4, {MOST_SEEDS} at most, got {shown(text)}"
        )
    return columns, rows


def chosen_for_sheet(seeds: Sequence[int] | np.ndarray, count: int) -> Sequence[int] | np.ndarray:
    """Returns the first `count` seeds, or of `(n, latent_size)` latents. UserError for too few.

    A single seed counts up.
    """
    if len(seeds) >= count:
        return seeds[:count]
    if isinstance(seeds, np.ndarray):
        raise UserError(
            f"--latents: expected one for each of the {count} pictures of --grid, got {len(seeds)}"
        )
    if len(seeds) > 1 or seeds[0] + count - 1 > LARGEST_SEED:
        raise UserError(
            f"--seeds: expected one, which others up to {LARGEST_SEED} follow, or one for each of "
            f"the {count} pictures of --grid, got {len(seeds)}, the first {seeds[0]}"
        )
    return list(range(seeds[0], seeds[0] + count))


def parse_directions(text: str) -> list[tuple[str, int]]:
    """Reads `3` or `components:3,0`: kinds of directions, and numbers from 0. UserError if wrong.

    What has no kind of its own is in closed form.
    """
    found = []
    try:
        for part in text.split(","):
            kind, colon, number = part.strip().rpartition(":")
            kind = kind if colon else "closed_form"
            found.append((kind, int(Bounds(0, MOST_SEEDS, whole=True).read(number))))
    except ValueError:
        found = []
    if 0 < len(found) <= _MOST_DIRECTIONS and all(kind in KINDS for kind, _ in found):
        return found
    wanted = " or ".join(f"{kind}:3" for kind in KINDS)
    raise UserError(
        f"--direction: expected a number, or {wanted}, or some with commas between, got "
        f"{shown(text)}"
    )


def parse_strengths(text: str) -> list[float]:
    """Reads `2` or `2,-1.5`. Raises ValueError for anything else."""
    return [STRENGTHS.read(part.strip()) for part in text.split(",")[: _MOST_DIRECTIONS + 1]]


def with_strengths(
    found: Sequence[tuple[str, int]], strengths: Sequence[float]
) -> tuple[tuple[str, int, float], ...]:
    """Gives each direction its strength, or all the same one. UserError for another number."""
    if len(strengths) not in (1, len(found)):
        expected = f"one, or one for each of {len(found)} of --direction"
        raise UserError(f"--strength: expected {expected}, got {len(strengths)}")
    every = [*strengths] if len(strengths) > 1 else [*strengths] * len(found)
    return tuple((*one, strength) for one, strength in zip(found, every, strict=True))


def check_pixels(width: int, height: int, most: int = _MOST_PIXELS) -> None:
    """Raises UserError for a too large sheet or frame, before anything is drawn."""
    if width * height > most:
        raise UserError(
            f"--grid, --scale: expected at most {most:,} pixels, got {width:,} x {height:,}: "
            "give a smaller one of them"
        )


def check_video(width: int, height: int, num_frames: int) -> None:
    """Raises UserError for a too large video, or one too long for its size."""
    check_pixels(width, height, _MOST_FRAME_PIXELS)
    if max(width, height) > _MOST_FRAME_SIDE:
        raise UserError(
            f"--grid, --scale: expected at most {_MOST_FRAME_SIDE:,} px a side of a video, got "
            f"{width:,} x {height:,}: give a smaller one of them"
        )
    if width * height * num_frames > _MOST_VIDEO_PIXELS:
        most = _MOST_VIDEO_PIXELS // (width * height)
        raise UserError(
            f"--grid, --seconds, --fps: expected at most {most:,} frames of {width:,} x "
            f"{height:,} px, got {num_frames:,}: give a shorter or a smaller video"
        )


def parse_classes(text: str, label_size: int, names: Sequence[str] = ()) -> list[int]:
    """Reads `dog,3`, names before numbers; "" is all, [0] without classes. UserError if unknown."""
    if not text:
        return list(range(max(1, label_size)))
    if not label_size:
        raise UserError("--labels: expected a generator with classes, got one without: leave it")
    most_commas = max((name.count(",") for name in names), default=0)
    parts = text.split(",")
    classes = []
    while parts:
        # Names may contain commas, so take the longest that fits.
        joined = [",".join(parts[:count]) for count in range(1 + most_commas, 0, -1)]
        written = [name for one in joined for name in (one, one.strip())]
        found = zip(written, find_classes(written, names), strict=True)
        name, index = next((pair for pair in found if pair[1] >= 0), (parts[0].strip(), -1))
        if index < 0:
            index = int(name) if re.fullmatch(r"[0-9]{1,9}", name) else label_size
            if index >= label_size:
                raise unknown_class("--labels", name, label_size, names)
        classes.append(index)
        del parts[: 1 + name.count(",")]
    return classes


def unknown_class(argument: str, got: Any, label_size: int, names: Sequence[str]) -> UserError:
    """Returns the error for an unknown class, with the nearest name."""
    known = f"classes, {list_names(names)}, or their numbers" if names else "numbers of classes"
    known = f"{known} from 0 to {label_size - 1}"
    meant = did_you_mean(str(got), names)
    return UserError(f"{argument}: expected {known}, got {shown(got)}{meant}")
