"""All three networks in one file, `networks.npz`, from which an export's user trains on.

A NumPy archive as checkpoints are: arrays named `network/layer/variable`, and `networks`, JSON.
"""

import dataclasses
import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from pgan_tf.config.networks import Layer, NetworkConfig, discriminator_layers, generator_layers
from pgan_tf.networks.official.names import Kind, layers_of_all_stages, stage_at_lod
from pgan_tf.runs.checkpoint import NETWORKS
from pgan_tf.runs.checkpoint_file import DAMAGED, open_arrays, write_arrays
from tfrecords.common.errors import UserError
from tfrecords.common.text import printable

WEIGHTS_FILE = "networks.npz"
_DESCRIPTION = "networks"


@dataclasses.dataclass(frozen=True)
class Weights:
    """The weights of trained networks."""

    source: str  # where they come from, such as a path
    network: NetworkConfig
    resolution: int  # the highest resolution that has fully faded in, in pixels
    arrays: dict[str, np.ndarray]  # of all `NETWORKS`, by name as in checkpoints
    label_names: tuple[str, ...] = ()  # names of the classes, in order; empty if unknown


def write_weights(path: str, weights: Weights) -> None:
    """Writes a file of weights, atomically."""
    known = {"network": dataclasses.asdict(weights.network), "resolution": weights.resolution}
    known |= {"label_names": weights.label_names}
    write_arrays(path, [(_DESCRIPTION, np.asarray(json.dumps(known))), *weights.arrays.items()])


def read_weights_file(path: str) -> Weights:
    """Reads a file of `write_weights`. Raises UserError if it is damaged or another file."""
    try:
        with open_arrays(path) as file:
            known = json.loads(str(file.read(_DESCRIPTION)))
            network = NetworkConfig(**known["network"])
            names = tuple(map(str, known["label_names"]))
            arrays = {name: file.read(name) for name in file.names if name != _DESCRIPTION}
        resolution = known["resolution"]
        _check(arrays, network, resolution)
        if len(names) not in (0, network.label_size):
            raise ValueError(f"{len(names)} names of {network.label_size} classes")
    except DAMAGED as error:  # a UserError, of the settings, is a ValueError
        why = printable(str(error))[:200] or type(error).__name__
        raise UserError(
            f"{printable(path)}: expected the networks of an export, got a damaged file ({why}): "
            "export it again with --networks=all"
        ) from None
    return Weights(path, network, resolution, arrays, names)


def _check(arrays: dict[str, np.ndarray], network: NetworkConfig, resolution: Any) -> None:
    """Raises ValueError unless the arrays are those of three networks of that resolution."""
    if resolution not in {2**n for n in range(2, 1 + network.resolution.bit_length())}:
        raise ValueError(f"a resolution of {resolution}")
    lod = network.resolution.bit_length() - resolution.bit_length()
    stage = stage_at_lod(lod, network.resolution)
    wanted: dict[str, tuple[int, ...]] = {}
    known: dict[str, tuple[int, ...]] = {}
    for name in NETWORKS:
        kind: Kind = "discriminator" if name == "discriminator" else "generator"
        layers_of = discriminator_layers if kind == "discriminator" else generator_layers
        wanted |= _shapes(name, layers_of(stage, network))
        known |= _shapes(name, layers_of_all_stages(kind, network).values())
    for name in wanted.keys() - arrays.keys():
        raise ValueError(f"{name} is missing")
    for name, array in arrays.items():
        if known.get(name) != array.shape:
            raise ValueError(f"expected {name} {known.get(name)}, got {array.shape}")
        if array.dtype not in (np.float32, np.int64) or not np.isfinite(array).all():
            raise ValueError(f"{name} holds other numbers")


def _shapes(network: str, layers: Iterable[Layer]) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of variables, by name as in checkpoints."""
    return {
        f"{network}/{layer.name}/{variable}": shape
        for layer in layers
        for variable, shape in layer.variables
    }
