"""Modes of the built-in shapes."""

import math

import numpy as np
import pytest

from pgan_tf.metrics.mode_coverage import make_modes, nearest_modes
from tfrecords.common.errors import UserError
from tfrecords.sources import shapes


def draw(indices, resolution):
    return np.stack([shapes.draw(index, resolution) for index in indices])


@pytest.mark.parametrize(
    ("resolution", "step", "noise"), [(8, 7, 0), (16, 1, 0), (64, 31, 0), (32, 31, 25)]
)
def test_real_pictures_are_of_their_own_mode_even_with_noise(resolution, step, noise):
    some = range(0, shapes.NUM_PICTURES, step)
    pictures = draw(some, resolution)
    noisy = pictures + np.random.default_rng(0).normal(0, noise, pictures.shape)
    found = nearest_modes(np.clip(noisy, 0, 255).astype(np.uint8))
    np.testing.assert_array_equal(found, [shapes.describe(index).mode for index in some])


@pytest.mark.parametrize(
    ("indices", "modes", "divergence"),
    [(range(288), 144, 0), ([5] * 20, 1, math.log(144)), (range(72), 72, math.log(2))],
)
def test_modes_are_counted_over_all_batches(indices, modes, divergence):
    metric = make_modes("shapes", 3)
    collector = metric.collect(1)
    for batch in np.array_split(draw(indices, 16), 3):
        collector.add(batch)
    expected = {"modes": modes, "modes_kl": pytest.approx(divergence, abs=1e-12)}
    assert metric.compare(None, collector) == expected


@pytest.mark.parametrize(("dataset", "channels"), [("emoji", 3), ("shapes", 1)])
def test_modes_of_other_pictures_are_not_known(dataset, channels):
    with pytest.raises(UserError, match=rf"modes: expected .* shapes in RGB, got {dataset}"):
        make_modes(dataset, channels)
