"""Iterations of one stage by themselves."""

import dataclasses
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.data.dataset import distribute
from pgan_tf.planning import measurement
from tests.helpers.tests_data import prepare_shapes

CONFIG = TrainingConfig(
    network=NetworkConfig(resolution=8, fmap_base=64, fmap_max=8, latent_size=8, label_size=6),
    schedule=ScheduleConfig(
        resolution=8, total_kimg=1800, batch_size=PerResolution(((4, 16), (8, 8)))
    ),
    minibatch_repeats=3,
)
STAGES = make_stages(CONFIG.schedule)


def test_noise_looks_like_the_data_to_the_step(two_devices, tmp_path):
    info = prepare_shapes(tmp_path, 8)
    real = distribute(two_devices, info, 8, global_batch_size=8, label_size=6, seed=0)
    batches = measurement.noise_batches(CONFIG, STAGES[1], two_devices)
    assert batches.element_spec == iter(real).element_spec
    images, labels = next(batches)
    for replica in two_devices.experimental_local_results(images):
        assert replica.numpy().min() >= -1
        assert replica.numpy().max() <= 1
        assert replica.numpy().std() > 0.5
    for replica in two_devices.experimental_local_results(labels):
        np.testing.assert_array_equal(replica.numpy().sum(axis=1), 1)


@pytest.fixture
def slow_step(monkeypatch):
    """A step of 20 ms in the place of the real one; returns what it was called with."""
    calls = []

    def make_train_step(state, config, strategy, global_batch_size):
        def step(batches, images_shown, alpha, *learning_rates):
            calls.append((state.stage, config.minibatch_repeats, global_batch_size))
            time.sleep(0.02)
            return tf.zeros((1, 5))

        return step

    monkeypatch.setattr(measurement, "make_train_step", make_train_step)
    return calls


@pytest.mark.parametrize("discriminator_repeats", [1, 4])
def test_time_is_counted_by_the_real_image(slow_step, one_device, discriminator_repeats):
    """The first call, which compiles, is left out; one iteration takes batch x repeats images."""
    config = dataclasses.replace(CONFIG, discriminator_repeats=discriminator_repeats)
    seconds = measurement.measure_step(config, STAGES[0], one_device, 0.1)
    assert 0.02 <= seconds * 16 * discriminator_repeats < 0.039  # twice would be 0.04
    assert set(slow_step) == {(STAGES[0], 1, 16)}
    assert 2 <= len(slow_step) <= 7


def test_at_least_one_iteration_is_timed(slow_step, one_device):
    assert measurement.measure_step(CONFIG, STAGES[0], one_device, 0.0) * 16 >= 0.02
    assert len(slow_step) == 2


def test_a_real_iteration_is_measured_in_a_fade_in(one_device):
    assert 0 < measurement.measure_step(CONFIG, STAGES[1], one_device, 0.0) < 10


def test_a_step_for_each_stage_is_no_reason_to_warn():
    """TensorFlow counts functions that one place in the code makes, and warns of the sixth."""
    code = (
        "import tfrecords.common.tensorflow_setup, tensorflow as tf\n"
        "def make(number): return tf.function(lambda: tf.constant(number))\n"
        "print([int(make(number)()) for number in range(12)])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert result.stdout.startswith("[0, 1, 2")
    assert not result.stderr
