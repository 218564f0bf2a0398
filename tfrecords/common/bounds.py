"""Parses numbers in flags and files and checks their bounds, for the whole project."""

import dataclasses
import re
from numbers import Integral, Real
from typing import Any

from tfrecords.common.errors import UserError

# Stricter than Python, which also accepts 1_000 and Arabic digits.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,4})?", re.ASCII | re.IGNORECASE)
_LONGEST = 40  # characters of a number, and of other text in messages


@dataclasses.dataclass(frozen=True)
class Bounds:
    """Which numbers are allowed. NaN and infinity never are."""

    lower: float
    upper: float
    whole: bool = False  # whole numbers only
    above: bool = False  # `lower` itself is not allowed
    below: bool = False  # `upper` itself is not allowed
    power_of_two: bool = False

    def __contains__(self, value: Any) -> bool:
        """Returns whether a value is a number within the bounds; strings and bools are not."""
        kind: type[Any] = Integral if self.whole else Real
        return (
            isinstance(value, kind)
            and not isinstance(value, bool)
            # Comparisons with NaN are false.
            and (value > self.lower if self.above else value >= self.lower)
            and (value < self.upper if self.below else value <= self.upper)
            and (not self.power_of_two or int(value).bit_count() == 1)
        )

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        if self.power_of_two:
            kind = "a power of two"
        lower, upper = f"{self.lower:.15g}", f"{self.upper:.15g}"
        if self.above:
            return f"{kind} above {lower}, {'below' if self.below else 'at most'} {upper}"
        return f"{kind} from {lower} to {'less than ' if self.below else ''}{upper}"

    def read(self, text: str) -> int | float:
        """Parses a number within the bounds. Raises ValueError (`expected …, got …`) otherwise."""
        if len(text) <= _LONGEST and _NUMBER.fullmatch(text):
            value: Any = float(text)
            if text.lstrip("+-").isdigit():
                value = int(text)
            elif self.whole and value.is_integer():
                value = int(value)
            if value in self:
                return value
        raise ValueError(f"expected {self}, got {shown(text)}")

    def check(self, value: Any, name: str) -> None:
        """Raises a UserError that starts with `name` unless the value is within the bounds."""
        if value not in self:
            raise UserError(f"{name}: expected {self}, got {shown(value)}")


def shown(value: Any) -> str:
    """Formats a value for a message: on one line, and shortened if long."""
    if isinstance(value, int) and abs(value) >= 10**_LONGEST:
        return f"a number of more than {_LONGEST} digits"
    text = str(value)
    if len(text) > 2 * _LONGEST:
        return f"{text[:_LONGEST]!r}… ({len(text):,} characters)"
    return repr(text) if isinstance(value, str) else text


RESOLUTIONS = Bounds(4, 1024, whole=True, power_of_two=True)  # of datasets and networks, in pixels
SEEDS = Bounds(0, 2**31 - 1, whole=True)  # seeds that both TensorFlow and NumPy accept
COUNTS = Bounds(1, 10**9, whole=True)
COUNTS_OR_NONE = Bounds(0, 10**9, whole=True)
