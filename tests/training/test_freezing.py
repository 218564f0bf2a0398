"""Fine-tuning with frozen blocks of the discriminator (Mo et al., 2020)."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.schedule import ScheduleConfig, Stage, make_stages
from pgan_tf.config.training import NetworkConfig, TrainingConfig
from pgan_tf.devices.strategy import make_strategy
from pgan_tf.runs import checkpoint
from pgan_tf.runs.folder import open_run
from pgan_tf.training.gradients import discriminator_gradients
from pgan_tf.training.loop import train
from pgan_tf.training.pretrained import Weights
from pgan_tf.training.run import Run
from pgan_tf.training.state import build_state
from pgan_tf.training.transfer import check_weights, describe_transfer, transfer
from tests.helpers.random_arrays import assert_same_arrays
from tfrecords.common.errors import UserError

NETWORK = NetworkConfig(
    resolution=16, fmap_base=32, fmap_max=4, latent_size=4, discriminator_layer_norm=True
)
# From 8 px, one stage after 16 images each.
SCHEDULE = ScheduleConfig(*(16, 8, 0.016, 0.016, 0.048), batch_size=PerResolution(((4, 4),)))
CONFIG = TrainingConfig(
    network=NETWORK, schedule=SCHEDULE, freeze_discriminator=1, minibatch_repeats=1
)
FROZEN = {"8x8_from_rgb", "8x8_conv0", "8x8_conv1"}
FROZEN |= {"8x8_conv0_layer_norm", "8x8_conv1_layer_norm"}


@pytest.fixture(scope="module")
def weights():
    """Networks of 8 px with numbers of their own in every variable."""
    state = build_state(Stage(2, 8, "stabilize", 0, 9), CONFIG, tf.distribute.get_strategy())
    random = np.random.default_rng(1)
    arrays = {
        name: one.numpy() + random.uniform(0.1, 0.2, one.shape).astype(np.float32)
        for name, one in state.weights().items()
    }
    return Weights("runs/a", NETWORK, 8, arrays)


def run(folder, info, weights, config=CONFIG):
    open_run(str(folder), config, "")
    train(Run(config, info, str(folder), make_strategy("one_device")), weights)
    return [checkpoint.read(path) for path in checkpoint.last_of_stages(f"{folder}/checkpoints")]


@pytest.mark.usefixtures("eager")
def test_frozen_layers_keep_their_weights_through_growth_and_resuming(weights, shapes_at, tmp_path):
    info = shapes_at(16)
    stages = run(tmp_path / "whole", info, weights)
    assert [str(one.stage) for one in stages] == ["8 px", "8→16 px", "16 px"]
    initial = build_state(stages[-1].stage, CONFIG, tf.distribute.get_strategy()).weights()
    before = {name: one.numpy() for name, one in initial.items()} | weights.arrays
    for saved in stages:
        for name in filter(before.__contains__, saved.arrays):
            network, layer, _ = name.split("/")
            kept = np.array_equal(saved.arrays[name], before[name])
            assert kept == (network == "discriminator" and layer in FROZEN), name
        moments = {name.split("/")[1] for name in saved.arrays if "discriminator_opt" in name}
        assert {"4x4_conv", "iterations"} < moments and not moments & FROZEN
    short = dataclasses.replace(SCHEDULE, total_kimg=0.024)  # in the fade-in
    run(tmp_path / "cut", info, weights, dataclasses.replace(CONFIG, schedule=short))
    assert_same_arrays(run(tmp_path / "cut", info, None)[-1].arrays, stages[-1].arrays)


def test_other_layers_learn_as_without_frozen_ones(weights, one_device):
    """One gradient each; a frozen layer has none, and is not even differentiated by."""
    found = []
    for blocks in (0, 1):
        config = dataclasses.replace(CONFIG, freeze_discriminator=blocks)
        state = build_state(make_stages(SCHEDULE)[0], config, one_device)
        origins = transfer(state, weights, config)
        images, labels = tf.random.stateless_uniform((4, 8, 8, 3), (1, 2)), tf.zeros((4, 0))
        latents, mixing = tf.random.stateless_normal((4, 4), (3, 4)), tf.fill((4,), 0.5)
        _, gradients = discriminator_gradients(
            state, images, labels, latents, mixing, config=config, global_batch_size=4
        )
        trained = state.discriminator.trainable_variables
        found.append({one.path: each for one, each in zip(trained, gradients, strict=True)})
    without, frozen = found
    assert {name.split("/")[0] for name in without.keys() - frozen.keys()} == FROZEN
    for name, gradient in frozen.items():
        np.testing.assert_allclose(gradient, without[name], rtol=1e-5, atol=1e-6)
    table = describe_transfer(origins, weights, config).splitlines()
    said = {line.split()[0] for line in table if "carried (frozen)" in line}
    assert said == FROZEN


def test_frozen_layers_must_all_be_pretrained(weights):
    check_weights(weights, CONFIG)
    narrower = dataclasses.replace(NETWORK, fmap_base=8)  # above 4 px
    cases = {
        "(1, 1, 3, 2) to keep, got (1, 1, 3, 4) in runs/a: choose": {"network": narrower},
        "none in runs/a: give --initial_resolution=8": {
            "schedule": dataclasses.replace(SCHEDULE, initial_resolution=16)
        },
    }
    for words, changes in cases.items():
        config = dataclasses.replace(CONFIG, **changes)
        with pytest.raises(UserError, match=r"^--freeze_discriminator: expected ") as caught:
            check_weights(weights, config)
        assert words in str(caught.value)


def test_there_must_be_weights_to_freeze(shapes_at, tmp_path):
    with pytest.raises(UserError, match=r"^--freeze_discriminator: .* give --init_from"):
        run(tmp_path, shapes_at(16), None)
