"""What the two networks of a stage consist of, in numbers: `networks`, without building it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator

from pgan_tf.config.per_resolution import LOWEST_RESOLUTION
from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig

# See `minibatch_discrimination.MinibatchDiscrimination`: kernels, and components of each.
_DISCRIMINATION = (100, 5)
_TRAINABLE = frozenset({"kernel", "bias", "gamma", "beta"})


@dataclasses.dataclass(frozen=True)
class LayerShape:
    """A layer.

    Attributes:
        name: as in `networks`.
        variables: pairs (name, shape).
        outputs: numbers that it computes for one picture, all in all.
    """

    name: str
    variables: tuple[tuple[str, tuple[int, ...]], ...]
    outputs: int

    @property
    def parameters(self) -> int:
        """Numbers that train."""
        return sum(math.prod(shape) for name, shape in self.variables if name in _TRAINABLE)

    @property
    def values(self) -> int:
        """All numbers that it keeps."""
        return sum(math.prod(shape) for _, shape in self.variables)


def generator_layers(stage: Stage, config: NetworkConfig) -> list[LayerShape]:
    """Returns what `networks.build_generator` consists of, but for layers without variables."""
    norm = _batch_norm if config.generator_batch_norm else None
    maps = config.num_feature_maps(4)
    dense = (config.latent_size + config.label_size, 16 * maps)
    layers = [_layer("4x4_dense", dense, (4, 4, maps), norm)]
    layers.append(_layer("4x4_conv", (3, 3, maps, maps), (4, 4, maps), norm))
    for resolution in _above_lowest(stage):
        below, maps = maps, config.num_feature_maps(resolution)
        shape = (resolution, resolution, maps)
        name = f"{resolution}x{resolution}"
        if config.fused_scale:  # a transposed convolution's kernel
            layers.append(_layer(f"{name}_conv0", (3, 3, maps, below), shape, norm))
        else:
            enlarged = resolution**2 * below
            layers.append(_layer(f"{name}_conv0", (3, 3, below, maps), shape, norm, enlarged))
        layers.append(_layer(f"{name}_conv1", (3, 3, maps, maps), shape, norm))
    for resolution in _rgb_resolutions(stage):
        kernel = (1, 1, config.num_feature_maps(resolution), config.num_channels)
        name = f"{resolution}x{resolution}_to_rgb"
        layers.append(_layer(name, kernel, (resolution, resolution, config.num_channels)))
    return [part for layer in layers for part in layer]


def discriminator_layers(stage: Stage, config: NetworkConfig) -> list[LayerShape]:
    """Returns what `networks.build_discriminator` consists of, but for layers without variables."""
    norm = _layer_norm if config.discriminator_layer_norm else None
    maps = config.num_discriminator_maps
    layers = []
    for resolution in _rgb_resolutions(stage):
        kernel = (1, 1, config.num_channels, maps(resolution))
        shape = (resolution, resolution, maps(resolution))
        layers.append(_layer(f"{resolution}x{resolution}_from_rgb", kernel, shape))
    for resolution in _above_lowest(stage):
        here, below, half = maps(resolution), maps(resolution // 2), resolution // 2
        name = f"{resolution}x{resolution}"
        shape = (resolution, resolution, here)
        layers.append(_layer(f"{name}_conv0", (3, 3, here, here), shape, norm))
        if config.fused_scale:
            shape, reduced = (half, half, below), 0
        else:
            shape, reduced = (resolution, resolution, below), half * half * below
        layers.append(_layer(f"{name}_conv1", (3, 3, here, below), shape, norm, reduced))
    features = maps(4) + (config.mbstd_group_size > 0)
    if config.minibatch_discrimination:
        kernels, components = _DISCRIMINATION
        kernel = (16 * features, kernels * components)
        features += kernels
        name = "4x4_minibatch_discrimination"
        layers.append([LayerShape(name, (("kernel", kernel),), 16 * features)])
    layers.append(_layer("4x4_conv", (3, 3, features, maps(4)), (4, 4, maps(4)), norm))
    layers.append(_layer("4x4_dense0", (16 * maps(4), maps(2)), (maps(2),), norm))
    outputs = 1 + config.label_size
    layers.append(_layer("4x4_dense1", (maps(2), outputs), (outputs,)))
    if config.discriminator_noise:
        kept = (("score_average", ()), ("noise_seed", (2,)))
        layers.append([LayerShape("score_noise", kept, 0)])
    return [part for layer in layers for part in layer]


def _layer(
    name: str,
    kernel: tuple[int, ...],
    shape: tuple[int, ...],
    norm: Callable[[str, tuple[int, ...]], LayerShape] | None = None,
    beside: int = 0,
) -> list[LayerShape]:
    """A convolution or dense layer, `beside` numbers more, and its normalization."""
    # A transposed convolution's kernel ends in its inputs: biases are the outputs' channels.
    variables = (("kernel", kernel), ("bias", (shape[-1],)))
    layers = [LayerShape(name, variables, math.prod(shape) + beside)]
    return layers if norm is None else [*layers, norm(name, shape)]


def _batch_norm(name: str, shape: tuple[int, ...]) -> LayerShape:
    kept = ("gamma", "beta", "moving_mean", "moving_variance")
    variables = tuple((one, shape[-1:]) for one in kept)
    return LayerShape(f"{name}_batch_norm", variables, math.prod(shape))


def _layer_norm(name: str, shape: tuple[int, ...]) -> LayerShape:
    variables = (("gamma", shape), ("beta", shape))
    return LayerShape(f"{name}_layer_norm", variables, math.prod(shape))


def _above_lowest(stage: Stage) -> Iterator[int]:
    resolution = 2 * LOWEST_RESOLUTION
    while resolution <= stage.resolution:
        yield resolution
        resolution *= 2


def _rgb_resolutions(stage: Stage) -> tuple[int, ...]:
    return (stage.resolution // 2, stage.resolution) if stage.fades_in else (stage.resolution,)
