"""What a checkpoint may hold, whatever its file says. ValueErrors tell what is wrong."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pgan_tf.config.networks import discriminator_layers, generator_layers
from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig

NETWORKS = ("generator", "discriminator", "average_generator")


def whole_number(value: Any, most: int) -> int:
    """Returns a checkpoint's whole number from 0 to `most`."""
    array = np.asarray(value)
    if array.shape or array.dtype.kind not in "iu" or not 0 <= int(array) <= most:
        raise ValueError(f"expected a whole number from 0 to {most}, got {str(value)[:80]}")
    return int(array)


def check_weights(
    arrays: dict[str, np.ndarray], stage: Stage, config: NetworkConfig, networks: Sequence[str]
) -> None:
    """Checks that arrays are those of the networks that the configuration describes.

    So nobody builds larger networks than the file has weights for.
    """
    for name, array in arrays.items():
        of_network = name.split("/")[0] in NETWORKS
        if array.dtype.kind not in "fiu" or (of_network and array.dtype != np.float32):
            raise ValueError(f"{name} holds {array.dtype}")
        # An optimizer's squares may overflow, which it survives.
        if not np.isfinite(array).all() and (of_network or np.isnan(array).any()):
            raise ValueError(f"{name} holds numbers that are not finite")
    expected = {}
    for network in networks:
        layers = discriminator_layers if network == "discriminator" else generator_layers
        for layer in layers(stage, config):
            for variable, shape in layer.variables:
                expected[f"{network}/{layer.name}/{variable}"] = shape
    found = {name: array.shape for name, array in arrays.items() if name.split("/")[0] in networks}
    for name in expected | found:
        if found.get(name) != expected.get(name):
            raise ValueError(
                f"its configuration has {name} of the shape {expected.get(name)}, its weights "
                f"{found.get(name)}"
            )
