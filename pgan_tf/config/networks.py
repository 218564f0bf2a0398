"""The two networks in numbers: their settings, and the layers that follow (paper, table 2).

Arithmetic, memory, checkpoints' shapes and published names come from this table. No TensorFlow.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Literal

from pgan_tf.config.per_resolution import LOWEST_RESOLUTION
from pgan_tf.config.schedule import Stage
from pgan_tf.config.setting import check_settings, require, setting
from tfrecords.common.bounds import COUNTS, COUNTS_OR_NONE, RESOLUTIONS, Bounds
from tfrecords.common.shape import CELLS, PAPER, Base

LSGAN_NOISE = 0.2  # paper, appendix B
_NOISE_HELP = f"D's noise (appendix B). Default: {LSGAN_NOISE} with --loss=lsgan, else none."
# Of latents and feature maps. Memory limits them further, see `planning.limits`.
_WIDTHS = Bounds(1, 2**20, whole=True)
_DEPTHS = Bounds(8, 16, whole=True)
_CHANNELS, _CLASSES = Bounds(1, 64, whole=True), Bounds(0, 10**6, whole=True)
_NUMBERS = Bounds(-1e38, 1e38)
_DISCRIMINATION = (100, 5)  # kernels and components of each, see `MinibatchDiscrimination`
_TRAINABLE = frozenset({"kernel", "bias", "gamma", "beta"})

# With fewer maps, in or out, Winograd's transforms cost more than its products save; twice as
# many where it saves half as much (measured in docs/performance.md).
_FEWEST_CHANNELS = 128
_LARGEST_SIDE_OF_RESAMPLING_IN_BFLOAT16 = 8


@dataclasses.dataclass(frozen=True)
class NetworkConfig:
    """The two networks (paper, table 2)."""

    resolution: int = setting(
        1024, "Final resolution, in pixels. Default: the data's.", RESOLUTIONS, optional=True
    )
    num_channels: int = setting(3, "3: RGB, 1: gray, 4: RGBA, others.", _CHANNELS, has_flag=False)
    label_size: int = setting(0, "Classes; 0: no labels.", _CLASSES, has_flag=False)
    latent_size: int = setting(512, "Size of a latent. Default: fmap_max.", _WIDTHS, optional=True)
    fmap_base: int = setting(
        8192, "Feature maps: fmap_base / (resolution / 2)^fmap_decay, at most fmap_max.", COUNTS
    )
    fmap_decay: float = setting(1.0, "Exponent of the decrease of feature maps.", Bounds(0, 10))
    fmap_max: int = setting(512, "Maximum number of feature maps of a layer.", _WIDTHS)
    normalize_latents: bool = setting(True, "Normalize latents to the hypersphere (appendix A.1).")
    equalized: bool = setting(True, "Equalized learning rate (§4.1).")
    pixel_norm: bool = setting(True, "Pixel norm in the generator (§4.2).")
    generator_leaky_relu: bool = setting(True, "Leaky ReLU with slope 0.2 instead of ReLU.")
    discriminator_leaky_relu: bool = setting(True, "Leaky ReLU with slope 0.2 instead of ReLU.")
    fused_scale: bool = setting(True, "Fuse resampling and convolution into one strided kernel.")
    mbstd_group_size: int = setting(
        4, "Group size of the minibatch standard deviation (§3); 0: no such layer.", COUNTS_OR_NONE
    )
    minibatch_discrimination: bool = setting(False, "Minibatch discrimination (Salimans, 2016).")
    generator_batch_norm: bool = setting(False, "Batch norm in G (Gulrajani et al., 2017).")
    discriminator_layer_norm: bool = setting(False, "Layer norm in D (Gulrajani et al., 2017).")
    tanh: bool = setting(False, "End the generator with tanh instead of linearly.")
    discriminator_noise: float = setting(0.0, _NOISE_HELP, Bounds(0, 1000), optional=True)
    discriminator_fmap_divisor: int = setting(
        1, "Divide D's feature maps by this (appendix E: 2 and 4).", _WIDTHS
    )
    base_width: int = setting(4, "Cells of `base`.", CELLS, has_flag=False)
    base_height: int = setting(4, "Cells of `base`.", CELLS, has_flag=False)
    depth: int = setting(8, "Bits per channel of the pictures.", _DEPTHS, has_flag=False)
    # Of arrays of numbers; see `tfrecords.sources.arrays`.
    lowest: float = setting(0.0, "Number that -1 stands for.", _NUMBERS, has_flag=False)
    highest: float = setting(1.0, "Number that 1 stands for.", _NUMBERS, has_flag=False)

    def __post_init__(self) -> None:
        check_settings(self)
        require(self.depth in (8, 16), "depth", "8 or 16", self.depth)
        require(self.lowest < self.highest, "highest", f"more than {self.lowest}", self.highest)
        maps, expected = self.num_feature_maps(self.resolution), "enough for one feature map at"
        require(maps >= 1, "fmap_base", f"{expected} {self.resolution} px", self.fmap_base)

    @property
    def base(self) -> Base:
        """The shape of pictures at every resolution; the paper's are squares."""
        return Base(self.base_width, self.base_height)

    def num_feature_maps(self, resolution: int) -> int:
        """Feature maps of the layers at a resolution (table 2); 2 px: D's hidden dense layer."""
        halvings = int(math.log2(resolution)) - 1
        return min(int(self.fmap_base / 2.0 ** (halvings * self.fmap_decay)), self.fmap_max)

    def num_discriminator_maps(self, resolution: int) -> int:
        """The same for the discriminator's layers: at least 1."""
        return max(1, self.num_feature_maps(resolution) // self.discriminator_fmap_divisor)


@dataclasses.dataclass(frozen=True)
class Layer:
    """A layer with variables."""

    name: str  # as in the Keras model
    variables: tuple[tuple[str, tuple[int, ...]], ...]  # (name, shape)
    shape: tuple[int, ...]  # of its outputs for one picture
    resample: Literal["up", "down"] | None = None  # up before, or down after the convolution
    outputs_beside: int = 0  # of a separate resampling layer, for one picture
    base: Base = PAPER  # of the networks

    @property
    def outputs(self) -> int:
        """How many numbers it computes for one picture."""
        return math.prod(self.shape) + self.outputs_beside

    @property
    def parameters(self) -> int:
        """How many numbers train."""
        return sum(math.prod(shape) for name, shape in self.variables if name in _TRAINABLE)

    @property
    def values(self) -> int:
        """How many numbers it keeps, trained or not."""
        return sum(math.prod(shape) for _, shape in self.variables)

    @property
    def kernel(self) -> tuple[int, ...]:
        """Shape of the stored kernel; () for a layer without one."""
        return dict(self.variables).get("kernel", ())

    @property
    def side(self) -> int:
        """The resolution at which it convolves: after upsampling, before averaging down."""
        return int(self.name.split("x")[0])

    @property
    def multiplications(self) -> int:
        """Multiplications for one picture in the plain form, 3x3 taps at each pixel."""
        pixels = self.base.pixels(self.side) if len(self.kernel) == 4 else 1
        return pixels * math.prod(self.kernel) if self.kernel else 0

    @property
    def least_multiplications(self) -> int:
        """The same with 4x4 taps at each of the lower pixels where it resamples."""
        return self.multiplications * 16 // (9 * 4) if self.resample else self.multiplications


def resolutions_above_lowest(resolution: int) -> list[int]:
    """The resolutions that have a pair of layers, from 8 px up to `resolution`."""
    lowest, highest = int(math.log2(LOWEST_RESOLUTION)), int(math.log2(resolution))
    return [2**level for level in range(lowest + 1, highest + 1)]


def generator_layers(stage: Stage, config: NetworkConfig) -> list[Layer]:
    """The generator's layers that have variables."""
    norm = _batch_norm if config.generator_batch_norm else None
    maps, base = config.num_feature_maps(4), config.base
    dense = (config.latent_size + config.label_size, base.cells * maps)
    layers = _layer("4x4_dense", dense, (*base.shape(4), maps), norm)
    layers += _layer("4x4_conv", (3, 3, maps, maps), (*base.shape(4), maps), norm)
    for resolution in resolutions_above_lowest(stage.resolution):
        below, maps = maps, config.num_feature_maps(resolution)
        shape = (*base.shape(resolution), maps)
        name, fused = f"{resolution}x{resolution}", config.fused_scale
        # A transposed convolution's kernel, or one after a layer that upsamples.
        kernel = (3, 3, maps, below) if fused else (3, 3, below, maps)
        enlarged = 0 if fused else base.pixels(resolution) * below
        layers += _layer(f"{name}_conv0", kernel, shape, norm, "up", enlarged)
        layers += _layer(f"{name}_conv1", (3, 3, maps, maps), shape, norm)
    for resolution in _rgb_resolutions(stage):
        kernel = (1, 1, config.num_feature_maps(resolution), config.num_channels)
        shape = (*base.shape(resolution), config.num_channels)
        layers += _layer(f"{resolution}x{resolution}_to_rgb", kernel, shape)
    return [dataclasses.replace(layer, base=base) for layer in layers]


def discriminator_layers(stage: Stage, config: NetworkConfig) -> list[Layer]:
    """The discriminator's layers that have variables."""
    norm = _layer_norm if config.discriminator_layer_norm else None
    maps, base = config.num_discriminator_maps, config.base
    layers: list[Layer] = []
    for resolution in _rgb_resolutions(stage):
        kernel = (1, 1, config.num_channels, maps(resolution))
        shape = (*base.shape(resolution), maps(resolution))
        layers += _layer(f"{resolution}x{resolution}_from_rgb", kernel, shape)
    for resolution in resolutions_above_lowest(stage.resolution):
        half, name, fused = resolution // 2, f"{resolution}x{resolution}", config.fused_scale
        here, below = maps(resolution), maps(half)
        shape = (*base.shape(resolution), here)
        layers += _layer(f"{name}_conv0", (3, 3, here, here), shape, norm)
        shape = (*base.shape(half if fused else resolution), below)
        reduced = 0 if fused else base.pixels(half) * below
        layers += _layer(f"{name}_conv1", (3, 3, here, below), shape, norm, "down", reduced)
    features = maps(4) + (config.mbstd_group_size > 0)
    if config.minibatch_discrimination:
        kernels, components = _DISCRIMINATION
        variables = (("kernel", (base.cells * features, kernels * components)),)
        features += kernels
        shape = (*base.shape(4), features)
        layers.append(Layer("4x4_minibatch_discrimination", variables, shape))
    layers += _layer("4x4_conv", (3, 3, features, maps(4)), (*base.shape(4), maps(4)), norm)
    layers += _layer("4x4_dense0", (base.cells * maps(4), maps(2)), (maps(2),), norm)
    layers += _layer("4x4_dense1", (maps(2), 1 + config.label_size), (1 + config.label_size,))
    if config.discriminator_noise:
        layers.append(Layer("score_noise", (("score_average", ()), ("noise_seed", (2,))), (0,)))
    return [dataclasses.replace(layer, base=base) for layer in layers]


def frozen_layers(
    stage: Stage, config: NetworkConfig, highest: int, blocks: int
) -> tuple[str, ...]:
    """The names of the discriminator's layers in so many blocks from `highest` px downward.

    A block is the layers of one resolution. What is above `highest` px grew later: it trains.
    """
    frozen = tuple(f"{highest >> block}x{highest >> block}_" for block in range(blocks))
    names = (layer.name for layer in discriminator_layers(stage, config))
    return tuple(name for name in names if name.startswith(frozen))


def parameters(stage: Stage, config: NetworkConfig) -> tuple[int, int]:
    """How many numbers train in the generator and in the discriminator."""
    generator = sum(layer.parameters for layer in generator_layers(stage, config))
    return generator, sum(layer.parameters for layer in discriminator_layers(stage, config))


def multiplications(stage: Stage, config: NetworkConfig) -> int:
    """Multiplications of one picture through both networks, forwards, to compare stages by."""
    layers = (*generator_layers(stage, config), *discriminator_layers(stage, config))
    return sum(layer.multiplications for layer in layers)


def winograd_pays(
    kernel: tuple[int, ...], side: int, *, resamples: bool = False, bfloat16: bool = False
) -> bool:
    """Whether Winograd's algorithm convolves faster than the plain form, on a CPU.

    It takes a quarter of the multiplications of a 3x3 convolution, 9/16 of those of one fused with
    resampling; and always float32, where plain bfloat16 is nearly twice as fast. The kernel's shape
    ends in maps in and out, in either order; `side` is the longer one where it convolves, in px.
    """
    if resamples and bfloat16 and side > _LARGEST_SIDE_OF_RESAMPLING_IN_BFLOAT16:
        return False
    fewest = (1 + (resamples or bfloat16)) * _FEWEST_CHANNELS
    return kernel[:2] == (3, 3) and min(kernel[2:]) >= fewest


def winograd_tile(height: int, width: int) -> int | None:
    """Returns the side of its tiles of output pixels, 2 or 4; None where none fits.

    At 4x4 pixels most of the work is transforming kernels, which is less for smaller tiles.
    """
    if height % 2 or width % 2:  # of a base with an odd number of cells
        return None
    return 4 if height % 4 == width % 4 == 0 and max(height, width) > 4 else 2


def _layer(
    name: str,
    kernel: tuple[int, ...],
    shape: tuple[int, ...],
    norm: Callable[[str, tuple[int, ...]], Layer] | None = None,
    resample: Literal["up", "down"] | None = None,
    beside: int = 0,
) -> list[Layer]:
    """A convolution or dense layer, and its normalization."""
    variables = (("kernel", kernel), ("bias", shape[-1:]))
    layers = [Layer(name, variables, shape, resample, beside)]
    return layers if norm is None else [*layers, norm(name, shape)]


def _batch_norm(name: str, shape: tuple[int, ...]) -> Layer:
    kept = ("gamma", "beta", "moving_mean", "moving_variance")
    return Layer(f"{name}_batch_norm", tuple((one, shape[-1:]) for one in kept), shape)


def _layer_norm(name: str, shape: tuple[int, ...]) -> Layer:
    return Layer(f"{name}_layer_norm", (("gamma", shape), ("beta", shape)), shape)


def _rgb_resolutions(stage: Stage) -> tuple[int, ...]:
    return (stage.resolution // 2, stage.resolution) if stage.fades_in else (stage.resolution,)
