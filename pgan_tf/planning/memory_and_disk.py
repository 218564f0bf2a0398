"""How much memory and disk a run takes, by arithmetic. Pure Python."""

from __future__ import annotations

import dataclasses

from pgan_tf.config.schedule import Stage, make_stages, position_at
from pgan_tf.config.training import TrainingConfig
from pgan_tf.networks.cost import winograd_pays
from pgan_tf.networks.layer_shapes import LayerShape, discriminator_layers, generator_layers

_FLOAT = 4  # bytes
# These four are measured: tests/test_sizes.py. Tensors kept for each number that a layer
# computes, on the way through a network; copies of the weights in use within a step: scaled,
# spread, their gradients; and Winograd's: ways through the discriminator whose inputs are kept
# at its points at one time, and copies of the kernels at these points.
_KEPT_PER_OUTPUT = 1.5
_WEIGHT_COPIES = 3.0
_WINOGRAD_WAYS = 2.0
_WINOGRAD_KERNEL_COPIES = 2.0
# Of an array in a .npz file: its names and header, in bytes.
_ARRAY_HEADER = 330


@dataclasses.dataclass(frozen=True)
class Disk:
    """What a run leaves on disk, in bytes.

    Attributes:
        checkpoints: those that are kept to the end, and one being written.
        samples: at most, the sheets of `samples/`, and once more for TensorBoard.
    """

    checkpoints: int
    samples: int


def parameters(stage: Stage, config: TrainingConfig) -> tuple[int, int]:
    """Returns how many numbers train in the generator and in the discriminator."""
    return (
        sum(layer.parameters for layer in generator_layers(stage, config.network)),
        sum(layer.parameters for layer in discriminator_layers(stage, config.network)),
    )


def memory_bytes(
    stage: Stage, config: TrainingConfig, num_replicas: int, winograd: bool = False
) -> int:
    """Estimates the memory that a stage's tensors take on each device.

    Networks, average and Adam's moments; and of the larger of the two steps what is kept
    from the way through the networks for the way back: the D step goes through the
    discriminator with reals, fakes, what is between them, and back, of which all is kept for
    the second derivative. What TensorFlow itself takes, and workspaces of cuDNN, come to it.
    """
    generator = generator_layers(stage, config.network)
    discriminator = discriminator_layers(stage, config.network)
    batch_size = int(config.schedule.batch_size.at(stage.resolution)) // num_replicas
    weights = _values(generator) * 4 + _values(discriminator) * 3
    weights += _WEIGHT_COPIES * (_values(generator) + _values(discriminator))
    ways = 2 if config.loss.name == "lsgan" else 4
    for_discriminator = ways * _outputs(discriminator) + _outputs(generator) / _KEPT_PER_OUTPUT
    for_generator = _outputs(discriminator) + 2 * _outputs(generator)  # with pixel norms
    kept = _KEPT_PER_OUTPUT * max(for_discriminator, for_generator)
    size = _FLOAT if config.precision == "float32" else 2
    total = _FLOAT * weights + size * batch_size * kept
    if winograd:  # in float32 always
        of_kernels, of_inputs = _at_points(discriminator, "conv1", config)
        of_kernels += _at_points(generator, "conv0", config)[0]
        total += _FLOAT * _WINOGRAD_KERNEL_COPIES * of_kernels
        total += _FLOAT * _WINOGRAD_WAYS * batch_size * of_inputs
    return round(total)


def checkpoint_bytes(stage: Stage, config: TrainingConfig) -> int:
    """Returns the size of a checkpoint of a stage."""
    total = arrays = 0
    for layers, copies in (
        (generator_layers(stage, config.network), 2),
        (discriminator_layers(stage, config.network), 1),
    ):
        total += copies * _values(layers) + 2 * sum(layer.parameters for layer in layers)
        arrays += (copies + 2) * sum(len(layer.variables) for layer in layers)
    return _FLOAT * total + _ARRAY_HEADER * arrays


def disk_bytes(config: TrainingConfig, keep_checkpoints: int, sheet_pixels: int) -> Disk:
    """Estimates what a run leaves on disk.

    Args:
        config: the run.
        keep_checkpoints: the newest checkpoints that stay, besides one of each stage.
        sheet_pixels: of a sheet of samples.
    """
    total_images = round(config.schedule.total_kimg * 1000)
    stages = [stage for stage in make_stages(config.schedule) if stage.first_image < total_images]
    newest, sheets = [], 1
    for stage in stages:
        position = position_at(config.schedule, (stage,), stage.first_image)
        call = config.minibatch_repeats * config.discriminator_repeats * position.batch_size
        images = min(stage.last_image + 1, total_images) - stage.first_image
        ticks = max(1, round(images / max(position.tick_images, call)))
        sheets += ticks
        # The last one of a stage stays in any case.
        newest += [checkpoint_bytes(stage, config)] * (ticks - 1)
    sizes = [checkpoint_bytes(stage, config) for stage in stages]
    beside = newest[len(newest) - min(len(newest), keep_checkpoints - 1) :]
    return Disk(
        checkpoints=sum(sizes) + sum(beside) + max(sizes),
        samples=2 * sheets * sheet_pixels * config.network.num_channels,
    )


def _values(layers: list[LayerShape]) -> int:
    return sum(layer.values for layer in layers)


def _outputs(layers: list[LayerShape]) -> int:
    return sum(layer.outputs for layer in layers)


def _at_points(
    layers: list[LayerShape], resampling: str, config: TrainingConfig
) -> tuple[float, float]:
    """Numbers that kernels, and the inputs of one picture, have at Winograd's points.

    F(m, 3) takes (m + 2)² points for 9 taps, and for each m² pixels; m is 2 at 4x4 pixels, else 4.
    """
    of_kernels = of_inputs = 0.0
    for layer in layers:
        name, kernel = layer.variables[0]
        if name != "kernel":  # the scores' noise, layer normalization
            continue
        side = int(layer.name.split("x")[0])
        if winograd_pays(
            kernel,
            side,
            resamples=config.network.fused_scale and layer.name.endswith(resampling),
            bfloat16=config.precision == "mixed_bfloat16",
        ):
            tile = 2 if side == 4 else 4
            of_kernels += (tile + 2) ** 2 * kernel[2] * kernel[3]
            of_inputs += (tile + 2) ** 2 / tile**2 * side**2 * kernel[2]
    return of_kernels, of_inputs
