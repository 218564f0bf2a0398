"""The noise of appendix B: 0.2 * max(0, d - 0.5)², d a moving average of the scores."""

import keras
import numpy as np
import pytest

from pgan_tf.networks.layers.score_noise import NOISE, ScoreNoise, follow_scores, set_noise_seed

CHANNELS = 16


def discriminator():
    images = keras.Input((2, 2, CHANNELS))
    noise = ScoreNoise(name=NOISE)
    return keras.Model(images, [noise(images, place=1), noise(images, place=2)])


def ones(batch):
    return np.ones((batch, 2, 2, CHANNELS), np.float32)


@pytest.mark.parametrize("average", [-3.0, 0.0, 0.5])
def test_there_is_none_while_fakes_do_not_win(average):
    model = discriminator()
    model.get_layer(NOISE).score_average.assign(average)
    np.testing.assert_array_equal(model(ones(8))[0], ones(8))


def test_its_deviation_is_the_published_one():
    model = discriminator()
    model.get_layer(NOISE).score_average.assign(1.0)
    set_noise_seed(model, (3, 4))
    factors = model(ones(4000))[0].numpy()[:, 0, 0]
    expected = 0.2 * 0.5**2 * np.sqrt(CHANNELS)
    assert factors.mean() == pytest.approx(1.0, abs=5 * expected / np.sqrt(factors.size))
    assert factors.std() == pytest.approx(expected, rel=0.02)


def test_it_is_one_number_for_each_example_and_feature_map():
    model = discriminator()
    model.get_layer(NOISE).score_average.assign(2.0)
    first, second = (output.numpy() for output in model(ones(4)))
    assert (first == first[:, :1, :1]).all()
    assert len(np.unique(first[:, 0, 0])) == 4 * CHANNELS
    assert not (first == second).any()


def test_the_seed_decides():
    model = discriminator()
    model.get_layer(NOISE).score_average.assign(2.0)
    drawn = []
    for seed in ((1, 2), (1, 3), (1, 2)):
        set_noise_seed(model, seed)
        drawn.append(model(ones(4))[0].numpy())
    np.testing.assert_array_equal(drawn[0], drawn[2])
    assert not (drawn[0] == drawn[1]).any()


def test_the_average_moves_by_a_tenth():
    model = discriminator()
    averages = []
    for score in (1.0, 1.0, -2.0):
        follow_scores(model, score)
        averages.append(float(model.get_layer(NOISE).score_average.numpy()))
    assert averages == pytest.approx([0.1, 0.19, -0.029], abs=1e-6)


def test_networks_without_it_are_left_alone():
    images = keras.Input((2, 2, 1))
    model = keras.Model(images, keras.layers.ReLU()(images))
    set_noise_seed(model, (1, 2))
    follow_scores(model, 1.0)
