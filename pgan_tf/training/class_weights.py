"""The weights that stand for classes, carried from run to run by the classes' names.

The generator's first layer has a row for each class, below those of the latents; the
discriminator's last layer has an output for each, after the score.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pgan_tf.config.training import NetworkConfig
from tfrecords.common.text import find_classes, list_names

_GENERATOR_KERNEL, _DISCRIMINATOR_LAYER = "4x4_dense/kernel", "4x4_dense1"


@dataclass(frozen=True)
class ClassMap:
    """Which class of a run is which one of another."""

    origins: tuple[int, ...]  # for each class here its index there; -1 for a new one
    words: str  # what becomes of the classes, a line; empty where they are the same

    @property
    def has_new(self) -> bool:
        """Whether a class has no weights there."""
        return -1 in self.origins


def map_classes(
    there: Sequence[str], there_size: int, here: Sequence[str], here_size: int
) -> ClassMap:
    """Compares the classes of two runs by their names, which are empty where not known."""
    all_new = (-1,) * here_size
    if not there_size or not here_size:
        few = f"{here_size:,} new" if here_size else f"{there_size:,} left"
        return ClassMap(all_new, f"Classes: {few}" if there_size or here_size else "")
    if not there or not here:
        return ClassMap(all_new, "Classes: all new, as their names are not known on both sides")
    origins = tuple(find_classes(here, there))
    if origins == tuple(range(there_size)):
        return ClassMap(origins, "")
    parts = {
        "carried": [name for name, origin in zip(here, origins, strict=True) if origin >= 0],
        "new": [name for name, origin in zip(here, origins, strict=True) if origin < 0],
        "left": [name for index, name in enumerate(there) if index not in origins],
    }
    listed = (f"{words} {list_names(names)}" for words, names in parts.items() if names)
    return ClassMap(origins, f"Classes by name: {'; '.join(listed)}")


def is_of_classes(name: str) -> bool:
    """True if a variable, by its name in checkpoints, has numbers for each class."""
    return name.endswith(f"/{_GENERATOR_KERNEL}") or f"/{_DISCRIMINATOR_LAYER}/" in name


def carry_classes(
    arrays: Mapping[str, np.ndarray],
    initial: Mapping[str, np.ndarray],
    classes: ClassMap,
    there: NetworkConfig,
    here: NetworkConfig,
) -> dict[str, np.ndarray]:
    """Returns another run's arrays, by `network/layer/variable`, with the classes of this run.

    `initial` are this run's variables of `is_of_classes`; new classes keep these values.
    """
    carried = dict(arrays)
    inputs_there = there.latent_size + there.label_size
    # The multiplier of an equalized layer shrinks with its inputs, as normalized inputs grow.
    growth = (here.latent_size + here.label_size) / inputs_there
    growth **= 0.5 * (here.equalized - here.normalize_latents)
    for name, begin in initial.items():
        array = arrays.get(name)
        if array is None:
            continue
        if not name.endswith(_GENERATOR_KERNEL):
            if array.shape == (*begin.shape[:-1], 1 + there.label_size):
                carried[name] = _pick(array.T, begin.T, 1, classes).T
        elif there.latent_size != here.latent_size:  # rows of latents would become rows of classes
            if array.shape == begin.shape:
                del carried[name]
        elif array.shape == (inputs_there, *begin.shape[1:]):
            carried[name] = _pick(array * np.float32(growth), begin, there.latent_size, classes)
    return carried


def _pick(array: np.ndarray, initial: np.ndarray, first: int, classes: ClassMap) -> np.ndarray:
    """Returns an array's rows, those of classes, from `first` on, as this run has them."""
    rows = initial.copy()
    rows[:first] = array[:first]
    for index, origin in enumerate(classes.origins):
        if origin >= 0:
            rows[first + index] = array[first + origin]
    return rows
