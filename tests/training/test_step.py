"""The training step: order of its parts, randomness, faults, and one device against two.

Most steps here are not compiled: that takes longer than the few that a test needs.
"""

import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config.training import LossConfig
from tests.helpers.trained_step import (
    BATCH,
    CLASSES,
    CONFIG,
    KERNELS,
    NETWORK,
    assert_close,
    changed,
    make_config,
    replicas_agree,
    train,
)

NOISE = dataclasses.replace(CLASSES, discriminator_noise=0.2)
LSGAN = make_config(network=NOISE, loss=LossConfig(name="lsgan"))
FLOAT16 = make_config(precision="mixed_float16")


@pytest.fixture(autouse=True)
def compiled_elsewhere():
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def shared():
    """Trains as `train` does, each configuration once."""
    return functools.cache(train)


TWICE = make_config(network=CLASSES, minibatch_repeats=2)
XLA = dataclasses.replace(TWICE, jit_compile=True)


@pytest.mark.parametrize(
    ("config", "devices"),
    [*((TWICE, 1), (TWICE, 2), (XLA, 1)), pytest.param(XLA, 2, marks=pytest.mark.slow)],
)
def test_devices_compiling_and_xla_change_nothing(shared, config, devices):
    options = {"calls": 2, "decay": 0.9}
    plain, other = shared(TWICE, **options), train(config, devices, compiled=True, **options)
    for ours, theirs in zip(other.metrics, plain.metrics, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-5)
    assert_close(other.history[-1], plain.history[-1])
    assert replicas_agree(other)
    assert changed(plain.history[0], plain.history[-1]) == plain.history[0].keys()


def test_same_seed_and_position_give_the_same_step_and_others_another(shared):
    one = shared().history[-1]
    assert_close(train().history[-1], one)
    for other in (train(make_config(seed=1)), train(images_shown=1 + BATCH)):
        assert not np.allclose(one[KERNELS[0]], other.history[-1][KERNELS[0]])


def test_the_average_is_a_running_average_and_moves_before_the_generator_does():
    start, one, two = train(make_config(average_decay=0.75), calls=2).history
    assert not [name for name in changed(start, one) if name.startswith("average_generator/")]
    name = "8x8_conv1/kernel"
    expected = 0.75 * start[f"average_generator/{name}"] + 0.25 * one[f"generator/{name}"]
    np.testing.assert_allclose(two[f"average_generator/{name}"], expected, rtol=1e-5, atol=1e-6)


def test_discriminator_repeats_train_the_discriminator_more_often():
    """As iterations in which the generator learns nothing; metrics are means over them."""
    options = {"adam": True, "rates": (0.0, 0.0, 0.01)}
    repeated = train(make_config(discriminator_repeats=3), **options)
    alone = train(calls=3, **options)
    assert repeated.history[-1]["discriminator_optimizer/iterations"] == 3
    assert repeated.history[-1]["generator_optimizer/iterations"] == 1
    for name in ("discriminator_loss", "real_score", "fake_score", "gradient_norm"):
        mean = np.mean([one[name] for one in alone.metrics])
        assert repeated.metrics[0][name] == pytest.approx(mean, rel=1e-4, abs=1e-5), name


def test_a_learning_rate_of_0_changes_nothing_and_alpha_reaches_all_networks():
    still = train(make_config(minibatch_repeats=2), rates=(0.3, 0.0, 0.0))
    assert not changed(*still.history)
    for model in (still.state.generator, still.state.discriminator, still.state.average_generator):
        assert model.get_layer("fade").alpha.numpy() == pytest.approx(0.3)


def test_without_drift_and_penalty_the_critics_loss_is_the_difference_of_its_scores():
    loss = LossConfig(gradient_penalty_weight=0.0, drift_weight=0.0)
    (found,) = train(make_config(loss=loss)).metrics
    expected = found["fake_score"] - found["real_score"]
    assert found["discriminator_loss"] == pytest.approx(expected, abs=1e-5)


def test_simultaneous_updates_train_the_generator_against_the_discriminator_from_before(shared):
    """Which is what it does, too, while the discriminator's learning rate is 0."""
    after, still = shared().history[-1], train(rates=(0.5, 0.01, 0.0)).history[-1]
    at_once = train(make_config(simultaneous_updates=True)).history[-1]
    expected = {name: (after if "discriminator/" in name else still)[name] for name in at_once}
    assert_close(at_once, expected)
    assert not np.allclose(at_once[KERNELS[0]], after[KERNELS[0]], rtol=1e-5, atol=1e-6)


def test_statistics_of_batch_normalization_reach_the_average():
    network = dataclasses.replace(NETWORK, generator_batch_norm=True)
    start, after = train(make_config(network=network, average_decay=0.5)).history
    moving = {name for name in start if name.startswith("average") and "moving_mean" in name}
    assert moving and moving <= changed(start, after)


@pytest.mark.parametrize("loss", ["wgan_gp", "lsgan", "non_saturating"])
def test_each_loss_trains_with_classes_and_in_half_precision(shared, loss):
    network = NOISE if loss == "lsgan" else CLASSES
    config = make_config(loss=LossConfig(name=loss), network=network)
    full = shared(config, calls=2, adam=True)
    start, end = full.history[0], full.history[-1]
    weights = {name for name in start if "optimizer" not in name and "noise" not in name}
    assert weights <= changed(start, end)
    # AC-GAN: what asks for a class in G, and what tells it in D, has trained too.
    assert (start["generator/4x4_dense/kernel"] != end["generator/4x4_dense/kernel"])[8:].any()
    name = "discriminator/4x4_dense1/kernel"
    assert (start[name] != end[name])[:, 1:].any()
    halves = {"mixed_float16": 0.02} | ({"mixed_bfloat16": 0.1} if loss == "wgan_gp" else {})
    for precision, tolerance in halves.items():
        half = train(dataclasses.replace(config, precision=precision), calls=2, adam=True)
        expected = pytest.approx(full.metrics[-1], rel=tolerance, abs=tolerance)
        assert half.metrics[-1] == expected
        assert {*KERNELS} <= changed(half.history[0], half.history[-1])


def test_the_noise_follows_the_fakes_scores_and_is_the_same_on_two_devices(shared):
    average = "discriminator/score_noise/score_average"
    quiet, options = shared(LSGAN), {"initial": {average: 1.5}}
    one, two = (train(LSGAN, devices, **options) for devices in (1, 2))
    assert quiet.history[-1][average] == pytest.approx(0.1 * quiet.metrics[0]["fake_score"])
    assert_close(two.history[-1], one.history[-1])
    ours, others = (found.history[-1][KERNELS[1]] for found in (one, quiet))
    assert not np.allclose(ours, others, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("config", "devices", "replica"), [(LSGAN, 1, 0), (CONFIG, 2, 0), (CONFIG, 2, 1)]
)
def test_nan_on_one_replica_changes_nothing_on_any(config, devices, replica):
    """After a good iteration, so that the average is not the generator, nor the moments 0."""
    found = train(config, devices, calls=2, adam=True, spoilt=(1, replica, np.nan))
    assert len(changed(*found.history[:2])) > 10
    assert not changed(*found.history[1:])
    assert replicas_agree(found)
    assert np.isnan([*found.metrics[-1].values()]).any()


SCALES = {f"loss_scale/{name}/scale": 2.0**10 for name in ("generator", "discriminator")}


def scales_of(variables):
    """Scale and good steps in a row, of the generator and the discriminator."""
    names = [f"loss_scale/{network}" for network in ("generator", "discriminator")]
    return [(variables[f"{name}/scale"], variables[f"{name}/good_steps"]) for name in names]


@pytest.mark.parametrize(("devices", "replica"), [(1, 0), (2, 1)])
def test_an_overflow_on_one_replica_skips_on_all_and_halves_the_scale(devices, replica):
    """Reals of a thousand on one replica: float16 holds them, but not their gradients."""
    spoilt = (0, replica, 1000.0)
    found = train(FLOAT16, devices, 2, adam=True, initial=SCALES, spoilt=spoilt)
    start, skipped, good = found.history
    assert {name.split("/")[0] for name in changed(start, skipped)} == {"loss_scale"}
    assert scales_of(skipped) == [(2.0**10, 1), (2.0**9, 0)]  # G's own gradients were good
    first, second = ([*one.values()] for one in found.metrics)
    assert np.isinf(first).any() and not np.isnan(first).any()
    # The scale was too high for those reals only: with usual ones the same step trains.
    assert KERNELS[1] in changed(skipped, good)
    assert scales_of(good)[1] == (2.0**9, 1)
    assert np.isfinite(second).all()
    assert replicas_agree(found)


def test_an_overflow_of_the_generators_gradients_alone_skips_its_step_alone():
    found = train(FLOAT16, adam=True, initial=SCALES | {"loss_scale/generator/scale": 2.0**24})
    metrics = [*found.metrics[-1].values()]
    assert np.isinf(metrics).any() and not np.isnan(metrics).any()
    names = changed(*found.history)
    assert KERNELS[1] in names
    assert not [name for name in names if name.startswith(("generator/", "generator_optimizer/"))]
    assert scales_of(found.history[-1]) == [(2.0**23, 0), (2.0**10, 1)]


def test_at_the_lowest_scale_an_iteration_is_bad():
    lowest = dict.fromkeys(SCALES, 1.0)
    found = train(FLOAT16, adam=True, initial=lowest, spoilt=(0, 0, np.nan))
    assert np.isnan([*found.metrics[-1].values()]).any()
    assert scales_of(found.history[-1])[1] == (1.0, 0)
