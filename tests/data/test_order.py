import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.data.order import flips_at, pictures_at


def epochs_of(seed, num_images, count):
    positions = tf.range(num_images * count, dtype=tf.int64)
    return pictures_at(positions, num_images, seed).numpy().reshape(count, num_images)


@pytest.mark.parametrize("num_images", [1, 2, 7, 3888])
def test_every_epoch_is_a_permutation(num_images):
    for epoch in epochs_of(3, num_images, 5):
        assert sorted(epoch) == list(range(num_images))


def test_epochs_and_seeds_do_not_resemble_each_other():
    """Correlations of 1,000 numbers are 0, give or take 0.032, and here within 5 of these."""
    orders = np.concatenate([epochs_of(seed, 1000, 10) for seed in range(4)])
    correlations = np.corrcoef(orders)[np.triu_indices(len(orders), 1)]
    assert abs(correlations).max() < 0.16
    assert abs(correlations.std() - 0.0316) < 0.004
    neighbors = [np.corrcoef(order[1:], order[:-1])[0, 1] for order in orders]
    assert max(map(abs, neighbors)) < 0.16


def split_mix(seed, position):
    """SplitMix64 (Steele, Lea, Flood 2014), with streams far apart: older runs resume with it."""
    mixed = (seed * 0xD1B54A32D192ED03 + position + 1) * 0x9E3779B97F4A7C15 % 2**64
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB % 2**64
    return mixed ^ mixed >> 31


@pytest.mark.parametrize("seed", [1, 2])
def test_flips_are_bits_of_split_mix(seed):
    flips = flips_at(tf.range(1000, dtype=tf.int64), seed).numpy()
    assert flips.tolist() == [split_mix(seed, position) % 2 == 0 for position in range(1000)]
