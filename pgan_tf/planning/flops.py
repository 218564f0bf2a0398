"""Counts the least arithmetic of a training step from the layer table. No TensorFlow.

A forward pass takes two operations (a multiplication and an addition) for each weight at each
pixel. This is the unit here: a layer's forward pass for one picture. The gradient with respect to
inputs takes another unit, and the gradient with respect to weights one more. In an iteration:

- Generator layers take 1 unit in the D step and 3 in the G step: forward, input gradients and
  weight gradients. (The first layer takes 2, since latents need no gradient.)
- Discriminator layers take 3 in the D step for reals and 3 for fakes (the first layer takes 2,
  since pictures need no gradient), and 2 in the G step: forward and input gradients.
- The gradient penalty takes 4 more: forward; input gradients, whose norm is penalized; and the
  derivatives of those, another forward pass and one for weights. Leaky ReLUs have no second
  derivative. Minibatch standard deviation has one, which starts an ordinary backward pass with
  input and weight gradients: 2 more for the layers below it.

The sums are 4 for the generator and 14 for the discriminator. R1 is taken at the reals, whose
passes are counted already: 3 instead of 6 (`losses` repeats two of them). LSGAN has no penalty.

Convolutions count as written, with resampling fused into one 4x4 kernel of stride 2. Winograd's
algorithm needs less. Activations, norms, Adam and operations on kernels do not count.
"""

from pgan_tf.config.networks import Layer, discriminator_layers, generator_layers, multiplications
from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import LossConfig, NetworkConfig, TrainingConfig
from pgan_tf.planning.limits import images_in, reached_stages

# Passes of one picture through both networks, forward and backward, in all steps: the D step runs
# and differentiates D three times, once twice; the G step both networks once.
_PASSES_PER_ITERATION = 8
_CPU_MULTIPLICATIONS_PER_SECOND = 1e11

_FIRST = ("4x4_dense", "from_rgb")
_ABOVE_STATISTICS = ("4x4_conv", "4x4_dense0", "4x4_dense1", "4x4_minibatch_discrimination")


def step_flops(stage: Stage, config: NetworkConfig, loss: LossConfig) -> tuple[int, int]:
    """Counts the least operations per real image in a D step, fakes included, and in a G step."""
    d_step, g_step = generation_flops(stage, config), 0
    for layer in discriminator_layers(stage, config):
        reals_and_fakes = 4 if is_first(layer) else 6
        penalty = flops(layer) * _penalty_passes(layer, config, loss.name)
        d_step += flops(layer) * reals_and_fakes + penalty // loss.penalty_batch_divisor
        g_step += flops(layer) * 2
    for layer in generator_layers(stage, config):
        g_step += flops(layer) * (2 if is_first(layer) else 3)
    return d_step, g_step


def generation_flops(stage: Stage, config: NetworkConfig) -> int:
    """Counts the operations of drawing one picture."""
    return sum(flops(layer) for layer in generator_layers(stage, config))


def flops(layer: Layer) -> int:
    """Returns the operations of a layer's forward pass for one picture, two for each product."""
    return 2 * layer.least_multiplications


def is_first(layer: Layer) -> bool:
    """Returns whether a layer takes the network's inputs."""
    return layer.name.endswith(_FIRST)


def cpu_days(config: TrainingConfig) -> float:
    """Estimates how many days a whole run takes on a good desktop processor."""
    one_way = sum(
        images_in(stage, config) * multiplications(stage, config.network)
        for stage in reached_stages(config)
    )
    return _PASSES_PER_ITERATION * one_way / _CPU_MULTIPLICATIONS_PER_SECOND / (24 * 3600)


def _penalty_passes(layer: Layer, config: NetworkConfig, loss: str) -> int:
    """Returns how many units the gradient penalty takes of a discriminator layer."""
    if loss != "wgan_gp":
        return 3 if loss == "non_saturating" else 0
    # Nearly all layers lie below layer norms, which have a second derivative, too.
    statistics = config.mbstd_group_size or config.minibatch_discrimination
    below_statistics = statistics and layer.name not in _ABOVE_STATISTICS
    if not config.discriminator_layer_norm and not below_statistics:
        return 4
    return 5 if is_first(layer) else 6
