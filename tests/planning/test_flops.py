"""The count of arithmetic, against counts by hand and TensorFlow's own of its graph."""

import dataclasses

import pytest
import tensorflow as tf

from pgan_tf.config.networks import discriminator_layers, generator_layers, multiplications
from pgan_tf.config.schedule import Stage, make_stages, stage_at
from pgan_tf.config.training import LossConfig, NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.planning.flops import cpu_days, flops, generation_flops, step_flops
from pgan_tf.training.gradients import discriminator_gradients, generator_gradients
from pgan_tf.training.state import build_state

FOUR, FADING = Stage(0, 4, "stabilize", 0, 99), Stage(1, 8, "fade_in", 1, 99)
# 3 latents, 2 feature maps everywhere.
TINY = NetworkConfig(resolution=8, fmap_base=16, fmap_max=2, latent_size=3)


def test_four_pixels_by_hand():
    """Two operations a weight and pixel.

    Generator: dense 3 to 32: 192. 3x3 convolution of 2 maps at 16 pixels: 2*16*9*4 = 1152. RGB:
    2*16*2*3 = 192. Discriminator: RGB 192. Convolution of 2 maps and a statistic: 2*16*9*3*2 =
    1728. Dense 32 to 2: 128. Dense 2 to 1: 4.
    """
    assert [flops(layer) for layer in generator_layers(FOUR, TINY)] == [192, 1152, 192]
    assert [flops(layer) for layer in discriminator_layers(FOUR, TINY)] == [192, 1728, 128, 4]
    steps = step_flops(FOUR, TINY, LossConfig())
    # RGB: 2 + 2 for reals and fakes, 4 for the penalty, 1 back from the statistic by weights.
    assert steps[0] == 1536 + 9 * 192 + 10 * (1728 + 128 + 4)
    assert steps[1] == 2 * 192 + 3 * (1152 + 192) + 2 * (192 + 1728 + 128 + 4)
    # R1 is taken at the reals, whose passes are there already: 3 more of each layer.
    r1 = step_flops(FOUR, TINY, LossConfig("non_saturating"))[0]
    assert r1 == 1536 + 7 * 192 + 9 * (1728 + 128 + 4)
    assert generation_flops(FOUR, TINY) == 1536


def operations_of(graph):
    """Two for each product in the convolutions and matrix products that outputs depend on."""
    waiting, used = [tensor.op for tensor in graph.outputs], {}
    while waiting:
        node = waiting.pop()
        if node.name not in used:
            used[node.name] = node
            waiting += [tensor.op for tensor in node.inputs]
    total = 0
    for node in used.values():
        if node.type == "MatMul":
            a, product = node.inputs[0].shape, node.outputs[0].shape
            if {9, 16} <= {*a, *node.inputs[1].shape}:
                continue  # a kernel is spread: once, not for each picture
            inner = a[0] if node.get_attr("transpose_a") else a[1]
            total += 2 * product.num_elements() * inner
        elif node.type.startswith("Conv2D"):
            by_inputs, by_weights = "BackpropInput" in node.type, "BackpropFilter" in node.type
            small = node.inputs[2] if by_inputs or by_weights else node.outputs[0]
            kernel = node.outputs[0] if by_weights else node.inputs[1]
            height, width, inputs, _ = kernel.shape
            total += 2 * small.shape.num_elements() * height * width * inputs
    return total


@pytest.mark.parametrize(
    ("stage", "loss"),
    [
        (FOUR, LossConfig(name="lsgan")),
        (FADING, LossConfig()),
        (FOUR, LossConfig(penalty_batch_divisor=2)),
    ],
    ids=str,
)
def test_the_step_does_that_and_no_more(stage, loss):
    """But for the last layer: what a linear loss and the penalty do not ask of it is not done."""
    batch, network = 4, dataclasses.replace(TINY, fmap_base=64, fmap_max=12, mbstd_group_size=2)
    config = TrainingConfig(network=network, schedule=ScheduleConfig(resolution=8), loss=loss)
    state = build_state(stage, config, tf.distribute.get_strategy())
    options = {"config": config, "global_batch_size": batch}
    side = stage.resolution

    def discriminator_step():
        pictures, latents = tf.ones((batch, side, side, 3)), tf.ones((batch, 3))
        labels, mixing = tf.ones((batch, 0)), tf.ones((batch,))
        return discriminator_gradients(state, pictures, labels, latents, mixing, **options)[1]

    def generator_step():
        labels, latents = tf.ones((batch, 0)), tf.ones((batch, 3))
        return generator_gradients(state, labels, latents, **options)[1]

    least = step_flops(stage, network, loss)
    for step, count in ((discriminator_step, least[0]), (generator_step, least[1])):
        done = operations_of(tf.function(step).get_concrete_function().graph) / batch
        assert done / count == pytest.approx(1, abs=2e-4), step.__name__


@pytest.mark.parametrize(
    "changes", [{}, {"total_kimg": 2.5}, {"initial_resolution": 16}, {"fade_in_kimg": 3.0}], ids=str
)
def test_a_run_costs_eight_passes_of_every_image_at_its_stage(changes):
    network = NetworkConfig(resolution=16, latent_size=6, fmap_base=64, fmap_max=12)
    lengths = {"stabilize_kimg": 1, "fade_in_kimg": 1, "total_kimg": 10, **changes}
    schedule = ScheduleConfig(resolution=16, **lengths)
    stages = make_stages(schedule)
    cost = {stage: multiplications(stage, network) for stage in stages}
    images = range(round(schedule.total_kimg * 1000))
    seconds = 8 * sum(cost[stage_at(stages, one)] for one in images) / 1e11
    days = cpu_days(TrainingConfig(network=network, schedule=schedule))
    assert days == pytest.approx(seconds / 86400, rel=3e-3)
