"""How long training takes, by arithmetic from the layer table. No TensorFlow.

An iteration's time is a sum: the least arithmetic of its convolutions, at about the speed of a
matrix product; what is done to each number that a layer computes, which memory bounds; what is
done to each parameter (kernels transformed, Adam); and starting operations, for each layer. The
factors are fitted, by least squares of relative errors, to what docs/performance.md measured, and
to the whole runs of docs/quality.md: none of these is off by more than 15%.
"""

import dataclasses
import math

from pgan_tf.config.networks import discriminator_layers, generator_layers
from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import TrainingConfig
from pgan_tf.planning.flops import step_flops
from pgan_tf.planning.limits import images_in, reached_stages

# Of the machines that were measured.
REFERENCE_GFLOPS = 490.0  # of a matrix product on the CPU
REFERENCE_GPU = "an NVIDIA H200"

# On the CPU: seconds per second of a matrix product, per 10^9 numbers, per 10^9 parameters, per
# layer, and for building a stage, per doubling of 1 px.
_PRODUCT, _OUTPUTS, _PARAMETERS, _LAYER, _BUILD = 0.648, 0.848, 2.29, 0.00268, 1.2
# On the GPU, where nothing else counts; XLA builds more slowly.
_GPU_OUTPUTS, _GPU_LAYER, _GPU_BUILD, _GPU_BUILD_XLA = 0.017, 0.00141, 2.5, 6.5
_GPU_FASTER = {(False, False): 1.0, (True, False): 0.88, (False, True): 0.66, (True, True): 0.43}


@dataclasses.dataclass(frozen=True)
class Device:
    """What trains."""

    product_gflops: float = REFERENCE_GFLOPS  # speed of a matrix product, if it is a CPU
    is_gpu: bool = False


def stage_seconds(config: TrainingConfig, device: Device, num_replicas: int) -> dict[Stage, float]:
    """Estimates how long each stage that a run reaches takes, building it included."""
    times = {}
    for stage in reached_stages(config):
        batch_size = int(config.schedule.batch_size.at(stage.resolution))
        iterations = images_in(stage, config) / (batch_size * config.discriminator_repeats)
        each = iteration_seconds(stage, config, device, batch_size // num_replicas)
        times[stage] = iterations * each + build_seconds(stage, config, device)
    return times


def iteration_seconds(
    stage: Stage, config: TrainingConfig, device: Device, batch_size: int
) -> float:
    """Estimates an iteration's time with so many real images on each device."""
    generator = generator_layers(stage, config.network)
    discriminator = discriminator_layers(stage, config.network)
    repeats, layers = config.discriminator_repeats, [*generator, *discriminator]
    d_flops, g_flops = step_flops(stage, config.network, config.loss.name)
    flops = batch_size * (d_flops * repeats + g_flops)
    # How often each layer computes is in `flops`: in the D step, and in the G step.
    g_outputs, d_outputs = (sum(one.outputs for one in its) for its in (generator, discriminator))
    outputs = batch_size * (repeats * (g_outputs + 12 * d_outputs) + 3 * g_outputs + 2 * d_outputs)
    if device.is_gpu:
        faster = _GPU_FASTER[config.precision != "float32", config.jit_compile]
        return faster * (_GPU_OUTPUTS * outputs / 1e9 + _GPU_LAYER * len(layers))
    others = _OUTPUTS * outputs / 1e9 + _LAYER * len(layers)
    others += _PARAMETERS * sum(layer.parameters for layer in layers) / 1e9
    slowness = REFERENCE_GFLOPS / device.product_gflops
    return slowness * (_PRODUCT * flops / (REFERENCE_GFLOPS * 1e9) + others)


def build_seconds(stage: Stage, config: TrainingConfig, device: Device) -> float:
    """Estimates the time from one stage's last iteration to the end of the next one's first."""
    doublings = math.log2(stage.resolution)
    if device.is_gpu:
        return doublings * (_GPU_BUILD_XLA if config.jit_compile else _GPU_BUILD)
    return doublings * _BUILD * REFERENCE_GFLOPS / device.product_gflops
