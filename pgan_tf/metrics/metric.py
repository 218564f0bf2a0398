"""The interface of metrics: a collector that reads a set of pictures, and a comparison of sets."""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal, Protocol


class Collector(Protocol):
    """Collects what `Metric.compare` needs from a set of pictures."""

    def add(self, batch: Any) -> None:
        """Adds uint8 pictures, or Inception's output for them."""


@dataclasses.dataclass(frozen=True)
class Metric:
    """A way to score a set of pictures, alone or against a set of real ones."""

    name: str
    collect: Callable[[int], Collector]  # makes a collector, given the number of a set
    # From the collectors of the reals (ignored unless `against_reals`) and of the set, to values.
    compare: Callable[[Any, Any], dict[str, float]]
    headline: str  # name of the value that represents the metric
    better: Literal["lower", "higher", "neither"]  # neither: closer to the value of the reals
    filter: str  # how pictures are resized and filtered
    against_reals: bool = True
    inception_sha256: str = ""  # of the network's file; empty if the metric does not use it
    version: int = 1  # increases when the same pictures would get a different score
