"""The compiled step: order of its parts, randomness, and one device against two."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import (
    LOSSES,
    LossConfig,
    NetworkConfig,
    ScheduleConfig,
    TrainingConfig,
)
from pgan_tf.runs.log import METRICS
from pgan_tf.training import state
from pgan_tf.training.step import make_train_step

STAGE = Stage(1, 8, "fade_in", 1, 1000)
NETWORK = NetworkConfig(resolution=8, fmap_base=32, fmap_max=8, latent_size=8, mbstd_group_size=0)
BATCH = 8
LSGAN = {
    "network": dataclasses.replace(NETWORK, discriminator_noise=0.2),
    "loss": LossConfig(name="lsgan"),
}


def make_config(**changes):
    return TrainingConfig(
        network=changes.pop("network", NETWORK),
        schedule=ScheduleConfig(resolution=8),
        minibatch_repeats=changes.pop("minibatch_repeats", 2),
        **changes,
    )


def run_steps(
    strategy,
    config,
    optimizer=None,
    calls=1,
    prepare=None,
    alpha=0.5,
    learning_rate=0.01,
    d_rate=None,
    images_shown=1,
):
    """Trains on fixed reals and returns the state and the last metrics."""
    trained = state.build_state(STAGE, config, strategy)
    if optimizer is not None:
        with strategy.scope():
            optimizers = [optimizer(), optimizer()]
            optimizers[0].build(trained.generator.trainable_variables)
            optimizers[1].build(trained.discriminator.trainable_variables)
        trained = dataclasses.replace(
            trained, generator_optimizer=optimizers[0], discriminator_optimizer=optimizers[1]
        )
    if prepare is not None:
        prepare(trained)
    reals = np.random.default_rng(0).uniform(-1, 1, (64, 8, 8, 3)).astype(np.float32)
    labels = np.eye(max(1, config.network.label_size), dtype=np.float32)
    labels = labels[np.arange(64) % len(labels)][:, : config.network.label_size]
    num_replicas = strategy.num_replicas_in_sync
    # Each replica takes every num_replicas-th picture, as `dataset.distribute` has it.
    places = np.arange(64).reshape(-1, BATCH // num_replicas, num_replicas).swapaxes(1, 2).ravel()
    dataset = tf.data.Dataset.from_tensor_slices((reals[places], labels[places])).repeat()
    dataset = dataset.batch(BATCH, drop_remainder=True)
    batches = iter(strategy.experimental_distribute_dataset(dataset))
    step = make_train_step(trained, config, strategy, BATCH)
    for _ in range(calls):
        metrics = step(
            batches,
            tf.constant(images_shown, tf.int64),
            tf.constant(alpha),
            tf.constant(learning_rate),
            tf.constant(learning_rate if d_rate is None else d_rate),
        )
        metrics = metrics.numpy().mean(axis=0)
        images_shown += BATCH * config.minibatch_repeats * config.discriminator_repeats
    return trained, metrics


def weights(trained):
    return {name: variable.numpy() for name, variable in trained.weights().items()}


def sgd():
    # Adam's steps hardly depend on the gradients' scale: it would hide a sum for a mean.
    return keras.optimizers.SGD(learning_rate=0.0)


@pytest.mark.parametrize("label_size", [0, 3])
def test_two_devices_train_like_one(one_device, two_devices, label_size):
    network = dataclasses.replace(NETWORK, label_size=label_size)
    config = make_config(network=network)
    one, one_metrics = run_steps(one_device, config, sgd, calls=3)
    two, two_metrics = run_steps(two_devices, config, sgd, calls=3)
    np.testing.assert_allclose(two_metrics, one_metrics, rtol=1e-4, atol=1e-5)
    start = weights(state.build_state(STAGE, config, one_device))
    for name, value in weights(one).items():
        np.testing.assert_allclose(weights(two)[name], value, rtol=1e-5, atol=1e-6, err_msg=name)
        assert not np.array_equal(value, start[name]), f"{name} did not train"


@pytest.mark.parametrize(
    "devices", ["one_device", pytest.param("two_devices", marks=pytest.mark.slow)]
)
def test_xla_trains_like_tensorflow(request, devices):
    strategy = request.getfixturevalue(devices)
    network = dataclasses.replace(NETWORK, label_size=3)
    plain, plain_metrics = run_steps(strategy, make_config(network=network), sgd, calls=2)
    config = make_config(network=network, jit_compile=True)
    compiled, compiled_metrics = run_steps(strategy, config, sgd, calls=2)
    np.testing.assert_allclose(compiled_metrics, plain_metrics, rtol=1e-4, atol=1e-5)
    for name, value in weights(plain).items():
        np.testing.assert_allclose(
            weights(compiled)[name], value, rtol=1e-5, atol=1e-6, err_msg=name
        )


def test_devices_stay_in_step(two_devices):
    trained, _ = run_steps(two_devices, make_config(), calls=2)
    for name, variable in trained.weights().items():
        first, second = variable.value.values
        np.testing.assert_array_equal(first, second, err_msg=name)


def test_same_seed_and_position_give_the_same_step_and_others_another(one_device):
    one, _ = run_steps(one_device, make_config(), sgd)
    again, _ = run_steps(one_device, make_config(), sgd)
    other, _ = run_steps(one_device, make_config(seed=1), sgd)
    later, _ = run_steps(one_device, make_config(), sgd, images_shown=1 + 2 * BATCH)
    name = "generator/8x8_conv0/kernel"
    np.testing.assert_allclose(weights(one)[name], weights(again)[name], atol=1e-6)
    for different in (other, later):
        assert not np.allclose(weights(one)[name], weights(different)[name])


def test_average_moves_before_the_generator_does(one_device):
    """After one iteration the average has only seen the generator's initial weights."""
    config = make_config(minibatch_repeats=1, average_decay=0.5)
    trained, _ = run_steps(one_device, config)
    start = weights(state.build_state(STAGE, config, one_device))
    for name, value in weights(trained).items():
        if name.startswith("average_generator/"):
            np.testing.assert_array_equal(value, start[name])


def test_average_is_a_running_average_of_the_generator(one_device):
    config = make_config(minibatch_repeats=1, average_decay=0.75)
    start = weights(state.build_state(STAGE, config, one_device))
    after_one, _ = run_steps(one_device, config)
    after_two, _ = run_steps(one_device, config, calls=2)
    name = "8x8_conv1/kernel"
    expected = 0.75 * start["average_generator/" + name]
    expected += 0.25 * weights(after_one)["generator/" + name]
    np.testing.assert_allclose(
        weights(after_two)["average_generator/" + name], expected, rtol=1e-5, atol=1e-6
    )


def test_discriminator_repeats_train_the_discriminator_more_often(one_device):
    config = make_config(minibatch_repeats=1, discriminator_repeats=3)
    trained, _ = run_steps(one_device, config)
    assert trained.discriminator_optimizer.iterations.numpy() == 3
    assert trained.generator_optimizer.iterations.numpy() == 1


def test_learning_rate_zero_changes_nothing(one_device):
    config = make_config()
    trained, _ = run_steps(one_device, config, learning_rate=0.0)
    start = weights(state.build_state(STAGE, config, one_device))
    for name, value in weights(trained).items():
        np.testing.assert_array_equal(value, start[name])


def test_alpha_reaches_all_three_networks(one_device):
    trained, _ = run_steps(one_device, make_config(), alpha=0.3)
    for model in (trained.generator, trained.discriminator, trained.average_generator):
        assert model.get_layer("fade").alpha.numpy() == pytest.approx(0.3)


def test_new_layers_get_no_gradient_at_alpha_0_and_old_ones_none_at_alpha_1(one_device):
    config = make_config()
    start = weights(state.build_state(STAGE, config, one_device))
    at_0 = weights(run_steps(one_device, config, sgd, alpha=0.0)[0])
    at_1 = weights(run_steps(one_device, config, sgd, alpha=1.0)[0])
    for new in ("generator/8x8_conv0", "generator/8x8_to_rgb", "discriminator/8x8_conv1"):
        np.testing.assert_array_equal(at_0[f"{new}/kernel"], start[f"{new}/kernel"])
        assert not np.array_equal(at_1[f"{new}/kernel"], start[f"{new}/kernel"])
    for old in ("generator/4x4_to_rgb", "discriminator/4x4_from_rgb"):
        np.testing.assert_array_equal(at_1[f"{old}/kernel"], start[f"{old}/kernel"])
        assert not np.array_equal(at_0[f"{old}/kernel"], start[f"{old}/kernel"])


def test_metrics_are_means_over_the_global_batch(one_device, two_devices):
    """The critic's loss is made of the other metrics; drift and penalty taken away, it is one."""
    config = make_config(loss=LossConfig(gradient_penalty_weight=0.0, drift_weight=0.0))
    for strategy in (one_device, two_devices):
        _, metrics = run_steps(strategy, config)
        named = dict(zip(METRICS, metrics, strict=True))
        assert named["discriminator_loss"] == pytest.approx(
            named["fake_score"] - named["real_score"], abs=1e-5
        )
        assert np.isfinite(metrics).all()


@pytest.mark.parametrize(
    "precision, tolerance, loss",
    [("mixed_bfloat16", 0.1, "wgan_gp"), *(("mixed_float16", 0.02, name) for name in LOSSES)],
)
def test_half_precision_trains_to_similar_losses(one_device, precision, tolerance, loss):
    network = dataclasses.replace(NETWORK, discriminator_noise=0.2 if loss == "lsgan" else 0.0)
    options = {"network": network, "loss": LossConfig(name=loss)}
    _, full = run_steps(one_device, make_config(**options), calls=2)
    trained, half = run_steps(one_device, make_config(precision=precision, **options), calls=2)
    start = weights(state.build_state(STAGE, make_config(**options), one_device))
    for name in ("generator/8x8_conv0/kernel", "discriminator/8x8_conv0/kernel"):
        assert not np.array_equal(weights(trained)[name], start[name]), f"{name} did not train"
    np.testing.assert_allclose(half, full, rtol=tolerance, atol=tolerance)


def test_a_changed_alpha_recompiles_nothing(one_device):
    config = make_config()
    strategy = one_device
    trained = state.build_state(STAGE, config, strategy)
    step = make_train_step(trained, config, strategy, BATCH)
    dataset = tf.data.Dataset.from_tensors((tf.zeros((BATCH, 8, 8, 3)), tf.zeros((BATCH, 0))))
    batches = iter(strategy.experimental_distribute_dataset(dataset.repeat()))
    for alpha in (0.1, 0.2, 0.3):
        step(
            batches,
            tf.constant(100, tf.int64),
            tf.constant(alpha),
            tf.constant(alpha / 100),
            tf.constant(0.001),
        )
    assert step.experimental_get_tracing_count() == 1


@pytest.mark.parametrize(
    ("devices", "spoilt", "noisy"),
    [("one_device", 0, True), ("two_devices", 0, False), ("two_devices", BATCH - 1, False)],
)
def test_nan_on_one_replica_changes_nothing_on_any(devices, spoilt, noisy, request):
    """One example is NaN: the other one of two devices, whichever it is, has good gradients.

    After a good iteration, so that the average is not the generator, nor the moments 0.
    """
    strategy = request.getfixturevalue(devices)
    config = make_config(minibatch_repeats=1, **(LSGAN if noisy else {}))
    trained = state.build_state(STAGE, config, strategy)
    step = make_train_step(trained, config, strategy, BATCH)
    reals = np.random.default_rng(0).uniform(-1, 1, (2, BATCH, 8, 8, 3)).astype(np.float32)
    reals[1, spoilt, 0, 0, 0] = np.nan
    dataset = tf.data.Dataset.from_tensor_slices((reals, np.zeros((2, BATCH, 0), np.float32)))
    batches = iter(strategy.experimental_distribute_dataset(dataset))
    others = (tf.constant(0.5), tf.constant(0.01), tf.constant(0.01))
    assert np.isfinite(step(batches, tf.constant(1, tf.int64), *others)).all()
    before = {name: variable.numpy() for name, variable in everything(trained).items()}
    assert np.isnan(step(batches, tf.constant(1 + BATCH, tf.int64), *others)).any()
    for name, variable in everything(trained).items():
        if name.endswith("/noise_seed"):  # a function of the position
            continue
        for value in strategy.experimental_local_results(variable.value):
            np.testing.assert_array_equal(value.numpy(), before[name], err_msg=name)


def everything(trained):
    return trained.weights() | trained.optimizer_state()


def test_simultaneous_updates_train_the_generator_against_the_discriminator_from_before(one_device):
    """Which is what it does, too, while the discriminator's learning rate is 0."""
    after, _ = run_steps(one_device, make_config(minibatch_repeats=1), sgd)
    still, _ = run_steps(one_device, make_config(minibatch_repeats=1), sgd, d_rate=0.0)
    config = make_config(minibatch_repeats=1, simultaneous_updates=True)
    at_once, _ = run_steps(one_device, config, sgd)
    for name, value in weights(at_once).items():
        like = after if name.startswith("discriminator/") else still
        np.testing.assert_allclose(value, weights(like)[name], rtol=1e-5, atol=1e-6, err_msg=name)
    name = "generator/8x8_conv0/kernel"
    assert not np.allclose(weights(at_once)[name], weights(after)[name], rtol=1e-5, atol=1e-6)


def noise_of(trained):
    return trained.discriminator.get_layer("score_noise")


def test_the_noise_follows_the_fakes_scores(one_device):
    trained, metrics = run_steps(one_device, make_config(minibatch_repeats=1, **LSGAN))
    fake_score = metrics[METRICS.index("fake_score")]
    assert float(noise_of(trained).score_average.numpy()) == pytest.approx(0.1 * fake_score)


def test_two_devices_draw_the_same_noise_as_one(one_device, two_devices):
    def make_noisy(trained):
        noise_of(trained).score_average.assign(1.5)

    config = make_config(minibatch_repeats=1, **LSGAN)
    one, _ = run_steps(one_device, config, sgd, prepare=make_noisy)
    two, _ = run_steps(two_devices, config, sgd, prepare=make_noisy)
    quiet, _ = run_steps(one_device, config, sgd)
    name = "discriminator/8x8_conv0/kernel"
    assert not np.allclose(weights(one)[name], weights(quiet)[name], rtol=1e-5, atol=1e-6)
    for name, value in weights(one).items():
        np.testing.assert_allclose(weights(two)[name], value, rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("loss", ["lsgan", "non_saturating"])
def test_other_losses_train_both_networks_with_classes(one_device, loss):
    config = make_config(
        loss=LossConfig(name=loss), network=dataclasses.replace(NETWORK, label_size=3)
    )
    trained, metrics = run_steps(one_device, config)
    assert np.isfinite(metrics).all()
    start = weights(state.build_state(STAGE, config, one_device))
    for name, value in weights(trained).items():
        assert not np.array_equal(value, start[name]), f"{name} did not train"
    # AC-GAN: what asks for a class in G, and what tells it in D, has trained too.
    for name, part in (
        ("generator/4x4_dense", np.s_[8:]),
        ("discriminator/4x4_dense1", np.s_[:, 1:]),
    ):
        moved = weights(trained)[f"{name}/kernel"] != start[f"{name}/kernel"]
        assert moved[part].any(), name


def test_statistics_of_batch_normalization_reach_the_average(one_device):
    network = dataclasses.replace(NETWORK, generator_batch_norm=True)
    config = make_config(network=network, average_decay=0.5)
    trained, _ = run_steps(one_device, config)
    for name, value in weights(trained).items():
        if name.startswith("average_generator/") and name.endswith("moving_mean"):
            assert np.abs(value).max() > 0, name


def local_values(strategy, variable):
    return [float(value) for value in strategy.experimental_local_results(variable)]


def run_in_float16(strategy, half_of_reals_times, scale, first=True):
    """One iteration in float16; returns the state, its variables before, and the metrics.

    The scale is both networks', or each one's by its name.
    """
    config = make_config(minibatch_repeats=1, precision="mixed_float16")
    trained = state.build_state(STAGE, config, strategy)
    scales = (
        scale if isinstance(scale, dict) else dict.fromkeys(("generator", "discriminator"), scale)
    )
    for name, value in scales.items():
        trained.loss_scales()[f"loss_scale/{name}/scale"].assign(value)
    before = {name: variable.numpy() for name, variable in everything(trained).items()}
    reals = np.random.default_rng(0).uniform(-1, 1, (BATCH, 8, 8, 3)).astype(np.float32)
    reals[: BATCH // 2] *= half_of_reals_times if first else 1.0
    reals[BATCH // 2 :] *= 1.0 if first else half_of_reals_times
    dataset = tf.data.Dataset.from_tensors((reals, np.zeros((BATCH, 0), np.float32))).repeat()
    metrics = make_train_step(trained, config, strategy, BATCH)(
        iter(strategy.experimental_distribute_dataset(dataset)),
        tf.constant(1, tf.int64),
        tf.constant(0.5),
        tf.constant(0.01),
        tf.constant(0.01),
    )
    return trained, before, metrics.numpy()


@pytest.mark.parametrize(
    ("devices", "first"), [("one_device", True), ("two_devices", True), ("two_devices", False)]
)
def test_an_overflow_on_one_replica_skips_on_all_and_halves_the_scale(devices, first, request):
    """Reals of a thousand on one replica: float16 holds them, but not their gradients."""
    strategy = request.getfixturevalue(devices)
    trained, before, metrics = run_in_float16(strategy, 1000.0, 2.0**10, first)
    for name, variable in everything(trained).items():
        for value in strategy.experimental_local_results(variable.value):
            np.testing.assert_array_equal(value.numpy(), before[name], err_msg=name)
    assert set(local_values(strategy, trained.discriminator_loss_scale.scale)) == {2.0**9}
    assert set(local_values(strategy, trained.discriminator_loss_scale.good_steps)) == {0}
    # The generator's own gradients were good: its scale stays.
    assert set(local_values(strategy, trained.generator_loss_scale.scale)) == {2.0**10}
    assert set(local_values(strategy, trained.generator_loss_scale.good_steps)) == {1}
    assert np.isinf(metrics).any() and not np.isnan(metrics).any()

    if not first:
        return
    # The scale was too high for those reals only: with usual ones the same step trains.
    trained, before, metrics = run_in_float16(strategy, 1.0, 2.0**10)
    assert np.isfinite(metrics).all()
    assert set(local_values(strategy, trained.discriminator_loss_scale.scale)) == {2.0**10}
    name = "discriminator/8x8_conv0/kernel"
    assert not np.array_equal(trained.weights()[name].numpy(), before[name])


def test_an_overflow_of_the_generators_gradients_alone_skips_its_step_alone(one_device):
    """The discriminator has made its own, which was good."""
    trained, before, metrics = run_in_float16(
        one_device, 1.0, {"generator": 2.0**24, "discriminator": 2.0**10}
    )
    assert np.isinf(metrics).any() and not np.isnan(metrics).any()
    for name, variable in everything(trained).items():
        if name.startswith(("generator/", "generator_optimizer/")):
            np.testing.assert_array_equal(variable.numpy(), before[name], err_msg=name)
    name = "discriminator/8x8_conv0/kernel"
    assert not np.array_equal(trained.weights()[name].numpy(), before[name])
    assert trained.generator_loss_scale.scale.numpy() == 2.0**23
    assert trained.discriminator_loss_scale.scale.numpy() == 2.0**10


def test_at_the_lowest_scale_an_iteration_is_bad(one_device):
    trained, _, metrics = run_in_float16(one_device, np.nan, 1.0)
    assert np.isnan(metrics).any()
    assert trained.discriminator_loss_scale.scale.numpy() == 1.0
