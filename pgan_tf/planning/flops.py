"""The least arithmetic of a training step, counted from the layer table. No TensorFlow.

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

from pgan_tf.config.networks import (
    Layer,
    discriminator_layers,
    generator_layers,
    multiplications,
)
from pgan_tf.config.schedule import Stage, make_stages
from pgan_tf.config.training import NetworkConfig, TrainingConfig

# Of one picture's way through both networks, forwards and backwards in all steps: the D step
# runs D three times and differentiates it, once twice; the G step both once.
_PASSES_PER_ITERATION = 8
_CPU_MULTIPLICATIONS_PER_SECOND = 1e11

_FIRST = ("4x4_dense", "from_rgb")
_AFTER_STATISTICS = ("4x4_conv", "4x4_dense0", "4x4_dense1")


@dataclasses.dataclass(frozen=True)
class StepFlops:
    """The least operations for one real image.

    Attributes:
        discriminator_step: with the fakes drawn for it.
        generator_step: with the discriminator that judges.
    """

    discriminator_step: int
    generator_step: int


def step_flops(stage: Stage, config: NetworkConfig, loss: str = "wgan_gp") -> StepFlops:
    """Counts the least arithmetic of a D step and a G step, for one real image.

    Args:
        stage: gives the resolution and whether it fades in.
        config: the networks.
        loss: see `config.training.LOSSES`.
    """
    generator = generator_layers(stage, config)
    discriminator = discriminator_layers(stage, config)
    return StepFlops(
        sum(flops(layer) for layer in generator)
        + sum(flops(layer) * _passes(layer, config, loss) for layer in discriminator),
        sum(flops(layer) * (2 if is_first(layer) else 3) for layer in generator)
        + sum(flops(layer) * 2 for layer in discriminator),
    )


def generation_flops(stage: Stage, config: NetworkConfig) -> int:
    """Counts the arithmetic of drawing one picture."""
    return sum(flops(layer) for layer in generator_layers(stage, config))


def flops(layer: Layer) -> int:
    """Returns the operations of a layer for one picture, forwards: two for each product."""
    return 2 * layer.least_multiplications


def is_first(layer: Layer) -> bool:
    """Returns whether a layer's inputs are the network's."""
    return layer.name.endswith(_FIRST)


def cpu_days(config: TrainingConfig) -> float:
    """Returns about how many days a whole run takes on a good desktop processor."""
    total_images = round(config.schedule.total_kimg * 1000)
    in_all = _PASSES_PER_ITERATION * sum(
        max(0, min(stage.last_image, total_images) - stage.first_image)
        * multiplications(stage, config.network)
        for stage in make_stages(config.schedule)
    )
    return in_all / _CPU_MULTIPLICATIONS_PER_SECOND / (24 * 3600)


def _passes(layer: Layer, config: NetworkConfig, loss: str) -> int:
    """Returns the discriminator's units in a D step."""
    reals_and_fakes = 4 if is_first(layer) else 6
    if loss == "lsgan":
        return reals_and_fakes
    if loss == "non_saturating":
        return reals_and_fakes + 3
    penalty = 4
    if _is_below_statistics(layer, config):
        penalty += 1 if is_first(layer) else 2
    return reals_and_fakes + penalty


def _is_below_statistics(layer: Layer, config: NetworkConfig) -> bool:
    """Returns whether a layer with a second derivative comes after it."""
    if config.discriminator_layer_norm:  # that has one, too, nearly everywhere
        return True
    statistics = config.mbstd_group_size or config.minibatch_discrimination
    after = (*_AFTER_STATISTICS, "4x4_minibatch_discrimination")
    return bool(statistics) and layer.name not in after
