"""What was asked for in words: seeds, grids and classes."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from tfrecords.common.bounds import SEEDS, Bounds, shown
from tfrecords.common.errors import UserError
from tfrecords.common.names import find_classes, list_names

LARGEST_SEED = int(SEEDS.upper)
MOST_SEEDS = 100_000
# Of a sheet and of a video's frame: what memory has room for, and readers of pictures take.
MOST_PIXELS = 2**28
MOST_FRAME_PIXELS = 2**25
# Of a video: a side, which WebP's format ends at; all frames together, about a day of work.
MOST_FRAME_SIDE = 16_383
MOST_VIDEO_PIXELS = 2**40


def parse_seeds(text: str) -> list[int]:
    """Reads `3,7,100-199`.

    Raises:
        UserError: it is not such a list.
    """
    try:
        ranges = [
            range(
                int(SEEDS.read(first.strip())),
                int(SEEDS.read((last if dash else first).strip())) + 1,
            )
            for first, dash, last in (part.partition("-") for part in text.split(","))
        ]
    except ValueError:
        ranges = []
    if ranges and all(ranges) and sum(map(len, ranges)) <= MOST_SEEDS:
        return [seed for seeds in ranges for seed in seeds]
    raise UserError(
        f"--seeds: expected numbers up to {LARGEST_SEED} and rising ranges such as 3,7,100-199, "
        f"at most {MOST_SEEDS} in all, got {shown(text)}"
    )


def parse_grid(text: str) -> tuple[int, int]:
    """Reads `8x4`: columns and rows.

    Raises:
        UserError: it is not two numbers.
    """
    bounds = Bounds(1, MOST_SEEDS, whole=True)
    try:
        columns, rows = (int(bounds.read(part)) for part in text.split("x"))
    except ValueError:
        columns = rows = MOST_SEEDS
    if columns * rows > MOST_SEEDS:
        raise UserError(
            f"--grid: expected COLUMNSxROWS such as 8x4, at most {MOST_SEEDS} in all, got "
            f"{shown(text)}"
        )
    return columns, rows


def seeds_of_sheet(seeds: list[int], count: int) -> list[int]:
    """Returns as many seeds as a sheet has pictures: those given, or from the only one on.

    Raises:
        UserError: there are too few.
    """
    if len(seeds) >= count:
        return seeds[:count]
    if len(seeds) > 1 or seeds[0] + count - 1 > LARGEST_SEED:
        raise UserError(
            f"--seeds: expected one, which others up to {LARGEST_SEED} follow, or one for each of "
            f"the {count} pictures of --grid, got {len(seeds)}, the first {seeds[0]}"
        )
    return list(range(seeds[0], seeds[0] + count))


def check_pixels(width: int, height: int, most: int = MOST_PIXELS) -> None:
    """Checks the size of a sheet or of a frame before anything is drawn.

    Raises:
        UserError: it is too large.
    """
    if width * height > most:
        raise UserError(
            f"--grid, --scale: expected at most {most:,} pixels in a picture, got "
            f"{width:,} x {height:,}: give a smaller one of them"
        )


def check_video(width: int, height: int, num_frames: int) -> None:
    """Checks the size of a video before anything is drawn.

    Raises:
        UserError: it is too large, or too long for its size.
    """
    check_pixels(width, height, MOST_FRAME_PIXELS)
    if max(width, height) > MOST_FRAME_SIDE:
        raise UserError(
            f"--grid, --scale: expected at most {MOST_FRAME_SIDE:,} px a side of a video, got "
            f"{width:,} x {height:,}: give a smaller one of them"
        )
    if width * height * num_frames > MOST_VIDEO_PIXELS:
        most = MOST_VIDEO_PIXELS // (width * height)
        raise UserError(
            f"--grid, --seconds, --fps: expected at most {most:,} frames of {width:,} x "
            f"{height:,} px, got {num_frames:,}: give a shorter or a smaller video"
        )


def parse_classes(text: str, label_size: int, names: Sequence[str] = ()) -> list[int]:
    """Reads `dog,3`; nothing stands for all classes, in turns.

    Args:
        text: names and numbers of classes. What is a name is one, numbers and commas or not.
        label_size: how many classes there are, 0 for a generator without.
        names: of the classes, in order; empty where they are not known.

    Returns:
        At least one; [0] without classes.

    Raises:
        UserError: there are no classes, or not these.
    """
    if not text:
        return list(range(max(1, label_size)))
    if not label_size:
        raise UserError("--labels: expected a generator with classes, got one without: leave it")
    most_commas = max((name.count(",") for name in names), default=0)
    parts = text.split(",")
    classes = []
    while parts:
        # A name may hold commas: the longest that fits.
        joined = [",".join(parts[:count]) for count in range(1 + most_commas, 0, -1)]
        written = [name for one in joined for name in (one, one.strip())]
        found = zip(written, find_classes(written, names), strict=True)
        name, index = next((pair for pair in found if pair[1] >= 0), ("", -1))
        if index >= 0:
            classes.append(index)
            del parts[: 1 + name.count(",")]
            continue
        part = parts.pop(0).strip()
        number = int(part) if re.fullmatch(r"[0-9]{1,9}", part) else label_size
        if number >= label_size:
            raise _unknown_class(part, label_size, names)
        classes.append(number)
    return classes


def _unknown_class(part: str, label_size: int, names: Sequence[str]) -> UserError:
    near = difflib.get_close_matches(part[:80], names, 1)
    meant = f": do you mean {near[0]!r}?" if near else ""
    known = f"classes, {list_names(names)}, or their numbers" if names else "numbers of classes"
    return UserError(
        f"--labels: expected {known} from 0 to {label_size - 1}, got {part[:80]!r}{meant}"
    )
