"""The one place where numbers are read and held to bounds: those of flags and of files."""

from __future__ import annotations

import dataclasses
import math
import re
from numbers import Integral, Real
from typing import Any

from tfrecords.common.errors import UserError

# Digits that Python takes and nobody means, such as 1_000 or Arabic ones, are left out.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,4})?", re.ASCII | re.IGNORECASE)
_LONGEST = 40  # characters of a number, and of what is shown of another text


@dataclasses.dataclass(frozen=True)
class Bounds:
    """Which numbers are allowed; NaN and the infinite never are.

    Attributes:
        lower: the least one.
        upper: the largest one.
        whole: whole numbers only.
        above: `lower` itself is not allowed.
        below: `upper` itself is not allowed.
        power_of_two: powers of two only.
    """

    lower: float
    upper: float
    whole: bool = False
    above: bool = False
    below: bool = False
    power_of_two: bool = False

    def __contains__(self, value: Any) -> bool:
        """Says whether it is a number within the bounds; a text or a bool is none."""
        kind: type[Any] = Integral if self.whole else Real
        if isinstance(value, bool) or not isinstance(value, kind):
            return False
        # What is no whole number may be NaN, of which no comparison holds.
        if not (value > self.lower or (value == self.lower and not self.above)):
            return False
        if not (value < self.upper or (value == self.upper and not self.below)):
            return False
        return not self.power_of_two or int(value).bit_count() == 1

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        if self.power_of_two:
            kind = "a power of two"
        lower, upper = f"{self.lower:.15g}", f"{self.upper:.15g}"
        if self.above:
            return f"{kind} above {lower}, {'below' if self.below else 'at most'} {upper}"
        return f"{kind} from {lower} to {'less than ' if self.below else ''}{upper}"

    def read(self, text: str) -> int | float:
        """Returns the number that a text spells.

        Raises:
            ValueError: it spells none, or one outside; the message goes after a flag's name.
        """
        value: int | float | None = None
        if len(text) <= _LONGEST and _NUMBER.fullmatch(text):
            value = float(text) if not text.lstrip("+-").isdigit() else int(text)
            if self.whole and math.isfinite(value) and value == int(value):
                value = int(value)
        if value is None or value not in self:
            raise ValueError(f"expected {self}, got {shown(text)}")
        return value

    def check(self, value: Any, name: str) -> None:
        """Raises a UserError that begins with `name` unless the value is such a number."""
        if value not in self:
            raise UserError(f"{name}: expected {self}, got {shown(value)}")


def shown(value: Any) -> str:
    """Returns a value as a message shows it, on one line and cut where it is long."""
    if isinstance(value, int) and abs(value) >= 10**_LONGEST:
        return f"a number of more than {_LONGEST} digits"
    text = value if isinstance(value, str) else str(value)
    if len(text) > 2 * _LONGEST:
        return f"{text[:_LONGEST]!r}… ({len(text):,} characters)"
    return repr(text) if isinstance(value, str) else text


# The pictures of a data set and of the networks, in pixels.
RESOLUTIONS = Bounds(4, 1024, whole=True, power_of_two=True)
# TensorFlow's and NumPy's random numbers take these and no more.
SEEDS = Bounds(0, 2**31 - 1, whole=True)
# What is counted: pictures, records, iterations.
COUNTS = Bounds(1, 10**9, whole=True)
COUNTS_OR_NONE = Bounds(0, 10**9, whole=True)
