"""Estimates the memory that a stage needs. No TensorFlow."""

import math

from pgan_tf.config.networks import (
    Layer,
    discriminator_layers,
    generator_layers,
    winograd_pays,
    winograd_tile,
)
from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import TrainingConfig

FLOAT = 4  # bytes
# These five were measured; see tests/planning/test_limits.py.
_KEPT_PER_OUTPUT = 1.5  # numbers kept for each output of a layer
_WEIGHT_COPIES = 3.0  # extra copies of weights within a step: scaled, spread, gradients
_WINOGRAD_PASSES = 2.0  # passes through D whose transformed inputs are kept at the same time
_WINOGRAD_KERNEL_COPIES = 2.0  # copies of the transformed kernels
_OF_PARTS = (
    0.8  # what a picture takes in a part, which is a function of its own, of that in a whole
)


def memory_bytes(
    stage: Stage, config: TrainingConfig, num_replicas: int, winograd: bool = False
) -> int:
    """Estimates the memory that a stage's tensors need on each device, in bytes.

    They are the networks, the average, Adam's moments, and activations for the backward pass of the
    larger step. The D step keeps those of reals, fakes and the mixed pictures, whose gradient is
    differentiated again. Of a batch in parts, only one part's are there at a time. TensorFlow
    itself and cuDNN's workspaces come on top.
    """
    networks = [table(stage, config.network) for table in (generator_layers, discriminator_layers)]
    batch_size = float(config.schedule.images_at_once(stage.resolution, num_replicas))
    g_values, d_values = (sum(layer.values for layer in layers) for layers in networks)
    g_outputs, d_outputs = (sum(layer.outputs for layer in layers) for layers in networks)
    weights = (4 + _WEIGHT_COPIES) * g_values + (3 + _WEIGHT_COPIES) * d_values
    if config.schedule.micro_batch.at(stage.resolution):
        weights += max(g_values, d_values)  # sums of gradients
        batch_size *= _OF_PARTS
    passes = 2 if config.loss.name == "lsgan" else 4
    for_discriminator = passes * d_outputs + g_outputs / _KEPT_PER_OUTPUT
    for_generator = d_outputs + 2 * g_outputs  # twice, because of pixel norms
    kept = _KEPT_PER_OUTPUT * max(for_discriminator, for_generator)
    size = FLOAT if config.precision == "float32" else 2
    total = FLOAT * weights + size * batch_size * kept
    if winograd:  # always in float32
        of_kernels, of_inputs = _at_points(networks[1], config)
        of_kernels += _at_points(networks[0], config)[0]
        total += FLOAT * _WINOGRAD_KERNEL_COPIES * of_kernels
        total += FLOAT * _WINOGRAD_PASSES * batch_size * of_inputs
    return round(total)


def _at_points(layers: list[Layer], config: TrainingConfig) -> tuple[float, float]:
    """Counts transformed numbers of kernels and of one picture's inputs: (m + 2)² for m² pixels."""
    of_kernels = of_inputs = 0.0
    bfloat16 = config.precision == "mixed_bfloat16"
    for layer in layers:
        resamples = config.network.fused_scale and layer.resample is not None
        if len(layer.kernel) < 4:
            continue
        shape = layer.base.shape(layer.side)
        tile = winograd_tile(*shape)
        pays = winograd_pays(layer.kernel, max(shape), resamples=resamples, bfloat16=bfloat16)
        if tile and pays:
            of_kernels += (tile + 2) ** 2 * layer.kernel[2] * layer.kernel[3]
            of_inputs += (tile + 2) ** 2 / tile**2 * math.prod(shape) * layer.kernel[2]
    return of_kernels, of_inputs
