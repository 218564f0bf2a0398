"""A trained generator to draw samples with: from a checkpoint, a published pickle or an export."""

import dataclasses
import functools
import hashlib
import itertools
import posixpath
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pgan_tf.exporting import hub
from pgan_tf.exporting.directions_file import directions_in
from pgan_tf.exporting.keras_file import KERAS_FILE
from pgan_tf.exporting.manifest import read_description, read_description_to_score
from pgan_tf.exporting.safetensors_file import WEIGHTS_FILE
from pgan_tf.generating.formats.downloaded import download_export
from pgan_tf.generating.formats.safetensors import open_safetensors
from pgan_tf.generating.keras_file import open_keras_file
from pgan_tf.generating.parsing import KINDS
from pgan_tf.metrics.evaluation import Generated, weights_sha256
from pgan_tf.networks.directions import Finders, directions_of
from pgan_tf.networks.folded import fold
from pgan_tf.networks.sampling import to_uint8, to_uint16
from pgan_tf.runs.small_files import is_number
from pgan_tf.runs.trained import Trained
from tfrecords.common.errors import UserError
from tfrecords.common.paths import list_names, read_bytes
from tfrecords.common.shape import PAPER, Base, shape_at
from tfrecords.pictures.alpha import straight

BATCH_SIZE = 16


@dataclasses.dataclass(frozen=True)
class Sampler:
    """Draws pictures, `(height, width, num_channels)` uint8; RGBA with straight alpha."""

    source: str  # describes where the generator comes from
    resolution: int
    num_channels: int
    latent_size: int
    label_size: int  # 0 without classes
    # From (batch, latent_size) and (batch, label_size) to pictures about in [-1, 1], all float32,
    # RGBA premultiplied.
    images: Callable[[np.ndarray, np.ndarray], tf.Tensor]
    label_names: tuple[str, ...] = ()  # in order; empty where they are not known
    # What finds its directions, by kind; an older export lacks some kinds.
    directions: Finders = dataclasses.field(default_factory=dict)
    model: keras.Model | None = None  # of a Keras file or safetensors; see `networks.stock`
    checksum: Callable[[], str] = str  # SHA-256 of its weights, 64 hexadecimal digits
    trained_checksum: str = ""  # the same of the weights that an export was made from, if known
    depth: int = 8  # bits per channel of the data; files of single pictures have as many
    # Numbers that -1 and 1 stand for, of a generator of arrays; None of one of pictures.
    value_range: tuple[float, float] | None = None
    weights: str = ""  # which of a run's, see `runs.trained.Weights`
    kimg: float | None = None  # thousands of images shown in its training, if known
    base: Base = PAPER  # of its pictures' shape

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its pictures, in pixels."""
        return self.base.size(self.resolution)

    @property
    def pixels(self) -> str:
        """The same in words, such as `64 px` or `96x64 px`."""
        square = self.base == PAPER
        return f"{self.resolution if square else self.base.text(self.resolution)} px"

    def draw(self, latents: np.ndarray, labels: np.ndarray, depth: int = 8) -> Iterator[np.ndarray]:
        """Yields a picture for each of `(n, latent_size)` and `(n, label_size)` float32.

        With a `depth` of 16 bits they are uint16.
        """
        for start in range(0, len(latents), BATCH_SIZE):
            batch = slice(start, start + BATCH_SIZE)
            images = self.images(latents[batch], labels[batch]).numpy()
            yield from to_uint16(images) if depth == 16 else straight(to_uint8(images))

    def numbers(self, latents: np.ndarray, labels: np.ndarray) -> Iterator[np.ndarray]:
        """Yields what pictures stand for, float32 within `value_range`, or 0 to 1 without."""
        low, high = self.value_range or (0.0, 1.0)
        for start in range(0, len(latents), BATCH_SIZE):
            batch = slice(start, start + BATCH_SIZE)
            parts = np.clip((self.images(latents[batch], labels[batch]).numpy() + 1) / 2, 0, 1)
            yield from (low + parts.astype(np.float64) * (high - low)).astype(np.float32)


def _range_of(lowest: float, highest: float, channels: int) -> tuple[float, float] | None:
    return None if (lowest, highest) == (0, 1) and channels in (1, 3, 4) else (lowest, highest)


def make_sampler(trained: Trained) -> Sampler:
    """Returns a sampler of a trained generator, folded; see `networks.folded`."""
    network = trained.network
    folded = fold(trained.generator, network)
    sizes = network.latent_size, network.label_size
    inputs = [tf.TensorSpec((None, size), tf.float32) for size in sizes]
    images = tf.function(lambda *inputs: folded(inputs), inputs)
    shape = folded.resolution, network.num_channels
    known = trained.label_names, directions_of(folded)
    checksum = functools.cache(lambda: weights_sha256(trained.generator))
    return Sampler(
        *(trained.source, *shape, *sizes, images, *known),
        checksum=checksum,
        depth=network.depth,
        value_range=_range_of(network.lowest, network.highest, network.num_channels),
        weights=trained.weights,
        kimg=trained.kimg,
        base=network.base,
    )


def open_export(path: str, argument: str = "--saved_model") -> Sampler:
    """Opens what `export.py` wrote: a SavedModel, a Keras file or safetensors; else UserError.

    The path is the folder of a version, or of all, whose newest is taken, or the Keras file; or
    `hf://USER/NAME[@REVISION]`, a repository of the Hub. `argument` is what messages call it.
    """
    if path.startswith(hub.SCHEME):
        path = download_export(path, argument)
    if path.endswith(".keras"):
        return _open_stock(open_keras_file(path, argument), path)
    folder = newest_version(path)
    names = list_names(folder)
    if KERAS_FILE in names:
        path = posixpath.join(folder, KERAS_FILE)
        return _open_stock(open_keras_file(path, argument), path)
    if WEIGHTS_FILE in names and "saved_model.pb" not in names:
        model = open_safetensors(folder, argument)
        return _open_stock(model, posixpath.join(folder, WEIGHTS_FILE))
    return _open_saved_model(folder, path, argument)


def newest_version(path: str) -> str:
    """Returns the folder of an export's newest version; the path itself if it has no versions."""
    names = list_names(path)
    versions = sorted((name for name in names if re.fullmatch("[0-9]+", name)), key=int)
    is_version = not versions or not {"saved_model.pb", KERAS_FILE, WEIGHTS_FILE}.isdisjoint(names)
    return path if is_version else posixpath.join(path, versions[-1])


def _open_stock(model: keras.Model, path: str) -> Sampler:
    sizes = [one.shape[1] for one in model.inputs]
    latent_size, label_size = sizes[0], sizes[1] if len(sizes) > 1 else 0
    specs = [tf.TensorSpec((None, size), tf.float32) for size in (latent_size, label_size)]
    images = tf.function(lambda *inputs: model(inputs if label_size else inputs[0]), specs)
    _, height, width, channels = model.output_shape
    known = read_description(posixpath.dirname(path))
    base, resolution = shape_at(width, height, known.get("resolution"))
    shape = resolution, channels, latent_size, label_size
    names = _label_names(known, label_size)
    kernel = model.get_layer("4x4_dense").kernel.numpy()
    directions = directions_in(posixpath.dirname(path), KINDS, latent_size, kernel)
    sampler = Sampler(path, *shape, images, names, directions, model, base=base)
    return _marked(sampler, known, [path])


def _open_saved_model(folder: str, path: str, argument: str) -> Sampler:
    known = read_description(folder)
    files = (posixpath.join(folder, name) for name in ("saved_model.pb", "saved_model.pbtxt"))
    if not known and any(map(tf.io.gfile.exists, files)):  # `pgan.json` can be forged, though
        words = (
            f"{argument}: {folder} does not look like an export of pgan-tf: a SavedModel is a "
            "program, open those alone whose makers you trust (docs/security.md)"
        )
        print(words, file=sys.stderr, flush=True)
    try:
        loaded = tf.saved_model.load(folder)
        signature = loaded.signatures["serving_default"]
        inputs = signature.structured_input_signature[1]
        _, height, width, channels = signature.structured_outputs["images"].shape
        latent_size = inputs["latents"].shape[1]
        label_size = inputs["labels"].shape[1] if "labels" in inputs else 0
        if None in (height, width, channels, latent_size, label_size):
            raise ValueError("sizes that are not fixed")
    except Exception as error:  # damaged and other files raise many kinds of errors
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"{argument}: expected a SavedModel of export.py, got {path!r} ({reason})"
        ) from None

    def images(latents: np.ndarray, labels: np.ndarray) -> tf.Tensor:
        given = {"latents": latents, "labels": labels} if label_size else {"latents": latents}
        # The signature alone does not keep the variables alive.
        function = loaded.signatures["serving_default"]
        given = {name: tf.convert_to_tensor(value) for name, value in given.items()}
        return function(**given)["images"]

    sizes = latent_size, label_size
    label_names = _label_names(known, label_size)
    directions = directions_in(folder, KINDS, latent_size, _first_kernel_of(loaded, sum(sizes)))
    base, resolution = shape_at(width, height, known.get("resolution"))
    shape = resolution, channels, *sizes
    sampler = Sampler(folder, *shape, images, label_names, directions, base=base)
    variables = posixpath.join(folder, "variables")
    return _marked(sampler, known, [posixpath.join(variables, n) for n in list_names(variables)])


def _marked(sampler: Sampler, known: dict[str, Any], files: list[str]) -> Sampler:
    """Adds what its description says, and the checksum of the files of its folded weights."""

    def checksum() -> str:
        digest = hashlib.sha256()
        for path in files:
            digest.update(read_bytes(path))
        return digest.hexdigest()

    kimg, network = known.get("kimg"), known.get("network")
    network = network if isinstance(network, dict) else {}
    ends: Any = [network.get("lowest"), network.get("highest")]
    low, high = ends if all(map(is_number, ends)) else (0.0, 1.0)
    return dataclasses.replace(
        sampler,
        depth=16 if network.get("depth") == 16 else 8,
        value_range=_range_of(low, high, sampler.num_channels),
        checksum=functools.cache(checksum),
        trained_checksum=str(known.get("weights_sha256", "")),
        weights=str(known.get("weights", "")),
        kimg=kimg if is_number(kimg) else None,
    )


def _first_kernel_of(loaded: Any, inputs: int) -> np.ndarray | None:
    """Returns the first layer's kernel of an export, which lists its variables; else None."""
    for kernel in itertools.islice(getattr(loaded, "exported", ()), 1):
        if len(kernel.shape) == 2 and kernel.shape[0] == inputs:
            return np.asarray(kernel.numpy())
    return None


def _label_names(known: dict[str, Any], label_size: int) -> tuple[str, ...]:
    found = known.get("label_names", [])
    are_names = isinstance(found, list) and all(isinstance(name, str) for name in found)
    return tuple(found) if are_names and len(found) == label_size else ()


def keras_model_of(sampler: Sampler) -> keras.Model:
    """Returns an opened export as a Keras model with the inputs of `build_generator`'s.

    Of a SavedModel, its one layer is frozen: an export holds weights folded for drawing, not the
    layers that were trained. Raises UserError for one from before `serve`, which Keras calls.
    """
    latents = keras.Input((sampler.latent_size,), name="latents")
    labels = keras.Input((sampler.label_size,), name="labels")
    if sampler.model:
        drawn = sampler.model([latents, labels] if sampler.label_size else latents)
        return keras.Model([latents, labels], drawn, name="generator")
    try:
        layer = keras.layers.TFSMLayer(sampler.source, call_endpoint="serve")
    except (AttributeError, ValueError):
        words = "expected an export with the function 'serve', got an older one: export it again"
        raise UserError(f"{sampler.source}: {words}") from None
    drawn = layer({"latents": latents, "labels": labels} if sampler.label_size else latents)
    return keras.Model([latents, labels], drawn["images"], name="generator")


def read_exported(path: str) -> tuple[Sampler, Generated]:
    """Opens an export to score it as it would be served; UserError if that is impossible."""
    sampler = open_export(path)
    folder, kind = sampler.source, "SavedModel"
    if sampler.model:
        folder, name = posixpath.split(sampler.source)
        kind = "safetensors" if name == WEIGHTS_FILE else "Keras file"
    known = read_description_to_score(folder)
    return sampler, Generated(
        draw=lambda inputs: sampler.images(*inputs),
        latent_size=sampler.latent_size,
        label_size=sampler.label_size,
        images_shown=round(1000 * (known["kimg"] or 0)),
        stage=known["stage"],
        stage_resolution=sampler.resolution,
        network=known["weights"],
        checkpoint=f"{kind} of {known['checkpoint']}",
        weights_sha256=sampler.checksum(),
    )
