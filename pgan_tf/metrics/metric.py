"""The interface of metrics: a collector that reads a set of pictures, and a comparison of sets."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, Literal, Protocol, TypeVar

from tqdm import tqdm

Step = TypeVar("Step")
REALS, FAKES, OTHER_REALS, HELD_OUT = range(4)  # sets of pictures, for `Metric.collect`


def with_bar(steps: Iterable[Step], name: str) -> Iterable[Step]:
    """Yields the steps of a comparison that takes seconds, and shows a bar until its end."""
    bar: Iterable[Step] = tqdm(steps, name, leave=False, disable=None, dynamic_ncols=True)
    return bar


class Collector(Protocol):
    """Collects what `Metric.compare` needs from a set of pictures."""

    def add(self, batch: Any) -> None:
        """Adds uint8 pictures, or Inception's output for them."""


@dataclasses.dataclass(frozen=True)
class Against:
    """What a metric with held-out pictures compares with."""

    reals: Any  # the collectors of the pictures that the run was trained on, and of as many others
    held_out: Any
    # What the discriminator says of reals, held-out pictures and fakes; None for the floor.
    scores: Any = None


@dataclasses.dataclass(frozen=True)
class Metric:
    """A way to score a set of pictures, alone or against a set of real ones."""

    name: str
    collect: Callable[[int], Collector]  # makes a collector, given the number of a set
    # From the collectors of the reals (ignored unless `against_reals`; an `Against` if
    # `with_held_out`) and of the set, to values.
    compare: Callable[[Any, Any], dict[str, float]]
    headline: str  # name of the value that represents the metric
    better: Literal["lower", "higher", "neither"]  # neither: closer to the value of the reals
    filter: str  # how pictures are resized and filtered
    against_reals: bool = True
    inception_sha256: str = ""  # of Inception's file; empty if the metric does not use it
    version: int = 1  # increases when the same pictures would get a different score
    with_held_out: bool = False  # compares with held-out pictures, too, and asks the discriminator
    takes_alpha: bool = False  # and any channels; else pictures are laid on white, the first three
    network_sha256: str = ""  # of the file of the metric's own network, if it has one

    @property
    def weights_sha256(self) -> str:
        """The checksum of the network through which the metric sees pictures, if any."""
        return self.inception_sha256 or self.network_sha256
