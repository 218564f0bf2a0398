"""What every metric has: two sets of pictures are summed up, and the sums compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal, Protocol

import numpy as np


class Collector(Protocol):
    """Sees a set of pictures batch by batch."""

    def add(self, batch: Any) -> None:
        """Takes a batch of what the metric `sees`."""

    def summary(self) -> Any:
        """Returns what `Metric.compare` needs of the set."""


class Inception(Protocol):
    """A trained network that pictures are looked at with."""

    def __call__(self, batch: np.ndarray) -> Any:
        """Returns what it makes of `(n, side, side, channels)` uint8 pictures."""


@dataclasses.dataclass(frozen=True)
class Metric:
    """A way of scoring a set of pictures, against a set of real ones or alone.

    Attributes:
        name: as `--metrics` has it.
        version: grows when the same pictures get another score.
        sees: `pictures`, `(n, side, side, channels)` uint8 batches, or `inception`, what an
            `Inception` returns for them.
        against_reals: whether it compares two sets; others score one set alone, and the
            reals' own score is what to be near to.
        collect: from a number that tells the sets of an evaluation apart to a new collector.
        compare: from the summaries of the reals (None where it scores one set alone) and of
            the set to score, to values by name.
        headline: the value that stands for the metric.
        better: whether `lower` or `higher` is better; `neither` where it is only to be near
            to that of the reals.
        filter: how pictures are resized and filtered on their way.
        weights_sha256: checksum of the network that it looks with; empty without one.
    """

    name: str
    version: int
    sees: Literal["pictures", "inception"]
    against_reals: bool
    collect: Callable[[int], Collector]
    compare: Callable[[Any, Any], dict[str, float]]
    headline: str
    better: Literal["lower", "higher", "neither"]
    filter: str
    weights_sha256: str = ""
