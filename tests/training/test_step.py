"""The training step: order of its parts, randomness, faults, and one device against two.

Most steps here are not compiled: that takes longer than the few that a test needs.
"""

import dataclasses
import functools
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import LossConfig, NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.devices.strategy import make_strategy
from pgan_tf.runs.log import METRICS
from pgan_tf.training.state import TrainingState, build_state
from pgan_tf.training.step import make_train_step
from tests.conftest import mirrored

STAGE = Stage(1, 8, "fade_in", 1, 1000)
NETWORK = NetworkConfig(resolution=8, fmap_base=32, fmap_max=8, latent_size=8, mbstd_group_size=0)
CLASSES = dataclasses.replace(NETWORK, label_size=3)
BATCH = 8
KERNELS = ("generator/8x8_conv0/kernel", "discriminator/8x8_conv0/kernel")
REALS = np.random.default_rng(0).uniform(-1, 1, (8, BATCH, 8, 8, 3)).astype(np.float32)


class Trained(NamedTuple):
    """All variables before the first call and after each, and the metrics of each call."""

    history: list[dict[str, np.ndarray]]
    metrics: list[dict[str, float]]  # means over the call's iterations
    state: TrainingState
    strategy: tf.distribute.Strategy


def make_config(**changes):
    options = {"network": NETWORK, "minibatch_repeats": 1, **changes}
    return TrainingConfig(schedule=ScheduleConfig(resolution=8), **options)


CONFIG = make_config()
NOISE = dataclasses.replace(CLASSES, discriminator_noise=0.2)
LSGAN = make_config(network=NOISE, loss=LossConfig(name="lsgan"))
FLOAT16 = make_config(precision="mixed_float16")


def batches_of(strategy, label_size, reals):
    """Endless batches; each replica takes every other picture, as `dataset.distribute` has it."""
    labels = np.eye(max(1, label_size), dtype=np.float32)[:, :label_size]
    labels = np.resize(labels, (*reals.shape[:2], label_size))
    order = np.arange(BATCH).reshape(-1, strategy.num_replicas_in_sync).T.ravel()
    dataset = tf.data.Dataset.from_tensor_slices((reals[:, order], labels[:, order])).repeat()
    return iter(strategy.experimental_distribute_dataset(dataset))


def with_sgd(state, strategy):
    # Adam's steps hardly depend on the gradients' scale: it would hide a sum for a mean.
    models = {name: getattr(state, name) for name in ("generator", "discriminator")}
    with strategy.scope():
        optimizers = {f"{name}_optimizer": keras.optimizers.SGD(0.0) for name in models}
        for one, model in zip(optimizers.values(), models.values(), strict=True):
            one.build(model.trainable_variables)
    return dataclasses.replace(state, **optimizers)


def train(
    config=CONFIG,
    devices=1,
    calls=1,
    *,
    rates=(0.5, 0.01, 0.01),  # alpha and the learning rates of the generator and the discriminator
    decay=1.0,  # of these from call to call
    images_shown=1,
    spoilt=(0, 0, 1.0),  # a batch, and a replica whose reals in it are multiplied by a factor
    adam=False,
    compiled=False,
    initial=(),  # variables' values by name
):
    """Trains on fixed reals."""
    strategy = mirrored() if devices == 2 else make_strategy("one_device")
    state = build_state(STAGE, config, strategy)
    everything = state.variables()
    if not adam:
        state = with_sgd(state, strategy)
        everything = state.weights() | state.loss_scales()
    for name, value in dict(initial).items():
        everything[name].assign(value)
    batch, replica, factor = spoilt
    reals = REALS.copy()
    reals[batch, replica::2] *= factor
    batches = batches_of(strategy, config.network.label_size, reals)
    history, metrics = [{name: one.numpy() for name, one in everything.items()}], []
    tf.config.run_functions_eagerly(not compiled)
    step = make_train_step(state, config, strategy, BATCH)
    for call in range(calls):
        scalars = (tf.constant(one * decay**call, tf.float32) for one in rates)
        rows = step(batches, tf.constant(images_shown, tf.int64), *scalars).numpy()
        metrics.append(dict(zip(METRICS, rows.mean(axis=0).tolist(), strict=True)))
        history.append({name: one.numpy() for name, one in everything.items()})
        images_shown += BATCH * config.minibatch_repeats * config.discriminator_repeats
    if compiled:  # once, also for other rates
        assert step.experimental_get_tracing_count() == 1
    return Trained(history, metrics, state, strategy)


@pytest.fixture(autouse=True)
def compiled_elsewhere():
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def shared():
    """Trains as `train` does, each configuration once."""
    return functools.cache(train)


def replicas_agree(trained):
    variables = [one.value for one in trained.state.weights().values()]
    variables += trained.state.loss_scales().values()
    replicas = map(trained.strategy.experimental_local_results, variables)
    return all(np.array_equal(values[0], one) for values in replicas for one in values)


def assert_close(ours, theirs):
    for name, value in theirs.items():
        np.testing.assert_allclose(ours[name], value, rtol=1e-5, atol=1e-6, err_msg=name)


def changed(before, after):
    return {
        name
        for name, value in before.items()
        # The noise's seed is a function of the position.
        if not name.endswith("/noise_seed") and not np.array_equal(value, after[name])
    }


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
