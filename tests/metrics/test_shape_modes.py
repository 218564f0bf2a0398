import math

import numpy as np
import pytest

from pgan_tf.metrics.mode_coverage import ModeCollector, make_modes, nearest_modes
from tfrecords.common.errors import UserError
from tfrecords.sources import shapes


def draw(indices, resolution):
    return np.stack([shapes.draw(index, resolution) for index in indices])


def modes_of(indices):
    return np.array([shapes.describe(index).mode for index in indices])


@pytest.mark.parametrize("resolution", [16, 32])
def test_every_real_picture_is_of_its_own_mode(resolution):
    everything = range(shapes.NUM_PICTURES)
    found = np.concatenate(
        [nearest_modes(draw(everything[i : i + 432], resolution)) for i in range(0, 3888, 432)]
    )
    np.testing.assert_array_equal(found, modes_of(everything))


@pytest.mark.parametrize("resolution", [8, 64])
def test_smaller_and_larger_real_pictures_are_too(resolution):
    some = range(0, shapes.NUM_PICTURES, 7)
    np.testing.assert_array_equal(nearest_modes(draw(some, resolution)), modes_of(some))


def test_noise_does_not_change_a_mode():
    some = range(0, shapes.NUM_PICTURES, 31)
    noise = np.random.default_rng(0).normal(0, 25, (len(some), 32, 32, 3))
    noisy = np.clip(draw(some, 32) + noise, 0, 255).astype(np.uint8)
    np.testing.assert_array_equal(nearest_modes(noisy), modes_of(some))


def score(pictures):
    metric = make_modes("shapes", 3)
    collector = metric.collect(1)
    for first in range(0, len(pictures), 50):
        collector.add(pictures[first : first + 50])
    return metric.compare(None, collector)


def test_all_modes_alike_have_no_divergence():
    values = score(draw(range(2 * shapes.NUM_MODES), 16))
    assert values == {"modes": 144, "modes_kl": 0}


def test_one_mode_alone_has_the_largest_divergence():
    values = score(np.repeat(draw([5], 16), 20, axis=0))
    assert values == {"modes": 1, "modes_kl": pytest.approx(math.log(144))}


def test_half_of_the_modes_alike():
    values = score(draw(range(shapes.NUM_MODES // 2), 16))
    assert values == {"modes": 72, "modes_kl": pytest.approx(math.log(2))}


def test_modes_of_other_pictures_are_not_known():
    with pytest.raises(
        UserError, match=r"modes: expected the built-in shapes in RGB, .* got emoji"
    ):
        make_modes("emoji", 3)
    with pytest.raises(UserError, match="RGB"):
        make_modes("shapes", 1)


def test_collector_of_nothing_but_one_batch():
    collector = ModeCollector()
    collector.add(draw([0], 32))
    assert collector.counts.sum() == 1
