import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.data.order import HELD_OUT, TRAINING, flips_at, pictures_at, pictures_of
from tfrecords.common.errors import UserError


def epochs_of(seed, num_images, count):
    positions = tf.range(num_images * count, dtype=tf.int64)
    return pictures_at(positions, num_images, seed).numpy().reshape(count, num_images)


@pytest.mark.parametrize("num_images", [1, 2, 7, 3888])
def test_every_epoch_is_a_permutation(num_images):
    for epoch in epochs_of(3, num_images, 5):
        assert sorted(epoch) == list(range(num_images))


@pytest.mark.parametrize(("num_images", "share", "held"), [(100, 0.1, 10), (3888, 0.5, 1944)])
def test_a_part_is_shown_whole_in_each_epoch_and_is_the_same_for_every_seed(
    num_images, share, held
):
    parts = {part: pictures_of(num_images, share, part) for part in (TRAINING, HELD_OUT)}
    assert sorted(np.concatenate([*parts.values()])) == list(range(num_images))
    assert len(parts[HELD_OUT]) == held
    for part, pictures in parts.items():
        for seed in (1, 2):
            positions = tf.range(2 * len(pictures), dtype=tf.int64)
            order = pictures_at(positions, num_images, seed, share, part).numpy()
            epochs = order.reshape(2, -1)
            assert not np.array_equal(*epochs)
            np.testing.assert_array_equal(np.sort(epochs), [pictures, pictures])
    # Chosen as by chance: not all from the beginning, as classes in their order would be.
    assert abs(parts[HELD_OUT].mean() / num_images - 0.5) < 0.15


def test_too_few_held_out_pictures_are_refused():
    with pytest.raises(UserError, match=r"^--held_out: expected 8 pictures .* got 5 \(0.1 of 50\)"):
        pictures_of(50, 0.1, HELD_OUT)


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
