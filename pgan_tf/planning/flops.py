"""The least arithmetic of a training step, counted from the layer table. No TensorFlow.

One picture's way through a layer takes two operations (a multiplication, an addition) for each
of its weights at each pixel. The unit here is that way once, forward. Differentiating by inputs
takes one more, and by weights another. In an iteration:

- The generator's layers take 1 unit in the D step and 3 in the G step: forward, by inputs, by
  weights. (Its first layer 2: nothing needs gradients by latents.)
- The discriminator's take 3 in the D step for the reals and 3 for the fakes (its first layer 2:
  nor by pictures), and 2 in the G step: forward, and by inputs.
- The gradient penalty takes 4 more: forward; by inputs, which is the gradient whose norm it
  takes; and the derivatives of that, one pass forward again and one by weights. Leaky ReLUs have
  no second derivative. The minibatch standard deviation has one, from which an ordinary backward
  pass starts, by inputs and by weights: 2 more for the layers below it.

That is 4 for the generator and 14 for the discriminator. R1 is taken at the reals, whose passes
are there already: 3 in place of 6 (`losses` computes two of them again). LSGAN has no penalty.

Convolutions count as written, with resampling in one kernel of 4x4 taps and stride 2; Winograd's
algorithm does less. Activations, norms, Adam and operations on kernels do not count.
"""

from pgan_tf.config.networks import Layer, discriminator_layers, generator_layers, multiplications
from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig, TrainingConfig
from pgan_tf.planning.limits import images_in, reached_stages

# Of one picture's way through both networks, forward and backward in all steps: the D step
# runs D three times and differentiates it, once twice; the G step both once.
_PASSES_PER_ITERATION = 8
_CPU_MULTIPLICATIONS_PER_SECOND = 1e11

_FIRST = ("4x4_dense", "from_rgb")
_ABOVE_STATISTICS = ("4x4_conv", "4x4_dense0", "4x4_dense1", "4x4_minibatch_discrimination")


def step_flops(stage: Stage, config: NetworkConfig, loss: str = "wgan_gp") -> tuple[int, int]:
    """Counts one real image's least operations in a D step, fakes included, and in a G step."""
    d_step, g_step = generation_flops(stage, config), 0
    for layer in discriminator_layers(stage, config):
        d_step += flops(layer) * _discriminator_passes(layer, config, loss)
        g_step += flops(layer) * 2
    for layer in generator_layers(stage, config):
        g_step += flops(layer) * (2 if is_first(layer) else 3)
    return d_step, g_step


def generation_flops(stage: Stage, config: NetworkConfig) -> int:
    """Counts the operations of drawing one picture."""
    return sum(flops(layer) for layer in generator_layers(stage, config))


def flops(layer: Layer) -> int:
    """Returns a layer's operations for one picture, forward: two for each product."""
    return 2 * layer.least_multiplications


def is_first(layer: Layer) -> bool:
    """True if a layer's inputs are the network's."""
    return layer.name.endswith(_FIRST)


def cpu_days(config: TrainingConfig) -> float:
    """Returns about how many days a whole run takes on a good desktop processor."""
    one_way = sum(
        images_in(stage, config) * multiplications(stage, config.network)
        for stage in reached_stages(config)
    )
    return _PASSES_PER_ITERATION * one_way / _CPU_MULTIPLICATIONS_PER_SECOND / (24 * 3600)


def _discriminator_passes(layer: Layer, config: NetworkConfig, loss: str) -> int:
    """Returns a discriminator layer's units in a D step."""
    reals_and_fakes = 4 if is_first(layer) else 6
    if loss == "lsgan":
        return reals_and_fakes
    if loss == "non_saturating":
        return reals_and_fakes + 3
    # Layer norms have a second derivative too, nearly everywhere.
    statistics = config.mbstd_group_size or config.minibatch_discrimination
    below_statistics = statistics and layer.name not in _ABOVE_STATISTICS
    if not config.discriminator_layer_norm and not below_statistics:
        return reals_and_fakes + 4
    return reals_and_fakes + (5 if is_first(layer) else 6)
