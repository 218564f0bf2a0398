"""The layer table: every layer of a stage's networks in numbers (paper, table 2). No TensorFlow.

Multiplications, bytes, the shapes of checkpoints and the published names follow from it; one
test holds it to the networks themselves.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Literal

from pgan_tf.config.per_resolution import LOWEST_RESOLUTION
from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig

# See `MinibatchDiscrimination`: kernels, and components of each.
_DISCRIMINATION = (100, 5)
_PUBLISHED_RGB = {"to_rgb": "ToRGB", "from_rgb": "FromRGB"}
_TRAINABLE = frozenset({"kernel", "bias", "gamma", "beta"})

# With fewer maps, in or out, Winograd's transforms cost more than its products save; twice as
# many where it saves half as much (docs/performance.md has what was measured).
_FEWEST_CHANNELS = 128
_LARGEST_SIDE_OF_RESAMPLING_IN_BFLOAT16 = 8


@dataclasses.dataclass(frozen=True)
class Layer:
    """A layer with variables.

    Attributes:
        name: as in the networks.
        variables: pairs (name, shape).
        shape: of its outputs for one picture.
        resample: what is done before ("up") or after ("down") a convolution.
        outputs_beside: numbers computed for one picture besides its outputs, by a resampling that
            is not fused.
    """

    name: str
    variables: tuple[tuple[str, tuple[int, ...]], ...]
    shape: tuple[int, ...]
    resample: Literal["up", "down"] | None = None
    outputs_beside: int = 0

    @property
    def outputs(self) -> int:
        """Numbers that it computes for one picture, all in all."""
        return math.prod(self.shape) + self.outputs_beside

    @property
    def parameters(self) -> int:
        """Numbers that train."""
        return sum(math.prod(shape) for name, shape in self.variables if name in _TRAINABLE)

    @property
    def values(self) -> int:
        """All numbers that it keeps."""
        return sum(math.prod(shape) for _, shape in self.variables)

    @property
    def kernel(self) -> tuple[int, ...]:
        """Shape of the stored kernel; () of a layer without one."""
        return dict(self.variables).get("kernel", ())

    @property
    def side(self) -> int:
        """Of the pictures that it convolves: after upsampling, before averaging down."""
        return int(self.name.split("x")[0])

    def published_name(self, config: NetworkConfig) -> str:
        """What the published implementation calls it: `16x16/Conv0_up`, `ToRGB_lod0`."""
        level, kind = self.name.split("_", 1)
        if kind in _PUBLISHED_RGB:
            return f"{_PUBLISHED_RGB[kind]}_lod{int(math.log2(config.resolution // self.side))}"
        suffix = f"_{self.resample}" if self.resample and config.fused_scale else ""
        return f"{level}/{kind.capitalize()}{suffix}"

    @property
    def multiplications(self) -> int:
        """Multiplications for one picture in the plain form, 3x3 taps at each pixel."""
        pixels = self.side**2 if len(self.kernel) == 4 else 1
        return pixels * math.prod(self.kernel) if self.kernel else 0

    @property
    def least_multiplications(self) -> int:
        """The same with 4x4 taps at each of the lower pixels where it resamples."""
        return self.multiplications * 16 // (9 * 4) if self.resample else self.multiplications


def resolutions_above_lowest(resolution: int) -> list[int]:
    """Returns the resolutions that have a pair of layers, from 8 px up to `resolution`."""
    lowest, highest = int(math.log2(LOWEST_RESOLUTION)), int(math.log2(resolution))
    return [2**level for level in range(lowest + 1, highest + 1)]


def generator_layers(stage: Stage, config: NetworkConfig) -> list[Layer]:
    """Returns the generator's layers that have variables."""
    norm = _batch_norm if config.generator_batch_norm else None
    maps = config.num_feature_maps(4)
    dense = (config.latent_size + config.label_size, 16 * maps)
    layers = [_layer("4x4_dense", dense, (4, 4, maps), norm)]
    layers.append(_layer("4x4_conv", (3, 3, maps, maps), (4, 4, maps), norm))
    for resolution in resolutions_above_lowest(stage.resolution):
        below, maps = maps, config.num_feature_maps(resolution)
        shape = (resolution, resolution, maps)
        name = f"{resolution}x{resolution}"
        if config.fused_scale:  # a transposed convolution's kernel
            kernel, enlarged = (3, 3, maps, below), 0
        else:
            kernel, enlarged = (3, 3, below, maps), resolution**2 * below
        layers.append(_layer(f"{name}_conv0", kernel, shape, norm, "up", enlarged))
        layers.append(_layer(f"{name}_conv1", (3, 3, maps, maps), shape, norm))
    for resolution in _rgb_resolutions(stage):
        kernel = (1, 1, config.num_feature_maps(resolution), config.num_channels)
        name = f"{resolution}x{resolution}_to_rgb"
        layers.append(_layer(name, kernel, (resolution, resolution, config.num_channels)))
    return [part for layer in layers for part in layer]


def discriminator_layers(stage: Stage, config: NetworkConfig) -> list[Layer]:
    """Returns the discriminator's layers that have variables."""
    norm = _layer_norm if config.discriminator_layer_norm else None
    maps = config.num_discriminator_maps
    layers = []
    for resolution in _rgb_resolutions(stage):
        kernel = (1, 1, config.num_channels, maps(resolution))
        shape = (resolution, resolution, maps(resolution))
        layers.append(_layer(f"{resolution}x{resolution}_from_rgb", kernel, shape))
    for resolution in resolutions_above_lowest(stage.resolution):
        here, below, half = maps(resolution), maps(resolution // 2), resolution // 2
        name = f"{resolution}x{resolution}"
        shape = (resolution, resolution, here)
        layers.append(_layer(f"{name}_conv0", (3, 3, here, here), shape, norm))
        if config.fused_scale:
            shape, reduced = (half, half, below), 0
        else:
            shape, reduced = (resolution, resolution, below), half * half * below
        layers.append(_layer(f"{name}_conv1", (3, 3, here, below), shape, norm, "down", reduced))
    features = maps(4) + (config.mbstd_group_size > 0)
    if config.minibatch_discrimination:
        kernels, components = _DISCRIMINATION
        variables = (("kernel", (16 * features, kernels * components)),)
        features += kernels
        name = "4x4_minibatch_discrimination"
        layers.append([Layer(name, variables, (4, 4, features))])
    layers.append(_layer("4x4_conv", (3, 3, features, maps(4)), (4, 4, maps(4)), norm))
    layers.append(_layer("4x4_dense0", (16 * maps(4), maps(2)), (maps(2),), norm))
    outputs = 1 + config.label_size
    layers.append(_layer("4x4_dense1", (maps(2), outputs), (outputs,)))
    if config.discriminator_noise:
        kept = (("score_average", ()), ("noise_seed", (2,)))
        layers.append([Layer("score_noise", kept, (0,))])
    return [part for layer in layers for part in layer]


def parameters(stage: Stage, config: NetworkConfig) -> tuple[int, int]:
    """Returns how many numbers train in the generator and in the discriminator."""
    networks = generator_layers(stage, config), discriminator_layers(stage, config)
    generator, discriminator = (sum(layer.parameters for layer in layers) for layers in networks)
    return generator, discriminator


def multiplications(stage: Stage, config: NetworkConfig) -> int:
    """Returns the multiplications of one picture through both networks, forwards.

    An iteration takes about a fixed multiple of it, which makes it good for comparing stages.
    """
    layers = (*generator_layers(stage, config), *discriminator_layers(stage, config))
    return sum(layer.multiplications for layer in layers)


def winograd_pays(
    kernel: tuple[int, ...], side: int, *, resamples: bool = False, bfloat16: bool = False
) -> bool:
    """Returns whether Winograd's algorithm convolves faster than the plain form, on a CPU.

    It takes a quarter of the multiplications of a 3x3 convolution, but 9/16 of those of one that
    is fused with resampling; and always in float32, where plain ones in bfloat16 are nearly twice
    as fast.

    Args:
        kernel: its shape; the last two are maps in and out, in either order.
        side: of the pictures convolved, in pixels: after upsampling, before averaging down.
        resamples: whether the plain form would be fused with resampling.
        bfloat16: whether the plain form would compute in it.
    """
    if kernel[:2] != (3, 3):
        return False
    if resamples and bfloat16 and side > _LARGEST_SIDE_OF_RESAMPLING_IN_BFLOAT16:
        return False
    return min(kernel[2:]) >= (1 + (resamples or bfloat16)) * _FEWEST_CHANNELS


def _layer(
    name: str,
    kernel: tuple[int, ...],
    shape: tuple[int, ...],
    norm: Callable[[str, tuple[int, ...]], Layer] | None = None,
    resample: Literal["up", "down"] | None = None,
    beside: int = 0,
) -> list[Layer]:
    """A convolution or dense layer, and its normalization."""
    # A transposed convolution's kernel ends in its inputs: biases are the outputs' channels.
    variables = (("kernel", kernel), ("bias", (shape[-1],)))
    layers = [Layer(name, variables, shape, resample, beside)]
    return layers if norm is None else [*layers, norm(name, shape)]


def _batch_norm(name: str, shape: tuple[int, ...]) -> Layer:
    kept = ("gamma", "beta", "moving_mean", "moving_variance")
    variables = tuple((one, shape[-1:]) for one in kept)
    return Layer(f"{name}_batch_norm", variables, shape)


def _layer_norm(name: str, shape: tuple[int, ...]) -> Layer:
    variables = (("gamma", shape), ("beta", shape))
    return Layer(f"{name}_layer_norm", variables, shape)


def _rgb_resolutions(stage: Stage) -> tuple[int, ...]:
    return (stage.resolution // 2, stage.resolution) if stage.fades_in else (stage.resolution,)
