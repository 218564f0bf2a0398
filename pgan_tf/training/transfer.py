"""Transfer learning: copies pretrained weights by layer name into the networks of a new run.

Layers that the source lacks, or has in another shape, keep their initial values. Classes are
matched by name: their weights are rows of G's first layer and outputs of D's last layer.
"""

import collections
from typing import NamedTuple

import keras
import numpy as np

from pgan_tf.config.networks import discriminator_layers, generator_layers
from pgan_tf.config.schedule import Stage, make_stages
from pgan_tf.config.training import TrainingConfig
from pgan_tf.runs.checkpoint import NETWORKS
from pgan_tf.training.pretrained import Weights
from pgan_tf.training.state import TrainingState
from tfrecords.common.errors import UserError
from tfrecords.common.text import align, counted, find_classes, list_names

# If these settings differ, the same weights compute something else.
_MUST_AGREE: tuple[str, ...] = ("normalize_latents", "equalized", "pixel_norm", "tanh")
_MUST_AGREE += ("generator_leaky_relu", "generator_batch_norm")
_MUST_AGREE += ("discriminator_leaky_relu", "discriminator_layer_norm")
Arrays = dict[str, np.ndarray]
Origins = dict[tuple[str, ...], str]  # from (network, layer) to what became of it
_GENERATOR_KERNEL, _DISCRIMINATOR_LAYER = "4x4_dense/kernel", "4x4_dense1"


class ClassMap(NamedTuple):
    """Which class of the source each class of a run comes from."""

    origins: tuple[int, ...]  # each class's index in the source, -1 for a new class
    words: str  # one line that describes the mapping; empty if the classes are the same


def map_classes(weights: Weights, config: TrainingConfig) -> ClassMap:
    """Matches the classes of a run with those of its source by name, if names are known."""
    there, here = weights.label_names, config.label_names
    there_size, here_size = weights.network.label_size, config.network.label_size
    all_new = (-1,) * here_size
    if not there_size or not here_size:
        few = f"{here_size:,} new" if here_size else f"{there_size:,} left"
        return ClassMap(all_new, f"Classes: {few}" if there_size or here_size else "")
    if not there or not here:
        return ClassMap(all_new, "Classes: all new, as their names are not known on both sides")
    origins = tuple(find_classes(here, there))
    if origins == tuple(range(there_size)):
        return ClassMap(origins, "")
    by_fate = {
        "carried": [name for name, origin in zip(here, origins, strict=True) if origin >= 0],
        "new": [name for name, origin in zip(here, origins, strict=True) if origin < 0],
        "left": [name for index, name in enumerate(there) if index not in origins],
    }
    listed = (f"{fate} {list_names(names)}" for fate, names in by_fate.items() if names)
    return ClassMap(origins, f"Classes by name: {'; '.join(listed)}")


def fit_arrays(weights: Weights, config: TrainingConfig, initial: Arrays) -> Arrays:
    """Converts pretrained arrays to a run's layout and classes; new classes stay `initial`."""
    there, here = weights.network, config.network
    arrays = dict(weights.arrays)
    if there.fused_scale != here.fused_scale:
        # Fused upsampling convolutions have transposed and rotated kernels; see `layers`.
        for name, array in weights.arrays.items():
            if "generator/" in name and name.endswith("_conv0/kernel"):
                arrays[name] = array[::-1, ::-1].swapaxes(2, 3)
    origins = map_classes(weights, config).origins
    inputs = there.latent_size + there.label_size
    # With more inputs, an equalized layer's constant shrinks and normalized inputs grow.
    growth = (here.latent_size + here.label_size) / inputs
    growth **= 0.5 * (here.equalized - here.normalize_latents)
    for name in filter(_is_of_classes, weights.arrays.keys() & initial.keys()):
        array, start = weights.arrays[name], initial[name]
        if not name.endswith(_GENERATOR_KERNEL):
            if array.shape == (*start.shape[:-1], 1 + there.label_size):
                arrays[name] = _carry_rows(array.T, start.T, 1, origins).T
        elif there.latent_size != here.latent_size:  # a latent's row would become a class's
            if array.shape == start.shape:
                del arrays[name]
        elif array.shape == (inputs, *start.shape[1:]):
            array = array * np.float32(growth)
            arrays[name] = _carry_rows(array, start, there.latent_size, origins)
    return arrays


def check_weights(weights: Weights, config: TrainingConfig) -> None:
    """Raises UserError if settings differ that the weights depend on, or if no layer fits.

    Of the layers to be frozen, each must fit.
    """
    for name in _MUST_AGREE:
        there, here = getattr(weights.network, name), getattr(config.network, name)
        if there != here:
            flag, expected = f"--{'' if there else 'no'}{name}", f"{name}={here} as in this run"
            got = f"got {weights.source} with {there}: give {flag}"
            raise UserError(f"--init_from: expected networks with {expected}, {got}")
    stage = make_stages(config.schedule)[0]
    frozen = _frozen(stage, config)
    tables = {"generator": generator_layers, "discriminator": discriminator_layers}
    for network, table in tables.items():
        shapes = [
            {f"{network}/{layer.name}/{variable}": shape for variable, shape in layer.variables}
            for layer in table(stage, config.network)
            if layer.variables
        ]
        initial = {name: np.zeros(shape) for layer in shapes for name, shape in layer.items()}
        found = {name: one.shape for name, one in fit_arrays(weights, config, initial).items()}
        if not any(layer.items() <= found.items() for layer in shapes):
            got = f"a {network} like this run's, got {weights.source} of which no layer fits"
            remedy = "choose the same --fmap_base, --fmap_max and --latent_size"
            raise UserError(f"--init_from: expected {got}: {remedy}")
        for name in filter(lambda name: _layer_of(name) in frozen, initial):
            if found.get(name) != (shape := initial[name].shape):
                got = f"got {found.get(name, 'none')} in {weights.source}"
                remedy = "choose the same --fmap_base and --fmap_max as there"
                if name not in found:
                    remedy = f"give --initial_resolution={weights.resolution}"
                message = f"expected {name} {shape} to keep, {got}: {remedy}"
                raise UserError(f"--freeze_discriminator: {message}")


def transfer(state: TrainingState, weights: Weights, config: TrainingConfig) -> Origins:
    """Copies weights by name into the layers of a run's first stage, whole layers only.

    Returns what became of each layer: `carried` (perhaps except for some classes, or frozen), `new`
    (with the reason if shapes differ), or `left` if only the source has it.
    """
    variables = state.weights()
    arrays = fit_arrays(weights, config, {name: one.numpy() for name, one in variables.items()})
    has_new_classes = -1 in map_classes(weights, config).origins
    layers: dict[tuple[str, ...], dict[str, keras.Variable]] = {}
    for name, variable in variables.items():
        layers.setdefault(_layer_of(name), {})[name] = variable
    frozen = _frozen(state.stage, config)
    origins = {}
    for layer, of_layer in layers.items():
        here = {name: tuple(one.shape) for name, one in of_layer.items()}
        there = {name: arrays[name].shape for name in here if name in arrays}
        if misfits := [name for name in there if here[name] != there[name]]:
            origins[layer] = f"new ({here[misfits[0]]} here, {there[misfits[0]]} there)"
        elif of_layer.keys() <= arrays.keys():
            for name, one in of_layer.items():
                one.assign(arrays[name])
            partly = has_new_classes and any(map(_is_of_classes, of_layer))
            fate = "carried but for classes" if partly else "carried"
            origins[layer] = "carried (frozen)" if layer in frozen else fate
        else:
            origins[layer] = "new"
    for name in arrays:
        origins.setdefault(_layer_of(name), "left")
    return origins


def describe_transfer(origins: Origins, weights: Weights, config: TrainingConfig) -> str:
    """Describes what `transfer` did in a table with a row per layer and a column per network."""
    fates = {(words.split(" ")[0], layer) for (_, layer), words in origins.items()}
    counts = collections.Counter(fate for fate, _ in fates)
    carried, here = counted(counts["carried"], "layer"), config.schedule.initial_resolution
    lines = [
        f"Weights from {weights.source} ({weights.resolution} px), into networks of {here} px: "
        f"{carried} carried, {counts['new']} new, {counts['left']} left"
    ]
    lines += filter(None, [map_classes(weights, config).words])
    # Sorted by resolution: `16x16_conv0` comes after `8x8_to_rgb`.
    names = {layer for _, layer in origins}
    layers = sorted(names, key=lambda name: (int(name.split("x")[0]), name))
    cells: list[tuple[str, ...]] = [("layer", *NETWORKS)]
    cells += [(layer, *(origins.get((one, layer), "-") for one in NETWORKS)) for layer in layers]
    lines += [f"  {line.rstrip()}" for line in align(cells, str.ljust)]
    return "\n".join(lines) + "\n"


def _carry_rows(
    array: np.ndarray, initial: np.ndarray, first: int, origins: tuple[int, ...]
) -> np.ndarray:
    """Copies `array`, with the rows from `first` on, one per class, in the order of this run."""
    rows = np.concatenate([array[:first], initial[first:]])
    for index, origin in enumerate(origins):
        if origin >= 0:
            rows[first + index] = array[first + origin]
    return rows


def _frozen(stage: Stage, config: TrainingConfig) -> set[tuple[str, ...]]:
    return {("discriminator", layer) for layer in config.frozen_layers(stage)}


def _is_of_classes(name: str) -> bool:
    """Returns whether a variable, by its name in checkpoints, has weights for each class."""
    return name.endswith(f"/{_GENERATOR_KERNEL}") or f"/{_DISCRIMINATOR_LAYER}/" in name


def _layer_of(name: str) -> tuple[str, ...]:
    """Returns the network and layer of a variable, from its name in checkpoints."""
    return tuple(name.split("/")[:2])
