"""Begins a run with weights from elsewhere: of another run or a published pickle.

They may be of another resolution. Layers find them by name, as when the networks grow. What the
source lacks, or has in another shape, keeps its initial values. Optimizers and images shown
begin afresh.
"""

from __future__ import annotations

import dataclasses
import posixpath

import keras
import numpy as np
import tensorflow as tf

from pgan_tf import checkpoint, official
from pgan_tf.checkpoint import NETWORKS
from pgan_tf.class_weights import (
    DISCRIMINATOR_LAYER,
    GENERATOR_LAYER,
    ClassMap,
    carry_classes,
    map_classes,
)
from pgan_tf.config import NetworkConfig, TrainingConfig
from pgan_tf.growth import named_variables
from pgan_tf.run_folder import checkpoint_folder, lost_config, read_config
from pgan_tf.state import TrainingState
from tfrecords.errors import UserError

# Where these differ, the same weights make another network.
_MUST_AGREE = (
    *("normalize_latents", "equalized", "pixel_norm"),
    *("generator_leaky_relu", "discriminator_leaky_relu"),
    *("generator_batch_norm", "discriminator_layer_norm", "tanh"),
)


@dataclasses.dataclass(frozen=True)
class Weights:
    """The weights of networks that have been trained before.

    Attributes:
        source: what messages call them, such as a path.
        network: the networks they are of.
        resolution: the highest one that has faded in, in pixels.
        arrays: by `network/layer/variable`, such as `generator/8x8_conv0/kernel`, as in
            checkpoints; for the three networks of `NETWORKS`.
        label_names: of its classes, in order; empty where they have none, or it is unknown.
    """

    source: str
    network: NetworkConfig
    resolution: int
    arrays: dict[str, np.ndarray]
    label_names: tuple[str, ...] = ()

    def classes_in(self, config: TrainingConfig) -> ClassMap:
        """Returns which of a run's classes are which of these."""
        size = self.network.label_size
        return map_classes(self.label_names, size, config.label_names, config.network.label_size)


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where a layer's weights come from.

    Attributes:
        network: of `NETWORKS`.
        layer: its name, such as `8x8_conv0`.
        words: `carried`, perhaps but for some classes; `new`, with the reason where a namesake
            does not fit; or `left`: the source has it and these networks have not.
    """

    network: str
    layer: str
    words: str


def read_weights(path: str) -> Weights:
    """Reads the last checkpoint of a run folder, or a pickle of the published implementation.

    Raises:
        UserError: there is none, or it is damaged.
    """
    if path.endswith(".npz"):
        raise UserError(
            f"--init_from: expected a run folder or a pickle, got a checkpoint, {path!r}: name the "
            f"folder of its run"
        )
    if tf.io.gfile.exists(path) and not tf.io.gfile.isdir(path):
        return _read_pickle(path)
    newest = checkpoint.latest(checkpoint_folder(path))
    if newest is None:
        raise UserError(
            f"--init_from: expected a run folder with checkpoints or a pickle of the published "
            f"implementation, got {path!r}: name the --run_dir of a run of train.py, or the file"
        )
    saved = checkpoint.read(newest, NETWORKS)
    # What fades in is not ready: the resolution below is.
    resolution = saved.stage.resolution if saved.alpha == 1 else saved.stage.resolution // 2
    return Weights(newest, saved.config.network, resolution, saved.arrays, saved.config.label_names)


def _read_pickle(path: str) -> Weights:
    saved = official.read(path)
    networks = {name: getattr(saved, name) for name in NETWORKS}
    ready = [
        one.stage.resolution if one.alpha == 1 else one.stage.resolution // 2
        for one in networks.values()
    ]
    arrays = {
        f"{network}/{name}": array
        for network, one in networks.items()
        for name, array in one.arrays.items()
    }
    return Weights(path, saved.config, min(ready), arrays)


def weights_to_begin_with(init_from: str | None, run_dir: str) -> Weights | None:
    """Returns what a run begins with; None for initial values, and where it goes on.

    Args:
        init_from: what `read_weights` takes, or None.
        run_dir: the run; once it has a checkpoint, that holds everything.
    """
    if not init_from or checkpoint.latest(checkpoint_folder(run_dir)):
        return None
    if posixpath.normpath(init_from) == posixpath.normpath(run_dir):
        raise UserError(
            f"--init_from: expected another run than --run_dir, got {run_dir!r} for both: name "
            f"another --run_dir"
        )
    return read_weights(init_from)


def first_resolution(weights: Weights | None, run_dir: str, resolution: int) -> int:
    """Returns where a run with --init_from begins if nobody says so, in pixels.

    Args:
        weights: from `weights_to_begin_with`.
        run_dir: the run; what it was opened with holds, whatever became of its source.
        resolution: the run's last one, in pixels.
    """
    opened = read_config(run_dir)
    if opened is not None:
        return opened.schedule.initial_resolution
    if weights is None:
        raise lost_config(run_dir)
    return min(weights.resolution, resolution)


def initialize(state: TrainingState, weights: Weights, config: TrainingConfig) -> list[Origin]:
    """Gives a fresh state's layers the weights of their namesakes, where they fit.

    A layer takes all of its variables or none; what stands for a class follows the class's name.
    Nothing is changed if it raises.

    Returns:
        What happened to each layer of the state, and of the source.

    Raises:
        UserError: the same weights would make another network, or none of them fits.
    """
    _check_same_arithmetic(weights, config.network)
    classes = weights.classes_in(config)
    arrays = carry_classes(
        _as_stored(weights, config.network),
        {name: variable.numpy() for name, variable in _of_classes(state).items()},
        classes,
        weights.network,
        config.network,
    )
    origins, taken = [], {}
    for model in (state.generator, state.discriminator, state.average_generator):
        for layer, variables in _by_layer(named_variables(model)).items():
            names = {name: f"{model.name}/{layer}/{name}" for name in variables}
            misfit = [
                f"{tuple(variables[name].shape)} here, {arrays[full].shape} there"
                for name, full in names.items()
                if full in arrays and arrays[full].shape != tuple(variables[name].shape)
            ]
            if misfit:
                words = f"new ({misfit[0]})"
            elif names and all(full in arrays for full in names.values()):
                of_classes = f"{model.name}/{layer}/kernel" in _of_classes(state)
                words = "carried but for classes" if of_classes and classes.has_new else "carried"
                taken |= {full: variables[name] for name, full in names.items()}
            else:
                words = "new"
            origins.append(Origin(model.name, layer, words))
    for network in ("generator", "discriminator"):
        if not any(name.startswith(f"{network}/") for name in taken):
            raise UserError(
                f"--init_from: expected a {network} like this run's, got {weights.source} of "
                f"which no layer fits: choose the same --fmap_base, --fmap_max and --latent_size"
            )
    for name, variable in taken.items():
        variable.assign(arrays[name])
    here = {(origin.network, origin.layer) for origin in origins}
    left = dict.fromkeys(tuple(name.split("/")[:2]) for name in arrays)
    return origins + [Origin(*one, "left") for one in left if one not in here]


def describe(
    origins: list[Origin], weights: Weights, first_resolution: int, classes: str = ""
) -> str:
    """Returns a table, a row a layer and a column a network, with what it means above.

    Args:
        origins: from `initialize`.
        weights: the source.
        first_resolution: in pixels.
        classes: what became of the classes, a line.
    """
    counts = {
        word: len({origin.layer for origin in origins if origin.words.split(" ")[0] == word})
        for word in ("carried", "new", "left")
    }
    lines = [
        f"Weights from {weights.source} ({weights.resolution} px), into networks of "
        f"{first_resolution} px: {counts['carried']} layers carried, {counts['new']} new, "
        f"{counts['left']} left"
    ]
    lines += [classes] if classes else []
    words = {(origin.network, origin.layer): origin.words for origin in origins}
    layers = sorted({origin.layer for origin in origins}, key=_place)
    cells = [("layer", *NETWORKS)]
    cells += [(layer, *(words.get((one, layer), "-") for one in NETWORKS)) for layer in layers]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    for row in cells:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.append("  " + "  ".join(padded).rstrip())
    return "\n".join(lines) + "\n"


def _check_same_arithmetic(weights: Weights, network: NetworkConfig) -> None:
    for name in _MUST_AGREE:
        there, here = getattr(weights.network, name), getattr(network, name)
        if there != here:
            raise UserError(
                f"--init_from: expected networks with {name}={here} as in this run, got "
                f"{weights.source} with {there}: give --{'' if there else 'no'}{name}"
            )


def _as_stored(weights: Weights, network: NetworkConfig) -> dict[str, np.ndarray]:
    """Returns the arrays as this run's layers keep them.

    A fused upscaling convolution keeps its kernel transposed and rotated; see `layers`.
    """
    if weights.network.fused_scale == network.fused_scale:
        return weights.arrays
    return {
        name: array[::-1, ::-1].swapaxes(2, 3) if _upscales(name) else array
        for name, array in weights.arrays.items()
    }


def _of_classes(state: TrainingState) -> dict[str, keras.Variable]:
    """Returns the variables with numbers for each class, by their names in checkpoints."""
    layers = (f"/{GENERATOR_LAYER}/kernel", f"/{DISCRIMINATOR_LAYER}/")
    return {
        name: variable
        for name, variable in state.weights().items()
        if any(layer in name for layer in layers)
    }


def _upscales(name: str) -> bool:
    return "generator/" in name and name.endswith("_conv0/kernel")


def _by_layer(variables: dict[str, keras.Variable]) -> dict[str, dict[str, keras.Variable]]:
    layers: dict[str, dict[str, keras.Variable]] = {}
    for name, variable in variables.items():
        layer, one = name.rsplit("/", 1)
        layers.setdefault(layer, {})[one] = variable
    return layers


def _place(layer: str) -> tuple[int, str]:
    """Sorts by resolution: `16x16_conv0` comes after `8x8_to_rgb`."""
    return int(layer.split("x")[0]), layer
