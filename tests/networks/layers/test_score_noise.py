"""The noise of appendix B: 0.2 * max(0, d - 0.5)², d a moving average of the scores."""

import keras
import numpy as np
import pytest

from pgan_tf.networks.layers.score_noise import NOISE, ScoreNoise, follow_scores, set_noise_seed

CHANNELS = 16


@pytest.fixture
def model():
    images = keras.Input((2, 2, CHANNELS))
    noise = ScoreNoise(name=NOISE)
    return keras.Model(images, [noise(images, place=1), noise(images, place=2)])


def draw(model, average, seed, batch=4):
    """The two places' factors, with a moving average of the scores."""
    model.get_layer(NOISE).score_average.assign(average)
    set_noise_seed(model, seed)
    return [one.numpy() for one in model(np.ones((batch, 2, 2, CHANNELS), np.float32))]


@pytest.mark.parametrize("average", [-3.0, 0.0, 0.5])
def test_there_is_none_while_fakes_do_not_win(model, average):
    assert (draw(model, average, (1, 2))[0] == 1).all()


def test_its_deviation_is_the_published_one(model):
    factors = draw(model, 1.0, (3, 4), batch=4000)[0][:, 0, 0]
    expected = 0.2 * 0.5**2 * np.sqrt(CHANNELS)
    assert factors.mean() == pytest.approx(1.0, abs=5 * expected / np.sqrt(factors.size))
    assert factors.std() == pytest.approx(expected, rel=0.02)


def test_it_is_one_number_for_each_example_and_feature_map_which_seed_and_place_decide(model):
    first, second = draw(model, 2.0, (1, 2))
    assert (first == first[:, :1, :1]).all()
    assert len(np.unique(first[:, 0, 0])) == 4 * CHANNELS
    assert not (first == second).any()
    assert not (first == draw(model, 2.0, (1, 3))[0]).any()
    np.testing.assert_array_equal(first, draw(model, 2.0, (1, 2))[0])


def test_the_average_moves_by_a_tenth(model):
    averages = []
    for score in (1.0, 1.0, -2.0):
        follow_scores(model, score)
        averages.append(float(model.get_layer(NOISE).score_average.numpy()))
    assert averages == pytest.approx([0.1, 0.19, -0.029], abs=1e-6)
