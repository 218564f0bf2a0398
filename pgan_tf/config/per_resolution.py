"""Resolutions, and numbers that depend on them. Pure Python."""

import dataclasses

from tfrecords.common.bounds import RESOLUTIONS, Bounds, shown
from tfrecords.common.errors import UserError

LOWEST_RESOLUTION = 4
POSITIVE = Bounds(0, 10**9, above=True)


@dataclasses.dataclass(frozen=True)
class PerResolution:
    """A number for each resolution; one that is not listed takes the next lower one's.

    A step that repeats the value before it is dropped: equal numbers make equal objects.
    """

    steps: tuple[tuple[int, float], ...]  # (resolution in pixels, value), by rising resolution

    def __post_init__(self) -> None:
        before = [None, *(value for _, value in self.steps)]
        steps = (step for step, last in zip(self.steps, before, strict=False) if step[1] != last)
        object.__setattr__(self, "steps", tuple(steps))

    def at(self, resolution: int) -> float:
        """The value at a resolution in pixels."""
        return [value for lowest, value in self.steps if lowest <= resolution][-1]

    def between(self, first: int, last: int) -> "PerResolution":
        """The values from one resolution to another, both included, in pixels."""
        later = (step for step in self.steps if first < step[0] <= last)
        return PerResolution(((first, self.at(first)), *later))

    def check(self, bounds: Bounds, argument: str) -> None:
        """Raises UserError unless there are values, by rising resolutions, all within bounds."""
        if not self.steps:
            raise UserError(f"{argument}: expected at least one value, got none")
        for resolution, value in self.steps:
            RESOLUTIONS.check(resolution, argument)
            bounds.check(value, argument)
        resolutions = [resolution for resolution, _ in self.steps]
        if resolutions != sorted(set(resolutions)):
            raise UserError(f"{argument}: expected rising resolutions, got {resolutions}")

    @classmethod
    def parse(cls, text: str, argument: str, bounds: Bounds = POSITIVE) -> "PerResolution":
        """Reads `16` or `4:128,8:128,16:64`. Raises UserError, which names `argument`."""
        pairs = [part.rpartition(":") for part in text.split(",")]
        if len(pairs) > 1 and not all(colon for _, colon, _ in pairs):
            expected = "one number or RESOLUTION:NUMBER pairs such as 4:128,8:64"
            raise UserError(f"{argument}: expected {expected}, got {shown(text)}")
        steps: list[tuple[int, float]] = []
        try:
            for pixels, colon, number in pairs:
                resolution = RESOLUTIONS.read(pixels.strip()) if colon else LOWEST_RESOLUTION
                value = bounds.read(number.strip())
                steps.append((int(resolution), int(value) if value == int(value) else value))
        except ValueError as error:
            whole = f" in {shown(text)}" if ":" in text else ""
            raise UserError(f"{argument}: {error}{whole}") from None
        if len(dict(steps)) < len(steps):
            raise UserError(f"{argument}: expected each resolution once, got {shown(text)}")
        return cls(tuple(sorted(steps)))

    def __str__(self) -> str:
        if len(self.steps) == 1 and self.steps[0][0] == LOWEST_RESOLUTION:
            return f"{self.steps[0][1]}"
        return ",".join(f"{resolution}:{value}" for resolution, value in self.steps)
