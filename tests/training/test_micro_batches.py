"""A batch in parts: the gradients, and the run, of the whole batch at once."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config.augmentation import AugmentConfig
from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.training import LossConfig
from pgan_tf.devices.strategy import make_strategy
from pgan_tf.training.augmentation import draw_transforms
from pgan_tf.training.gradients import discriminator_gradients, generator_gradients
from pgan_tf.training.state import build_state
from tests.helpers.trained_step import (
    BATCH,
    CLASSES,
    REALS,
    STAGE,
    assert_close,
    make_config,
    replicas_agree,
    train,
)

# Groups of 2 in a batch of 8: two of them in a part of 4, one where the penalty is on half of it.
GROUPS = dataclasses.replace(CLASSES, mbstd_group_size=2)
NOISE = dataclasses.replace(GROUPS, discriminator_noise=0.2)


@pytest.fixture(autouse=True)
def compiled_elsewhere():
    yield
    tf.config.run_functions_eagerly(False)


def in_parts_of(size, config):
    schedule = dataclasses.replace(config.schedule, micro_batch=PerResolution(((4, size),)))
    return dataclasses.replace(config, schedule=schedule)


def gradients(config, state, transforms=(None, None)):
    """Of both networks with weights that tell groups apart, and the losses of each example."""
    random = tf.random.Generator.from_seed(1)
    labels = tf.one_hot(tf.range(BATCH) % 3, 3)
    latents, mixing = random.normal((BATCH, 8)), random.uniform((BATCH,))
    options = {"config": config, "global_batch_size": BATCH}
    both = None if transforms[0] is None else transforms
    inputs = tf.constant(REALS[0]), labels, latents, mixing, both
    d_losses, of_d = discriminator_gradients(state, *inputs, **options)
    g_loss, of_g = generator_gradients(state, labels, latents, transforms[0], **options)
    return [one.numpy() for one in (*d_losses, g_loss)], [one.numpy() for one in (*of_d, *of_g)]


@pytest.mark.parametrize(
    ("changes", "tolerance"),
    [
        ({}, 1e-6),
        ({"loss": LossConfig("lsgan"), "network": NOISE}, 1e-6),
        ({"loss": LossConfig("non_saturating")}, 1e-6),
        ({"loss": LossConfig(penalty_batch_divisor=2)}, 1e-6),
        ({"augmentation": AugmentConfig("diffaug")}, 1e-6),
        ({"precision": "mixed_bfloat16"}, 0.02),  # a kernel's gradient has 8 bits in each part
        ({"precision": "mixed_float16"}, 5e-3),  # 11 bits
    ],
    ids=["wgan_gp", "lsgan", "non_saturating", "penalty", "augmented", "bfloat16", "float16"],
)
def test_parts_have_the_gradients_of_the_whole(changes, tolerance):
    config = make_config(**{"network": GROUPS} | changes)
    state = build_state(STAGE, config, make_strategy("one_device"))
    transforms = (None, None)
    if config.augmentation.augment != "none":
        transforms = [draw_transforms(BATCH, (seed, 0), 0.7) for seed in (1, 2)]
    for name, one in state.weights().items():
        if name.endswith("score_average"):
            one.assign(1.5)  # there is noise only where fakes score high
    losses, whole = gradients(config, state, transforms)
    for size in (BATCH // 2, BATCH // 4)[: 1 + (config.loss.penalty_batch_divisor == 1)]:
        ours, summed = gradients(in_parts_of(size, config), state, transforms)
        # Sums whose terms are as large as the largest one: a small one rounds no finer.
        for got, expected in zip([*ours, *summed], [*losses, *whole], strict=True):
            limit = tolerance * max(1e-6, np.abs(expected).max())
            np.testing.assert_allclose(got, expected, rtol=0, atol=limit)


TWICE = make_config(network=GROUPS, discriminator_repeats=2)
ADA = make_config(network=GROUPS, augmentation=AugmentConfig("ada", 0.1))


@pytest.mark.parametrize(
    ("config", "devices", "compiled"),
    [
        *((TWICE, 1, ""), (ADA, 1, ""), (TWICE, 2, "")),
        *(pytest.param(TWICE, *how, marks=pytest.mark.slow) for how in ((2, "yes"), (1, "by XLA"))),
    ],
    ids=["one device", "adaptive", "two devices", "compiled", "XLA"],
)
def test_a_step_in_parts_is_the_same_step(config, devices, compiled):
    whole = train(config)
    config = dataclasses.replace(in_parts_of(2, config), jit_compile=compiled == "by XLA")
    parts = train(config, devices, compiled=bool(compiled))
    assert_close(parts.history[-1], whole.history[-1])
    assert parts.metrics[0] == pytest.approx(whole.metrics[0], rel=1e-5, abs=1e-5)
    assert replicas_agree(parts)
