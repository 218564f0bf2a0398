"""The weights that stand for classes, carried from run to run by the classes' names.

The generator's first layer has a row for each class, below those of the latents; the
discriminator's last layer has an output for each, after the score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pgan_tf.config.training import NetworkConfig
from tfrecords.common.names import find_classes, list_names

GENERATOR_LAYER, DISCRIMINATOR_LAYER = "4x4_dense", "4x4_dense1"


@dataclass(frozen=True)
class ClassMap:
    """Which class of a run is which one of another.

    Attributes:
        origins: for each class here its index there; -1 for a new one.
        words: what becomes of the classes, a line; empty where they are the same ones.
    """

    origins: tuple[int, ...]
    words: str

    @property
    def has_new(self) -> bool:
        """Whether a class has no weights there."""
        return -1 in self.origins


def map_classes(
    there: Sequence[str], there_size: int, here: Sequence[str], here_size: int
) -> ClassMap:
    """Compares the classes of two runs.

    Args:
        there: the names of those that have weights; empty where they are not known.
        there_size: how many they are.
        here: the names of those of the new run, likewise.
        here_size: how many they are.
    """
    if not there_size or not here_size:
        few = f"{here_size:,} new" if here_size else f"{there_size:,} left"
        both = there_size or here_size
        return ClassMap((-1,) * here_size, f"Classes: {few}" if both else "")
    if not there or not here:
        return ClassMap(
            (-1,) * here_size, "Classes: all new, as their names are not known on both sides"
        )
    origins = tuple(find_classes(here, there))
    if origins == tuple(range(there_size)):
        return ClassMap(origins, "")
    kept = set(origins)
    parts = {
        "carried": [name for name, origin in zip(here, origins, strict=True) if origin >= 0],
        "new": [name for name, origin in zip(here, origins, strict=True) if origin < 0],
        "left": [name for index, name in enumerate(there) if index not in kept],
    }
    listed = (f"{words} {list_names(names)}" for words, names in parts.items() if names)
    return ClassMap(origins, f"Classes by name: {'; '.join(listed)}")


def carry_classes(
    arrays: Mapping[str, np.ndarray],
    initial: Mapping[str, np.ndarray],
    classes: ClassMap,
    there: NetworkConfig,
    here: NetworkConfig,
) -> dict[str, np.ndarray]:
    """Returns the arrays with the classes of this run.

    Args:
        arrays: by `network/layer/variable`, of the other run.
        initial: this run's initial values, by the same names, which new classes keep.
        classes: from `map_classes`.
        there: the other run's networks.
        here: this run's.
    """
    carried = dict(arrays)
    before = there.latent_size, there.label_size
    after = here.latent_size, here.label_size
    # The multiplier of an equalized layer shrinks with its inputs, as normalized inputs grow.
    growth = (sum(after) / sum(before)) ** (0.5 * (here.equalized - here.normalize_latents))
    for name, begin in initial.items():
        network, layer, variable = name.split("/")
        array = arrays.get(name)
        if array is None:
            continue
        if network != "discriminator" and f"{layer}/{variable}" == f"{GENERATOR_LAYER}/kernel":
            if before[0] != after[0]:  # rows of latents would become rows of classes
                if array.shape == begin.shape:
                    del carried[name]
            elif array.shape == (sum(before), *begin.shape[1:]):
                carried[name] = _pick(array * np.float32(growth), begin, before[0], classes)
        elif layer == DISCRIMINATOR_LAYER and array.shape == (*begin.shape[:-1], 1 + before[1]):
            carried[name] = _pick(array.T, begin.T, 1, classes).T
    return carried


def _pick(array: np.ndarray, initial: np.ndarray, first: int, classes: ClassMap) -> np.ndarray:
    """Returns an array's rows, those of classes, from `first` on, as this run has them."""
    rows = initial.copy()
    rows[:first] = array[:first]
    for index, origin in enumerate(classes.origins):
        if origin >= 0:
            rows[first + index] = array[first + origin]
    return rows
