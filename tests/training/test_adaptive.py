"""Augmentation within the training step, and the strength that follows overfitting."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config.augmentation import AugmentConfig
from pgan_tf.config.training import LossConfig
from pgan_tf.data.reals import fade_reals
from pgan_tf.training.adaptive import adapt, build_adaptive_strength
from tests.helpers.trained_step import (
    BATCH,
    CLASSES,
    KERNELS,
    REALS,
    STAGE,
    assert_close,
    changed,
    make_config,
    replicas_agree,
    train,
)

DIFFAUG = AugmentConfig("diffaug")
ADA = AugmentConfig("ada", held_out=0.2, augment_target=0.0, augment_kimg=0.1)
STRENGTH, AVERAGES = "augmentation/strength", "augmentation/averages"
HALF = {STRENGTH: 0.5}
# The part of a running average that one call of so many images makes up.
NEARER = 1 - np.exp(-BATCH / 4000)


def config_of(loss="wgan_gp", augmentation=ADA, **changes):
    return make_config(loss=LossConfig(name=loss), augmentation=augmentation, **changes)


@pytest.fixture(autouse=True)
def compiled_elsewhere():
    yield
    tf.config.run_functions_eagerly(False)


@pytest.mark.parametrize(
    ("config", "initial"),
    [
        (config_of(augmentation=DIFFAUG, network=CLASSES), {}),
        (config_of(network=CLASSES, simultaneous_updates=True), HALF),
        (config_of("lsgan", network=CLASSES), HALF),
        (config_of("non_saturating", minibatch_repeats=2), HALF),
    ],
)
def test_the_augmented_step_is_the_same_on_two_devices_and_another_without(config, initial):
    one, two = (train(config, devices, 2, initial=initial) for devices in (1, 2))
    for ours, theirs in zip(two.metrics, one.metrics, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-5)
    assert_close(two.history[-1], one.history[-1])
    assert replicas_agree(two)
    without = train(dataclasses.replace(config, augmentation=AugmentConfig()), calls=2)
    assert {*KERNELS} <= changed(without.history[-1], one.history[-1])


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_the_compiled_step_augments_and_adapts_in_each_precision(precision):
    """With XLA, which must not draw other numbers."""
    config = config_of(network=CLASSES, precision=precision, minibatch_repeats=2)
    plain = train(config, calls=2, initial=HALF)
    assert plain.history[0].keys() >= {STRENGTH, AVERAGES}
    if precision == "float32":
        config = dataclasses.replace(config, jit_compile=True)
        other = train(config, calls=2, initial=HALF, compiled=True)
        assert_close(other.history[-1], plain.history[-1])
    else:
        other = train(dataclasses.replace(config, precision="float32"), calls=2, initial=HALF)
        assert plain.metrics[-1] == pytest.approx(other.metrics[-1], rel=0.1, abs=0.1)
    # Two calls of 16 images of 100: up or down each.
    steps = (plain.history[-1][STRENGTH] - 0.5) / 0.16
    assert min(abs(steps - whole) for whole in (-2, 0, 2)) < 1e-5


def test_r_v_compares_scores_of_the_same_critic_with_those_of_held_out_pictures():
    """At strength 0, with weights that do not move."""
    found = train(config_of(), rates=(0.5, 0.0, 0.0))
    (metrics,), average = found.metrics, found.history[-1][AVERAGES]
    scores, _ = found.state.discriminator(fade_reals(tf.constant(REALS[-1]), 0.5))
    real = metrics["real_score"]
    expected = [real - np.mean(scores), real - metrics["fake_score"]]
    np.testing.assert_allclose(average, NEARER * np.float32(expected), rtol=1e-3)
    overfitting = found.state.adaptive_strength.summary()["overfitting"]
    assert overfitting == pytest.approx(max(0, expected[0] / expected[1]), rel=1e-3)
    assert found.state.stage == STAGE


@pytest.mark.parametrize(("loss", "middle"), [("non_saturating", 0.0), ("lsgan", 0.5)])
def test_r_t_is_the_mean_sign_of_scores_of_reals_about_the_middle_of_the_targets(loss, middle):
    found = train(config_of(loss), rates=(0.5, 0.0, 0.0))
    scores, _ = found.state.discriminator(fade_reals(tf.constant(REALS[0]), 0.5))
    r_t = np.sign(scores - middle).mean()
    np.testing.assert_allclose(found.history[-1][AVERAGES], [NEARER * r_t, NEARER], rtol=1e-4)


def adapted(*measured, start=0.5, target=0.6, images=64):
    adaptive, seen = build_adaptive_strength(), []
    adaptive.strength.assign(start)
    config = AugmentConfig("ada", 0.1, target, augment_kimg=1.0)
    for one in measured:
        adapt(adaptive, tf.constant(one), images, config)
        seen.append(float(adaptive.strength.numpy()))
    return seen, adaptive


def test_the_strength_rises_above_the_target_and_falls_below_within_0_and_1():
    assert adapted((0.7, 1.0), (0.7, 1.0))[0] == pytest.approx([0.564, 0.628])
    assert adapted((0.5, 1.0), (0.5, 1.0))[0] == pytest.approx([0.436, 0.372])
    assert adapted((0.7, 1.0), start=0.99)[0] == [1.0]
    assert adapted((0.5, 1.0), start=0.01)[0] == [0.0]
    assert adapted((0.7, -1.0))[0] == pytest.approx([0.436])  # reals score below fakes
    assert adapted((0.7, 1.0), images=128)[0] == pytest.approx([0.628])


def test_overfitting_is_the_ratio_of_averages_and_what_is_not_finite_changes_nothing():
    measured = [(0.2, 1.0), (np.nan, 1.0), (0.4, 3.0), (0.1, np.inf)]
    seen, adaptive = adapted(*measured)
    assert seen[1] == seen[0] and seen[3] == seen[2]
    kept = np.exp(-64 / 4000)
    expected = (0.2 * kept + 0.4) / (1.0 * kept + 3.0)
    assert adaptive.summary() == pytest.approx(
        {"augment_strength": 0.5 - 0.128, "overfitting": expected}
    )
    assert build_adaptive_strength().summary() == {"augment_strength": 0, "overfitting": 0}
