"""Trains a few steps on fixed reals: weights before and after, and metrics."""

import dataclasses
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from pgan_tf.config.augmentation import needs_held_out
from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
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
        everything = state.weights() | state.loss_scales() | state.augmentation()
    for name, value in dict(initial).items():
        everything[name].assign(value)
    batch, replica, factor = spoilt
    reals = REALS.copy()
    reals[batch, replica::2] *= factor
    batches = batches_of(strategy, config.network.label_size, reals)
    held_out = []  # the reals of other batches
    if needs_held_out(config.augmentation.augment, config.loss.name):
        held_out = [batches_of(strategy, 0, REALS[::-1])]
    history, metrics = [{name: one.numpy() for name, one in everything.items()}], []
    tf.config.run_functions_eagerly(not compiled)
    step = make_train_step(state, config, strategy, BATCH)
    for call in range(calls):
        scalars = (tf.constant(one * decay**call, tf.float32) for one in rates)
        rows = step(batches, tf.constant(images_shown, tf.int64), *scalars, *held_out).numpy()
        metrics.append(dict(zip(METRICS, rows.mean(axis=0).tolist(), strict=True)))
        history.append({name: one.numpy() for name, one in everything.items()})
        images_shown += BATCH * config.minibatch_repeats * config.discriminator_repeats
    if compiled:  # once, also for other rates
        assert step.experimental_get_tracing_count() == 1
    return Trained(history, metrics, state, strategy)


def replicas_agree(trained):
    variables = [one.value for one in trained.state.weights().values()]
    variables += (trained.state.loss_scales() | trained.state.augmentation()).values()
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
