"""Begins a run with another run's weights, or a published pickle's, of any resolution.

Layers find them by name, as when the networks grow. What the source lacks, or has in another
shape, keeps its initial values. Optimizers and images shown begin afresh.
"""

import dataclasses

import keras

from pgan_tf.config.training import TrainingConfig
from pgan_tf.runs.checkpoint import NETWORKS
from pgan_tf.training.class_weights import is_of_classes
from pgan_tf.training.given_weights import Weights
from pgan_tf.training.state import TrainingState
from tfrecords.common.text import counted


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where a layer's weights come from."""

    network: str  # of `NETWORKS`
    layer: str
    # `carried`, perhaps but for some classes; `new`, with the reason if a namesake does not fit;
    # `left` if the source has the layer and these networks do not.
    words: str


def initialize(state: TrainingState, weights: Weights, config: TrainingConfig) -> list[Origin]:
    """Gives a first stage's layers the weights of their namesakes, where they fit.

    A layer takes all of its variables or none; what stands for a class follows the class's name.
    Returns what happened to each layer of the state, and of the source.
    """
    variables = state.weights()
    initial = {name: one.numpy() for name, one in variables.items() if is_of_classes(name)}
    arrays = weights.arrays_for(config, initial)
    has_new_classes = weights.classes_in(config).has_new
    layers: dict[tuple[str, ...], dict[str, keras.Variable]] = {}
    for name, variable in variables.items():
        layers.setdefault(_layer_of(name), {})[name] = variable
    words: dict[tuple[str, ...], str] = {}
    for layer, of_layer in layers.items():
        misfits = [
            f"{tuple(one.shape)} here, {arrays[name].shape} there"
            for name, one in of_layer.items()
            if name in arrays and arrays[name].shape != tuple(one.shape)
        ]
        if misfits:
            words[layer] = f"new ({misfits[0]})"
        elif of_layer.keys() <= arrays.keys():
            for name, one in of_layer.items():
                one.assign(arrays[name])
            partly = has_new_classes and not initial.keys().isdisjoint(of_layer)
            words[layer] = "carried but for classes" if partly else "carried"
        else:
            words[layer] = "new"
    for name in arrays:
        words.setdefault(_layer_of(name), "left")
    return [Origin(network, layer, one) for (network, layer), one in words.items()]


def describe(
    origins: list[Origin], weights: Weights, first_resolution: int, classes: str = ""
) -> str:
    """Returns a table, a row a layer and a column a network, with what it means above.

    Of the run's first resolution, in pixels, and a line on what became of the classes.
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


def _layer_of(name: str) -> tuple[str, ...]:
    """Returns the network and the layer of a variable by its name in checkpoints."""
    return tuple(name.split("/")[:2])


def _place(layer: str) -> tuple[int, str]:
    """Sorts by resolution: `16x16_conv0` comes after `8x8_to_rgb`."""
    return int(layer.split("x")[0]), layer
