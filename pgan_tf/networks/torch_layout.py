"""The folded generator in numbers: its description, and its weights in PyTorch's layouts."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import tensorflow as tf

from pgan_tf.config.networks import NetworkConfig
from pgan_tf.networks.folded import FoldedLayer, InferenceGenerator, names_of_convolutions
from tfrecords.common.bounds import COUNTS
from tfrecords.common.errors import UserError
from tfrecords.common.shape import Base
from tfrecords.common.text import printable

_DENSE = "4x4_dense"
_SETTINGS = (
    *("resolution", "num_channels", "latent_size", "label_size"),
    *("normalize_latents", "pixel_norm", "tanh"),
)
_SHAPE = ("base_width", "base_height")  # older descriptions lack them: they are squares


def describe_network(generator: InferenceGenerator) -> dict[str, Any]:
    """Returns what determines the layers of a folded generator, for JSON."""
    config = generator.config
    known = {name: getattr(config, name) for name in (*_SETTINGS, *_SHAPE)}
    return known | {
        "resolution": generator.resolution,
        "leaky_relu": config.generator_leaky_relu,
        # At 4 px, 8 px, … up to its resolution.
        "feature_maps": [layer.bias.shape[0] for layer in generator.convolutions[::2]],
        "fades": generator.to_rgb_below is not None,
    }


def torch_weights(generator: InferenceGenerator) -> dict[str, np.ndarray]:
    """Returns the weights of a generator of the form "fused" as PyTorch's layers take them.

    `NAME.weight` is (out, in) of a dense layer, (out, in, height, width) of a convolution and
    (in, out, height, width) of a transposed one; `NAME.bias` is (out,). All are float32.
    """
    weights = {}
    for name, layer in generator.layers.items():
        kernel, bias = layer.kernel.numpy(), layer.bias.numpy()
        if (
            name == _DENSE
        ):  # its outputs are (height, width, maps) here, (maps, height, width) there
            base = generator.config.base
            kernel = kernel.reshape(-1, *base.shape(4), len(bias)).transpose(3, 1, 2, 0)
            kernel = kernel.reshape(base.cells * len(bias), -1)
            bias = np.repeat(bias, base.cells)
        else:
            kernel = kernel.transpose(3, 2, 0, 1)
        weights[f"{name}.weight"] = np.ascontiguousarray(kernel)
        weights[f"{name}.bias"] = bias
    return weights


def open_network(known: Any, weights: Mapping[str, np.ndarray]) -> InferenceGenerator:
    """Builds a generator from what `describe_network` and `torch_weights` returned.

    Raises UserError for a network that cannot be, and for weights that are not its own.
    """
    try:
        settings = {name: known[name] for name in _SETTINGS}
        settings |= {name: known[name] for name in _SHAPE if name in known}
        config = NetworkConfig(generator_leaky_relu=known["leaky_relu"], **settings)
        shapes = _shapes(config, known["feature_maps"], fades=known["fades"])
    except (LookupError, TypeError) as error:
        raise UserError(f"expected the description of a generator, got {error!r}") from None
    found = {name: array.shape for name, array in weights.items() if array.dtype == np.float32}
    for name in sorted({*found, *shapes, *weights}):
        if found.get(name) != shapes.get(name) or name not in found:
            expected, got = (one.get(name, "none") for one in (shapes, found))
            raise UserError(f"{printable(name)}: expected float32 {expected}, got {got}")
    names = dict.fromkeys(name.rpartition(".")[0] for name in shapes)
    layers = {name: _layer(name, weights, config.base) for name in names}
    return InferenceGenerator(
        config,
        config.resolution,
        "fused",
        dense=layers[_DENSE],
        convolutions=tuple(layers[name] for name in names_of_convolutions(config.resolution)),
        to_rgb=layers[_to_rgb(config.resolution)],
        to_rgb_below=layers.get(_to_rgb(config.resolution // 2)),
    )


def _shapes(config: NetworkConfig, maps: Any, *, fades: Any) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of all arrays. TypeError for impossible feature maps."""
    names, resolution = names_of_convolutions(config.resolution), config.resolution
    if not isinstance(maps, list) or not all(one in COUNTS for one in maps):
        raise TypeError("feature_maps")
    if len(maps) != (len(names) + 1) // 2 or fades not in (False, len(maps) > 1):
        raise TypeError("feature_maps and fades")
    kernels: dict[str, tuple[int, ...]] = {
        _DENSE: (config.base.cells * maps[0], config.latent_size + config.label_size),
        names[0]: (maps[0], maps[0], 3, 3),
    }
    for i, (below, here) in enumerate(pairwise(maps)):
        kernels[names[2 * i + 1]] = (below, here, 4, 4)
        kernels[names[2 * i + 2]] = (here, here, 3, 3)
    kernels[_to_rgb(resolution)] = (config.num_channels, maps[-1], 1, 1)
    if fades:
        kernels[_to_rgb(resolution // 2)] = (config.num_channels, maps[-2], 1, 1)
    shapes = {f"{name}.weight": shape for name, shape in kernels.items()}
    return shapes | {f"{n}.bias": (one[n.endswith("conv0")],) for n, one in kernels.items()}


def _layer(name: str, weights: Mapping[str, np.ndarray], base: Base) -> FoldedLayer:
    kernel, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    if name == _DENSE:
        kernel = kernel.reshape(-1, *base.shape(4), kernel.shape[1]).transpose(3, 1, 2, 0)
        kernel = kernel.reshape(len(kernel), -1)
        bias = bias[:: base.cells]
    else:
        kernel = kernel.transpose(2, 3, 1, 0)
    kernel, bias = (tf.Variable(value, trainable=False, name=name) for value in (kernel, bias))
    return FoldedLayer(kernel, bias, upscales=name.endswith("conv0"))


def _to_rgb(resolution: int) -> str:
    return f"{resolution}x{resolution}_to_rgb"
