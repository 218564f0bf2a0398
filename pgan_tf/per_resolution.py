"""Resolutions, and numbers that depend on them. Pure Python."""

from __future__ import annotations

import dataclasses
import math

from tfrecords.errors import UserError

LOWEST_RESOLUTION = 4
HIGHEST_RESOLUTION = 1024


@dataclasses.dataclass(frozen=True)
class PerResolution:
    """A number for each resolution; one that is not listed takes the next lower one's.

    Two of these are equal where they give the same numbers, however they were written.

    Attributes:
        steps: pairs (resolution in pixels, value), by rising resolution; those that only
            repeat the value before them are left out.
    """

    steps: tuple[tuple[int, float], ...]

    def __post_init__(self) -> None:
        before = [None, *(value for _, value in self.steps)]
        steps = (step for step, last in zip(self.steps, before, strict=False) if step[1] != last)
        object.__setattr__(self, "steps", tuple(steps))

    def at(self, resolution: int) -> float:
        """Returns the value at a resolution in pixels."""
        return [value for lowest, value in self.steps if lowest <= resolution][-1]

    def between(self, first: int, last: int) -> PerResolution:
        """Returns what holds from one resolution to another, both included, in pixels."""
        later = (step for step in self.steps if first < step[0] <= last)
        return PerResolution(((first, self.at(first)), *later))

    @classmethod
    def parse(cls, text: str, argument: str) -> PerResolution:
        """Reads `16` or `4:128,8:128,16:64`.

        Raises:
            UserError: the text is neither; `argument` names the flag it came from.
        """
        try:
            if ":" not in text:
                steps = [(LOWEST_RESOLUTION, _number(text))]
            else:
                pairs = [part.split(":") for part in text.split(",")]
                steps = sorted((int(resolution), _number(value)) for resolution, value in pairs)
        except ValueError:
            raise UserError(
                f"{argument}: expected one positive number or RESOLUTION:NUMBER pairs such as "
                f"4:128,8:64, got {text!r}"
            ) from None
        resolutions = [resolution for resolution, _ in steps]
        for resolution in resolutions:
            check_resolution(resolution, argument)
        if len(set(resolutions)) < len(resolutions):
            raise UserError(f"{argument}: a resolution is listed twice in {text!r}: keep one")
        return cls(tuple(steps))

    def __str__(self) -> str:
        if len(self.steps) == 1 and self.steps[0][0] == LOWEST_RESOLUTION:
            return f"{self.steps[0][1]}"
        return ",".join(f"{resolution}:{value}" for resolution, value in self.steps)


def _number(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise ValueError(text)
    return int(value) if value == int(value) else value


def check_resolution(resolution: int, argument: str) -> None:
    """Raises UserError unless `resolution` is a power of two from 4 to 1024 pixels."""
    if (
        resolution not in range(LOWEST_RESOLUTION, HIGHEST_RESOLUTION + 1)
        or resolution & (resolution - 1) != 0
    ):
        raise UserError(
            f"{argument}: expected a power of two from {LOWEST_RESOLUTION} to "
            f"{HIGHEST_RESOLUTION} pixels, got {resolution}"
        )
