"""The average generator in images: a half-life, shorter in young layers."""

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config.schedule import ScheduleConfig, make_stages
from pgan_tf.config.training import NetworkConfig, TrainingConfig
from pgan_tf.training.averaging import average_decay, average_step
from pgan_tf.training.state import build_state

NETWORK = NetworkConfig(resolution=8, fmap_base=32, fmap_max=8, latent_size=8)
# 8 px fades in from 4,001 to 5,999 images.
SCHEDULE = ScheduleConfig(resolution=8, stabilize_kimg=4, fade_in_kimg=2, total_kimg=100)
CONFIG = TrainingConfig(network=NETWORK, schedule=SCHEDULE, average_kimg=2)


def decay(resolution, images_shown, batch_size=8, config=CONFIG):
    return float(average_decay(config, resolution, tf.constant(images_shown, tf.int64), batch_size))


@pytest.mark.parametrize("batch_size", [8, 16])
def test_after_a_half_life_of_images_half_of_an_old_average_is_left(batch_size):
    left = decay(4, 90_000, batch_size) ** (2000 / batch_size)
    assert left == pytest.approx(0.5, rel=1e-3)


def test_a_layer_is_averaged_over_a_part_of_its_own_life():
    """At 10,001 images layers of 8 px are 6,000 old: their half-life is at most 600 images."""
    assert decay(8, 10_001) == pytest.approx(0.5 ** (8 / 600))
    assert decay(4, 10_001) == pytest.approx(0.5 ** (8 / 1000.1), rel=1e-3)


def test_little_of_the_initial_weights_is_left_when_a_layer_has_faded_in():
    """The published decay of 0.999 keeps 78 percent of them after 250 steps."""
    left = np.prod([decay(8, shown) for shown in range(4_001 + 8, 6_001, 8)])
    assert left < 1e-6
    published = TrainingConfig(network=NETWORK, schedule=SCHEDULE)
    assert decay(8, 6_000, config=published) ** 250 == pytest.approx(0.78, abs=0.01)


def test_a_step_moves_each_layer_by_its_own_decay():
    strategy = tf.distribute.get_strategy()
    state = build_state(make_stages(SCHEDULE)[-1], CONFIG, strategy)
    for variable in state.generator.variables:
        variable.assign(tf.ones_like(variable))
    for variable in state.average_generator.variables:
        variable.assign(tf.zeros_like(variable))
    average_step(state, CONFIG, strategy, tf.constant(10_001, tf.int64), 8)
    for layer, resolution in {"4x4_conv": 4, "8x8_conv0": 8}.items():
        kernel = state.average_generator.get_layer(layer).kernel.numpy()
        np.testing.assert_allclose(kernel, 1 - decay(resolution, 10_001), rtol=1e-5)
