"""A trained generator in Python. It draws the same pictures as `generate.py`."""

import dataclasses
import functools
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from numbers import Integral
from typing import Any, TypeAlias

import keras
import numpy as np

from pgan_tf.generating.directions import find_directions
from pgan_tf.generating.interpolation import changed, cycled, truncation_to
from pgan_tf.generating.latents_file import Chosen, check_latents, read_latents
from pgan_tf.generating.parsing import KINDS, MOST_SEEDS, unknown_class
from pgan_tf.generating.pictures import draw_chosen
from pgan_tf.generating.sampler import Sampler
from pgan_tf.networks.sampling import latents_from_seeds, one_hot_labels
from tfrecords.common.bounds import SEEDS, Bounds, shown
from tfrecords.common.errors import UserError
from tfrecords.common.text import counted, find_classes, list_names
from tfrecords.pictures.source import colors_in_words

Seeds: TypeAlias = int | Iterable[int]  # a range, a list or an array, too
Latents: TypeAlias = np.ndarray | Sequence[Sequence[float]] | str | os.PathLike[str]
Labels: TypeAlias = str | int | Sequence[str | int] | np.ndarray  # names, and numbers from 0

_TRUNCATIONS = Bounds(0, 1)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Generator:
    """A trained generator, as returned by `pgan_tf.load`.

    Its pictures are `(batch, height, width, channels)` uint8, with 3 channels (RGB), 1 (gray) or 4
    (RGBA, straight).
    They are drawn in small batches: thousands of seeds need little more memory than their pictures.
    """

    sampler: Sampler  # draws the pictures
    make_model: Callable[[], keras.Model]

    @property
    def source(self) -> str:
        """The file or folder of the generator."""
        return self.sampler.source

    @property
    def resolution(self) -> int:
        """Width and height of its pictures, in pixels; of others than squares see `size`."""
        return self.sampler.resolution

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its pictures, in pixels."""
        return self.sampler.size

    @property
    def num_channels(self) -> int:
        """3 for RGB, 1 for gray, 4 for RGBA."""
        return self.sampler.num_channels

    @property
    def latent_size(self) -> int:
        """Size of a latent vector."""
        return self.sampler.latent_size

    @property
    def label_size(self) -> int:
        """Number of classes; 0 without classes."""
        return self.sampler.label_size

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the classes, in order; empty without classes or without names."""
        return self.sampler.label_names

    @functools.cached_property
    def model(self) -> keras.Model:
        """The network in Keras: `[latents, labels]` → pictures, float32 about in [-1, 1].

        From `(batch, latent_size)` and `(batch, label_size)` to
        `(batch, height, width, num_channels)`; without classes labels have width 0. Of a run, a
        checkpoint or a published pickle, it is the network that was trained. Of an export, it is
        one frozen layer around the SavedModel, which clips pictures to [-1, 1].
        """
        return self.make_model()

    def generate(
        self,
        seeds: Seeds | None = None,
        labels: Labels | None = None,
        truncation: float = 1.0,
        truncation_seed: int = 0,
        *,
        latents: Latents | None = None,
    ) -> np.ndarray:
        """Returns the pictures of seeds or latents, `(batch, height, width, channels)` uint8.

        Args:
            seeds: One, or several: `range(8)`, `[3, 7]` or an array. A seed stands for the same
                latent vector everywhere, in `generate.py`, exports and web pages, too.
            labels: One class for all pictures, by name or by number from 0, or a list with one for
                each picture. Default: all classes in turn.
            truncation: From 1, full variety, to 0, only the picture of `truncation_seed`.
            truncation_seed: The seed at the center.
            latents: In place of seeds, latent vectors as for `draw`.

        Raises:
            UserError: For anything else.
        """
        if (seeds is None) == (latents is None):
            got = "none" if seeds is None else "both"
            raise UserError(f"seeds, latents: expected one of them, got {got}")
        chosen: Chosen = read_seeds(seeds) if seeds is not None else self._read_latents(latents)
        classes = self._read_classes(labels, len(chosen))
        _TRUNCATIONS.check(truncation, "truncation")
        SEEDS.check(truncation_seed, "truncation_seed")
        sampler = self.sampler
        if truncation != 1:
            center, amount = int(truncation_seed), float(truncation)
            sampler = changed(sampler, truncation_to(center, amount, self.latent_size))
        return self._collect(draw_chosen(sampler, chosen, classes), len(chosen))

    def latents(self, seeds: Seeds) -> np.ndarray:
        """Returns the latent vectors of seeds, `(batch, latent_size)` float32, N(0, 1)."""
        return latents_from_seeds(read_seeds(seeds), self.latent_size)

    def directions(self, kind: str = "closed_form") -> np.ndarray:
        """Returns unit directions, `(count, latent_size)` float32, of the largest effect first.

        `kind` is "closed_form" or "components"; see `pgan_tf.move` and docs/latents.md. Raises
        UserError for another, and where a SavedModel does not hold what they are found from.
        """
        if kind not in KINDS:
            raise UserError(f"kind: expected {' or '.join(KINDS)}, got {shown(kind)}")
        return find_directions(self.sampler, kind).vectors

    def draw(self, latents: Latents, labels: Labels | None = None) -> np.ndarray:
        """Returns the pictures of latent vectors, such as those between two seeds; see `slerp`.

        Latents are `(batch, latent_size)`, or the path of a file of them (.npy, .npz or .json);
        only their direction matters, unless the network was built not to normalize them. Labels
        are as for `generate`, or a float array `(batch, label_size)`, which mixes classes. Raises
        UserError for anything else.
        """
        latents = self._read_latents(latents)
        if isinstance(labels, np.ndarray) and labels.dtype.kind == "f":
            one_hot = _read_numbers(labels, self.label_size, "labels", len(latents))
        else:
            classes = self._read_classes(labels, len(latents))
            one_hot = one_hot_labels(cycled(classes, len(latents)), self.label_size)
        return self._collect(self.sampler.draw(latents, one_hot), len(latents))

    def __repr__(self) -> str:
        colors = colors_in_words(self.num_channels)
        words = f"{self.sampler.pixels}, {colors}, latents of {self.latent_size}"
        if self.label_size:
            words += f", {counted(self.label_size, 'class')}"
        if self.label_names:
            words += f" ({list_names(self.label_names)})"
        return f"<Generator of {self.source}: {words}>"

    def _read_latents(self, latents: Any) -> np.ndarray:
        if isinstance(latents, str | os.PathLike):
            return read_latents(os.fspath(latents), self.latent_size, "latents")
        return check_latents(latents, self.latent_size, "latents")

    def _read_classes(self, labels: Labels | None, count: int) -> list[int]:
        """Returns class numbers for pictures to cycle through, as `generate.py` does."""
        if labels is None:
            return list(range(max(1, self.label_size)))
        if not self.label_size:
            raise UserError("labels: expected a generator with classes, got one without: leave it")
        if isinstance(labels, str | Integral):
            return [self._read_class(labels)]
        classes = [self._read_class(label) for label in _read_list(labels, "labels", "a class")]
        if len(classes) != count:
            expected = f"one class, or one for each of {counted(count, 'picture')}"
            raise UserError(f"labels: expected {expected}, got {len(classes)}")
        return classes

    def _read_class(self, label: Any) -> int:
        index = -1
        if isinstance(label, str):
            (index,) = find_classes([label], self.label_names)
        elif label in Bounds(0, self.label_size - 1, whole=True):
            index = int(label)
        if index < 0:
            raise unknown_class("labels", label, self.label_size, self.label_names)
        return index

    def _collect(self, pictures: Iterator[np.ndarray], count: int) -> np.ndarray:
        width, height = self.size
        shape = (count, height, width, self.num_channels)
        try:
            collected = np.empty(shape, np.uint8)
        except MemoryError:
            words = f"pictures that fit into memory, got {count:,} of {self.sampler.pixels}"
            raise UserError(f"seeds: expected {words}: draw some of them at a time") from None
        for index, picture in enumerate(pictures):
            collected[index] = picture
        return collected


def read_seeds(seeds: Seeds) -> list[int]:
    """Returns seeds as a list. Raises UserError if there are none, or one is out of bounds."""
    numbers = [seeds] if isinstance(seeds, Integral) else _read_list(seeds, "seeds", "a seed")
    if not 0 < len(numbers) <= MOST_SEEDS:
        got = f"more than {MOST_SEEDS:,}" if numbers else "none"
        raise UserError(f"seeds: expected 1 to {MOST_SEEDS:,}, got {got}")
    for number in numbers:
        SEEDS.check(number, "seeds")
    return [int(number) for number in numbers]


def _read_list(values: Any, name: str, one: str) -> list[Any]:
    """Returns the values of a list, range or array, at most `MOST_SEEDS` + 1 of them."""
    expected = f"{one}, or a list, a range or an array of them"
    if isinstance(values, np.ndarray) and values.ndim != 1:
        raise UserError(f"{name}: expected {expected}, got the shape {values.shape}")
    if isinstance(values, str | bytes | dict) or not isinstance(values, Iterable):
        raise UserError(f"{name}: expected {expected}, got {shown(values)}")
    return list(itertools.islice(values, MOST_SEEDS + 1))


def _read_numbers(values: Any, size: int, name: str, count: int | None = None) -> np.ndarray:
    """Returns an array `(count, size)` float32. Raises UserError for other shapes and values."""
    try:
        array = np.asarray(values, np.float32)
    except (TypeError, ValueError):
        raise UserError(f"{name}: expected an array of numbers, got {shown(values)}") from None
    if array.ndim != 2 or array.shape[1] != size or count not in (None, len(array)):
        expected = f"the shape ({'batch' if count is None else count}, {size})"
        raise UserError(f"{name}: expected {expected}, got {array.shape}")
    if not np.isfinite(array).all():
        raise UserError(f"{name}: expected finite numbers, got others among them")
    return array
