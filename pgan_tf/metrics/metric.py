"""What every metric has: a collector that reads a set of pictures, and a comparison of two sets."""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal, Protocol


class Collector(Protocol):
    """Keeps what `Metric.compare` needs of a set of pictures."""

    def add(self, batch: Any) -> None:
        """Takes uint8 pictures, or Inception's output for them."""


@dataclasses.dataclass(frozen=True)
class Metric:
    """A way of scoring a set of pictures, against a set of real ones or alone."""

    name: str
    collect: Callable[[int], Collector]  # from a number that tells an evaluation's sets apart
    # From the collectors of the reals, ignored unless `against_reals`, and of the set, to values.
    compare: Callable[[Any, Any], dict[str, float]]
    headline: str  # name of the value that stands for the metric
    better: Literal["lower", "higher", "neither"]  # neither: near the value of the reals
    filter: str  # how pictures are resized and filtered
    against_reals: bool = True
    inception_sha256: str = ""  # of the network's file; empty if it reads the pictures themselves
    version: int = 1  # grows when the same pictures get another score
