"""What a checkpoint may hold, whatever its file says. ValueErrors tell what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pgan_tf.config.networks import discriminator_layers, generator_layers
from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig

NETWORKS = ("generator", "discriminator", "average_generator")


def whole_number(value: Any, most: int) -> int:
    """Returns a number of a checkpoint; raises ValueError unless it is one from 0 to `most`."""
    array = np.asarray(value)
    if array.shape or array.dtype.kind not in "iu" or not 0 <= int(array) <= most:
        raise ValueError(f"expected a whole number from 0 to {most}, got {str(value)[:80]}")
    return int(array)


def check_weights(
    arrays: dict[str, np.ndarray], stage: Stage, config: NetworkConfig, networks: Sequence[str]
) -> None:
    """Checks that arrays are those of the networks that the configuration describes.

    So nobody builds larger networks than the file has weights for. Raises ValueError.
    """
    for name, array in arrays.items():
        of_network = name.split("/")[0] in NETWORKS
        if array.dtype.kind not in "fiu" or (of_network and array.dtype != np.float32):
            raise ValueError(f"{name} holds {array.dtype}")
        # An optimizer's squares may overflow, which it survives.
        if not np.isfinite(array).all() and (of_network or np.isnan(array).any()):
            raise ValueError(f"{name} holds numbers that are not finite")
    for network in networks:
        layers = discriminator_layers if network == "discriminator" else generator_layers
        expected = {
            f"{network}/{layer.name}/{variable}": shape
            for layer in layers(stage, config)
            for variable, shape in layer.variables
        }
        found = {
            name: array.shape for name, array in arrays.items() if name.split("/")[0] == network
        }
        different = [
            name
            for name in expected | found
            if name not in found or name not in expected or found[name] != expected[name]
        ]
        if different:
            name = different[0]
            raise ValueError(
                f"its configuration has {name} of the shape {expected.get(name)}, its weights "
                f"{found.get(name)}"
            )
