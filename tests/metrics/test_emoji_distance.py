"""Distances in the features of the classifier of emoji."""

import functools
import hashlib

import numpy as np
import pytest

from pgan_tf.metrics import emoji_distance
from pgan_tf.metrics.emoji_distance import WEIGHTS, WEIGHTS_SHA256, features_of, make_emoji_fd
from tfrecords.common.errors import UserError
from tfrecords.sources import shapes

RANDOM = np.random.default_rng(0)


@functools.cache
def pictures(which):
    """A twelfth of the built-in shapes, at random: the first, the second, …"""
    order = np.random.default_rng(1).permutation(shapes.NUM_PICTURES)
    return np.stack([shapes.draw(one, 32) for one in np.array_split(order, 12)[which]])


def distance(reals, fakes):
    metric = make_emoji_fd(reals.shape[1], 3)
    collectors = metric.collect(0), metric.collect(1)
    for collector, pictures in zip(collectors, (reals, fakes), strict=True):
        for batch in np.array_split(pictures, 3):
            collector.add(batch)
    return metric.compare(*collectors)["emoji_fd"]


def test_the_weights_are_those_of_the_checksum_and_small(monkeypatch, tmp_path):
    contents = WEIGHTS.read_bytes()
    assert hashlib.sha256(contents).hexdigest() == WEIGHTS_SHA256 and len(contents) <= 300_000
    (tmp_path / "emoji.npz").write_bytes(contents[:-1] + b"!")
    monkeypatch.setattr(emoji_distance, "WEIGHTS", tmp_path / "emoji.npz")
    with pytest.raises(UserError, match=r"emoji_fd: expected sha256 .*: install pgan-tf again"):
        emoji_distance.load_network.__wrapped__()


def test_features_are_the_same_each_time_and_at_any_resolution():
    some = pictures(0)[:40]
    np.testing.assert_array_equal(features_of(some), features_of(some))
    assert features_of(some).shape == (40, 96)
    larger = some.repeat(4, axis=1).repeat(4, axis=2)
    np.testing.assert_allclose(features_of(larger), features_of(some), atol=1e-5)


def test_the_distance_is_0_of_the_same_small_of_other_reals_and_large_of_noise():
    reals, others = pictures(0), pictures(1)
    noise = RANDOM.integers(0, 256, reals.shape, np.uint8)
    assert abs(distance(reals, reals)) < 1e-3 * distance(reals, others)
    floor = distance(reals, others)
    assert 0 < 20 * floor < distance(reals, noise)


def test_the_distance_grows_the_more_pictures_are_corrupted():
    reals, others = pictures(0), pictures(1)
    found = []
    for side in (0, 4, 8, 16):
        cut = others.copy()
        cut[:, 5 : 5 + side, 9 : 9 + side] = 0
        found.append(distance(reals, cut))
    for deviation in (10, 30):
        noisy = others + RANDOM.normal(0, deviation, others.shape)
        found.append(distance(reals, np.clip(noisy, 0, 255).astype(np.uint8)))
    assert found[0] < found[1] < found[2] < found[3]
    assert found[0] < found[4] < found[5]


@pytest.mark.parametrize(("side", "channels"), [(16, 3), (32, 1)])
def test_gray_and_small_pictures_are_refused(side, channels):
    with pytest.raises(UserError, match=rf"emoji_fd: expected .* got {side} px with {channels} ch"):
        make_emoji_fd(side, channels)
