"""The least arithmetic of a training step, counted from layer shapes. Pure Python.

One picture's way through a layer takes two operations (a multiplication, an addition) for each
of its weights at each pixel. The unit here is that way once, forwards. Differentiating a layer
by its inputs takes one unit too, and by its weights another. Then in an iteration:

- The generator's layers take 1 unit in the D step, and 3 in the G step: forwards, by inputs, by
  weights. (Its first layer 2: nobody asks for gradients by latents.)
- The discriminator's take 3 in the D step for the reals and 3 for the fakes (its first layer 2:
  nor by pictures), and 2 in the G step: forwards, and by inputs.
- The gradient penalty takes 4 more: forwards; by inputs, which is the gradient whose norm it
  looks at; and of that way the derivatives, which are one pass forwards again and one by weights.
  Leaky ReLUs have no second derivative; the minibatch standard deviation has one, from which a
  usual way back goes out, by inputs and by weights: 2 more for the layers below it.

That is 4 of the generator and 14 of the discriminator. The penalty R1 looks at the reals, whose
ways forwards and back are there already: 3 in place of 6 (`losses` does two of them again).
LSGAN has no penalty.

Convolutions count as they are written, with resampling in one kernel of 4x4 taps and stride 2;
Winograd's algorithm, which does less, can be faster than this count allows. Activations,
norms, Adam and what is made of kernels are not counted.
"""

from __future__ import annotations

import dataclasses
import math

from pgan_tf.config.per_resolution import LOWEST_RESOLUTION
from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig


@dataclasses.dataclass(frozen=True)
class Layer:
    """A layer with weights.

    Attributes:
        name: as in `networks`.
        flops: of one picture, forwards.
        first: whether its inputs are the network's.
        below_statistics: whether the minibatch standard deviation, or another layer with a second
            derivative, comes after it.
    """

    name: str
    flops: int
    first: bool = False
    below_statistics: bool = False


@dataclasses.dataclass(frozen=True)
class StepFlops:
    """The least operations for one real image.

    Attributes:
        discriminator_step: with the fakes drawn for it.
        generator_step: with the discriminator that judges.
    """

    discriminator_step: int
    generator_step: int


def _convolution(outputs_side: int, taps: int, channels_in: int, channels_out: int) -> int:
    return 2 * outputs_side**2 * taps * channels_in * channels_out


def generator_layers(stage: Stage, config: NetworkConfig) -> list[Layer]:
    """Returns the generator's layers with weights (paper, table 2)."""
    maps, four = config.num_feature_maps, config.num_feature_maps(4)
    latent_size = config.latent_size + config.label_size
    layers = [
        Layer("4x4_dense", 2 * latent_size * 16 * four, first=True),
        Layer("4x4_conv", _convolution(4, 9, four, four)),
    ]
    for level in _levels(stage):
        below, here, name = maps(level // 2), maps(level), f"{level}x{level}"
        # Each of the 4x4 taps meets each pixel from below once.
        layers.append(Layer(f"{name}_conv0", _convolution(level // 2, 16, below, here)))
        layers.append(Layer(f"{name}_conv1", _convolution(level, 9, here, here)))
    for level in _rgb_levels(stage):
        flops = _convolution(level, 1, maps(level), config.num_channels)
        layers.append(Layer(f"{level}x{level}_to_rgb", flops))
    return layers


def discriminator_layers(stage: Stage, config: NetworkConfig) -> list[Layer]:
    """Returns the discriminator's layers with weights (paper, table 2)."""
    maps = config.num_discriminator_maps
    layers = []
    for level in _rgb_levels(stage):
        flops = _convolution(level, 1, config.num_channels, maps(level))
        layers.append(Layer(f"{level}x{level}_from_rgb", flops, first=True))
    for level in reversed(_levels(stage)):
        below, here, name = maps(level // 2), maps(level), f"{level}x{level}"
        layers.append(Layer(f"{name}_conv0", _convolution(level, 9, here, here)))
        layers.append(Layer(f"{name}_conv1", _convolution(level // 2, 16, here, below)))
    statistics = 1 if config.mbstd_group_size else 0
    kernels = 100 if config.minibatch_discrimination else 0
    layers = [
        dataclasses.replace(layer, below_statistics=bool(statistics or kernels)) for layer in layers
    ]
    if kernels:
        features = 16 * (maps(4) + statistics)
        layers.append(Layer("4x4_minibatch_discrimination", 2 * features * kernels * 5))
    layers += [
        Layer("4x4_conv", _convolution(4, 9, maps(4) + statistics + kernels, maps(4))),
        Layer("4x4_dense0", 2 * 16 * maps(4) * maps(2)),
        Layer("4x4_dense1", 2 * maps(2) * (1 + config.label_size)),
    ]
    if config.discriminator_layer_norm:  # that has a second derivative, too, nearly everywhere
        layers = [dataclasses.replace(layer, below_statistics=True) for layer in layers]
    return layers


def step_flops(stage: Stage, config: NetworkConfig, loss: str = "wgan_gp") -> StepFlops:
    """Counts the least arithmetic of a D step and a G step, for one real image.

    Args:
        stage: gives the resolution and whether it fades in.
        config: the networks.
        loss: see `loss_config.LOSSES`.
    """
    generator = generator_layers(stage, config)
    discriminator = discriminator_layers(stage, config)
    return StepFlops(
        sum(layer.flops for layer in generator)
        + sum(layer.flops * _passes(layer, loss) for layer in discriminator),
        sum(layer.flops * (2 if layer.first else 3) for layer in generator)
        + sum(layer.flops * 2 for layer in discriminator),
    )


def generation_flops(stage: Stage, config: NetworkConfig) -> int:
    """Counts the arithmetic of drawing one picture."""
    return sum(layer.flops for layer in generator_layers(stage, config))


def _passes(layer: Layer, loss: str) -> int:
    """Returns the discriminator's units in a D step."""
    reals_and_fakes = 4 if layer.first else 6
    if loss == "lsgan":
        return reals_and_fakes
    if loss == "non_saturating":
        return reals_and_fakes + 3
    statistics = (1 if layer.first else 2) if layer.below_statistics else 0
    return reals_and_fakes + 4 + statistics


def _levels(stage: Stage) -> list[int]:
    lowest, highest = int(math.log2(LOWEST_RESOLUTION)), int(math.log2(stage.resolution))
    return [2**level for level in range(lowest + 1, highest + 1)]


def _rgb_levels(stage: Stage) -> list[int]:
    return [stage.resolution // 2] * stage.fades_in + [stage.resolution]
