"""What was asked for in words: seeds, grids and classes."""

from __future__ import annotations

import re

from tfrecords.errors import UserError

LARGEST_SEED = 2**31 - 1
MOST_SEEDS = 100_000


def parse_seeds(text: str) -> list[int]:
    """Reads `3,7,100-199`.

    Raises:
        UserError: it is not such a list.
    """
    parts = [re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip()) for part in text.split(",")]
    if all(parts):
        ranges = [range(int(part[1]), int(part[2] or part[1]) + 1) for part in parts]
        rising = all(seeds and seeds[-1] <= LARGEST_SEED for seeds in ranges)
        if rising and sum(map(len, ranges)) <= MOST_SEEDS:
            return [seed for seeds in ranges for seed in seeds]
    raise UserError(
        f"--seeds: expected numbers up to {LARGEST_SEED} and rising ranges such as 3,7,100-199, "
        f"at most {MOST_SEEDS} in all, got {text!r}"
    )


def parse_grid(text: str) -> tuple[int, int]:
    """Reads `8x4`: columns and rows.

    Raises:
        UserError: it is not two numbers.
    """
    match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if not match or int(match[1]) * int(match[2]) > MOST_SEEDS:
        raise UserError(f"--grid: expected COLUMNSxROWS such as 8x4, got {text!r}")
    return int(match[1]), int(match[2])


def parse_classes(text: str, label_size: int) -> list[int]:
    """Reads `0,3`; nothing stands for all classes, in turns.

    Args:
        text: class numbers.
        label_size: how many classes there are, 0 for a generator without.

    Returns:
        At least one; [0] without classes.

    Raises:
        UserError: there are no classes, or not these.
    """
    if not text:
        return list(range(max(1, label_size)))
    if not label_size:
        raise UserError("--labels: expected a generator with classes, got one without: leave it")
    numbers = [part.strip() for part in text.split(",")]
    if any(not re.fullmatch(r"\d+", part) or int(part) >= label_size for part in numbers):
        raise UserError(
            f"--labels: expected class numbers from 0 to {label_size - 1}, got {text!r}"
        )
    return [int(part) for part in numbers]
