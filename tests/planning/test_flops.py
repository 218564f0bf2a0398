"""The count of arithmetic, against counts by hand and TensorFlow's own of its graph."""

import dataclasses

import pytest
import tensorflow as tf

from pgan_tf.config.networks import discriminator_layers, generator_layers, multiplications
from pgan_tf.config.schedule import Stage, make_stages, stage_at
from pgan_tf.config.training import LossConfig, NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.networks.discriminator import build_discriminator
from pgan_tf.networks.generator import build_generator
from pgan_tf.planning.flops import cpu_days, flops, generation_flops, is_first, step_flops
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
    steps = step_flops(FOUR, TINY)
    # RGB: 2 + 2 for reals and fakes, 4 for the penalty, 1 back from the statistic by weights.
    assert steps[0] == 1536 + 9 * 192 + 10 * (1728 + 128 + 4)
    assert steps[1] == 2 * 192 + 3 * (1152 + 192) + 2 * (192 + 1728 + 128 + 4)
    assert generation_flops(FOUR, TINY) == 1536


def test_a_fade_by_hand():
    """At 8 px: 4x4 taps meet the 16 lower pixels: 2*16*16*4 = 2048; 3x3 at 64: 2*64*9*4 = 4608."""
    generator = {layer.name: flops(layer) for layer in generator_layers(FADING, TINY)}
    assert generator == {
        "4x4_dense": 192,
        "4x4_conv": 1152,
        "8x8_conv0": 2048,
        "8x8_conv1": 4608,
        "4x4_to_rgb": 192,
        "8x8_to_rgb": 768,
    }
    discriminator = {layer.name: flops(layer) for layer in discriminator_layers(FADING, TINY)}
    assert discriminator["8x8_conv0"] == 4608
    assert discriminator["8x8_conv1"] == 2048
    assert discriminator["4x4_from_rgb"] == 192
    firsts = [layer.name for layer in discriminator_layers(FADING, TINY) if is_first(layer)]
    assert firsts == ["4x4_from_rgb", "8x8_from_rgb"]


def test_losses_differ_by_their_penalties():
    layers = {layer.name: flops(layer) for layer in discriminator_layers(FADING, TINY)}
    first = layers["4x4_from_rgb"] + layers["8x8_from_rgb"]
    below = layers["8x8_conv0"] + layers["8x8_conv1"]
    last = layers["4x4_conv"] + layers["4x4_dense0"] + layers["4x4_dense1"]
    without, r1, wgan_gp = (
        step_flops(FADING, TINY, loss)[0] for loss in ("lsgan", "non_saturating", "wgan_gp")
    )
    assert r1 - without == 3 * (first + below + last)
    assert wgan_gp - without == 5 * first + 6 * below + 4 * last


@pytest.mark.parametrize(
    ("stage", "changes"),
    [
        *((FOUR, {}), (Stage(2, 16, "stabilize", 0, 99), {}), (FADING, {"mbstd_group_size": 0})),
        *((FADING, {"label_size": 4}), (FADING, {"minibatch_discrimination": True})),
    ],
    ids=str,
)
def test_the_networks_have_these_layers_with_these_weights(stage, changes):
    """A plain convolution's operations are 2 x weights x pixels: of every layer that is there."""
    config = dataclasses.replace(TINY, resolution=16, fmap_base=64, fmap_max=6, **changes)
    for build, layers in (
        (build_generator, generator_layers(stage, config)),
        (build_discriminator, discriminator_layers(stage, config)),
    ):
        model = build(stage, config)
        with_kernels = {layer.name: layer for layer in model.layers if hasattr(layer, "kernel")}
        assert with_kernels.keys() == {layer.name for layer in layers}
        for layer in layers:
            built = with_kernels[layer.name]
            weights, resample = tf.size(built.kernel).numpy(), getattr(built, "resample", None)
            side = 1 if "filters" not in built.get_config() else int(layer.name.split("x")[0])
            if resample:  # 16 taps for 9, at the lower resolution
                weights, side = weights // 9 * 16, side // 2
            assert flops(layer) == 2 * weights * side**2, layer.name


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


@pytest.mark.parametrize(("stage", "loss"), [(FOUR, "lsgan"), (FADING, "wgan_gp")], ids=str)
def test_the_step_does_that_and_no_more(stage, loss):
    """But for the last layer: what a linear loss and the penalty do not ask of it is not done."""
    batch, network = 4, dataclasses.replace(TINY, fmap_base=64, fmap_max=12, mbstd_group_size=2)
    config = TrainingConfig(
        network=network, schedule=ScheduleConfig(resolution=8), loss=LossConfig(name=loss)
    )
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


def test_a_run_costs_the_arithmetic_of_every_image_at_its_stage():
    """The same multiple, several passes, whatever the schedule: it is good for comparing runs."""
    multiples = []
    options = ({}, {"total_kimg": 2.5}, {"initial_resolution": 16}, {"fade_in_kimg": 3.0})
    network = NetworkConfig(resolution=16, latent_size=6, fmap_base=64, fmap_max=12)
    for changes in options:
        lengths = {"stabilize_kimg": 1, "fade_in_kimg": 1, "total_kimg": 10, **changes}
        schedule = ScheduleConfig(resolution=16, **lengths)
        stages = make_stages(schedule)
        cost = {stage: multiplications(stage, network) for stage in stages}
        images = range(round(schedule.total_kimg * 1000))
        seconds = 86400 * cpu_days(TrainingConfig(network=network, schedule=schedule))
        multiples.append(1e11 * seconds / sum(cost[stage_at(stages, one)] for one in images))
    assert 2 < multiples[0] < 20
    assert multiples == pytest.approx([multiples[0]] * 4, rel=3e-3)
