"""Estimates how long training takes, from the layer table. No TensorFlow.

The time of an iteration is the sum of four terms: the convolutions' least arithmetic, at about the
speed of a matrix product; work on each output of a layer, limited by memory bandwidth; work on each
parameter (kernel transforms, Adam); and the overhead of starting operations, for each layer. The
factors are fitted, by least squares of relative errors, to the measurements in docs/performance.md
and the whole runs in docs/quality.md. None of these is off by more than 15%.
"""

import dataclasses
import math

from pgan_tf.config.networks import discriminator_layers, generator_layers
from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import TrainingConfig
from pgan_tf.planning.flops import step_flops
from pgan_tf.planning.limits import images_in, reached_stages

# The machines on which the factors were measured.
REFERENCE_GFLOPS = 490.0  # of a matrix product on the CPU
REFERENCE_GPU = "an NVIDIA H200"

# On the CPU, in seconds: per second of a matrix product, per 10^9 outputs, per 10^9 parameters and
# per layer; and for building a stage, per factor of 2 in its resolution.
_PRODUCT, _OUTPUTS, _PARAMETERS, _LAYER, _BUILD = 0.648, 0.848, 2.29, 0.00268, 1.2
# On the GPU only these terms matter. Building takes longer with XLA.
_GPU_OUTPUTS, _GPU_LAYER, _GPU_BUILD, _GPU_BUILD_XLA = 0.017, 0.00141, 2.5, 6.5
_GPU_FASTER = {(False, False): 1.0, (True, False): 0.88, (False, True): 0.66, (True, True): 0.43}


@dataclasses.dataclass(frozen=True)
class Device:
    """The device that trains."""

    product_gflops: float = REFERENCE_GFLOPS  # speed of a matrix product; CPU only
    is_gpu: bool = False


def stage_seconds(config: TrainingConfig, device: Device, num_replicas: int) -> dict[Stage, float]:
    """Estimates the time of each stage that a run reaches, including building it."""
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
    """Estimates the time of an iteration with `batch_size` real images per device."""
    generator = generator_layers(stage, config.network)
    discriminator = discriminator_layers(stage, config.network)
    repeats, layers = config.discriminator_repeats, [*generator, *discriminator]
    d_flops, g_flops = step_flops(stage, config.network, config.loss)
    flops = batch_size * (d_flops * repeats + g_flops)
    # `flops` explains how often each layer runs in the D step and in the G step.
    g_outputs, d_outputs = (sum(one.outputs for one in its) for its in (generator, discriminator))
    outputs = batch_size * (repeats * (g_outputs + 12 * d_outputs) + 3 * g_outputs + 2 * d_outputs)
    parts = batch_size / (config.schedule.micro_batch.at(stage.resolution) or batch_size)
    if device.is_gpu:
        faster = _GPU_FASTER[config.precision != "float32", config.jit_compile]
        return faster * (_GPU_OUTPUTS * outputs / 1e9 + _GPU_LAYER * len(layers) * parts)
    others = _OUTPUTS * outputs / 1e9 + _LAYER * len(layers) * parts
    others += _PARAMETERS * sum(layer.parameters for layer in layers) * parts / 1e9
    slowness = REFERENCE_GFLOPS / device.product_gflops
    return slowness * (_PRODUCT * flops / (REFERENCE_GFLOPS * 1e9) + others)


def build_seconds(stage: Stage, config: TrainingConfig, device: Device) -> float:
    """Estimates the time from the last iteration before a stage to the end of its first one."""
    doublings = math.log2(stage.resolution)
    if device.is_gpu:
        return doublings * (_GPU_BUILD_XLA if config.jit_compile else _GPU_BUILD)
    return doublings * _BUILD * REFERENCE_GFLOPS / device.product_gflops
