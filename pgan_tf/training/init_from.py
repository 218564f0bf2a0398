"""Begins a run with weights from elsewhere: of another run or a published pickle.

They may be of another resolution. Layers find them by name, as when the networks grow. What the
source lacks, or has in another shape, keeps its initial values. Optimizers and images shown
begin afresh.
"""

from __future__ import annotations

import dataclasses

import keras

from pgan_tf.config.training import TrainingConfig
from pgan_tf.networks.growth import named_variables
from pgan_tf.runs.checkpoint import NETWORKS
from pgan_tf.training.class_weights import carry_classes
from pgan_tf.training.given_weights import Weights, as_stored, is_of_classes
from pgan_tf.training.state import TrainingState
from tfrecords.common.in_words import counted


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


def initialize(state: TrainingState, weights: Weights, config: TrainingConfig) -> list[Origin]:
    """Gives a fresh state's layers the weights of their namesakes, where they fit.

    A layer takes all of its variables or none; what stands for a class follows the class's name.

    Args:
        state: of the run's first stage.
        weights: those of `check_weights`.
        config: of the run.

    Returns:
        What happened to each layer of the state, and of the source.
    """
    classes = weights.classes_in(config)
    arrays = carry_classes(
        as_stored(weights, config.network),
        {name: variable.numpy() for name, variable in _of_classes(state).items()},
        classes,
        weights.network,
        config.network,
    )
    origins: list[Origin] = []
    taken: dict[str, keras.Variable] = {}
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
    for name, variable in taken.items():
        variable.assign(arrays[name])
    here = {(origin.network, origin.layer) for origin in origins}
    left = dict.fromkeys((name.split("/")[0], name.split("/")[1]) for name in arrays)
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
        f"{first_resolution} px: {counted(counts['carried'], 'layer')} carried, "
        f"{counts['new']} new, {counts['left']} left"
    ]
    lines += [classes] if classes else []
    words = {(origin.network, origin.layer): origin.words for origin in origins}
    layers = sorted({origin.layer for origin in origins}, key=_place)
    cells: list[tuple[str, ...]] = [("layer", *NETWORKS)]
    cells += [(layer, *(words.get((one, layer), "-") for one in NETWORKS)) for layer in layers]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    for row in cells:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.append("  " + "  ".join(padded).rstrip())
    return "\n".join(lines) + "\n"


def _of_classes(state: TrainingState) -> dict[str, keras.Variable]:
    """Returns the variables with numbers for each class, by their names in checkpoints."""
    return {name: one for name, one in state.weights().items() if is_of_classes(name)}


def _by_layer(variables: dict[str, keras.Variable]) -> dict[str, dict[str, keras.Variable]]:
    layers: dict[str, dict[str, keras.Variable]] = {}
    for name, variable in variables.items():
        layer, one = name.rsplit("/", 1)
        layers.setdefault(layer, {})[one] = variable
    return layers


def _place(layer: str) -> tuple[int, str]:
    """Sorts by resolution: `16x16_conv0` comes after `8x8_to_rgb`."""
    return int(layer.split("x")[0]), layer
