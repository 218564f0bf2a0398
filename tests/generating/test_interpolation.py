"""Ways over the sphere of latents, against what geometry says."""

import numpy as np
import pytest

from pgan_tf.generating.interpolation import (
    mix_straight,
    slerp,
    truncate,
    truncated,
    walk_smoothly,
    walk_straight,
)
from pgan_tf.generating.sampler import make_sampler
from pgan_tf.networks import sampling
from tests.helpers.exports import make_trained


def angle(a, b):
    cosine = np.sum(a * b, axis=-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    return np.arccos(np.clip(cosine, -1, 1))


def latents(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


# Great circles


def test_a_third_of_the_way_around_a_quarter_of_a_circle_is_thirty_degrees():
    got = slerp(np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), 1 / 3)
    np.testing.assert_allclose(got, [np.cos(np.pi / 6), np.sin(np.pi / 6), 0], atol=1e-7)


def test_lengths_change_evenly_and_ends_are_reached():
    begin, end = latents(5, 16), 3 * latents(5, 16, seed=1)
    np.testing.assert_allclose(slerp(begin, end, 0.0), begin, atol=1e-6)
    np.testing.assert_allclose(slerp(begin, end, 1.0), end, atol=1e-6)
    middle = slerp(begin, end, 0.5)
    lengths = [np.linalg.norm(vector, axis=-1) for vector in (begin, middle, end)]
    np.testing.assert_allclose(lengths[1], (lengths[0] + lengths[2]) / 2, rtol=1e-5)
    np.testing.assert_allclose(angle(begin, middle), angle(begin, end) / 2, atol=1e-5)


@pytest.mark.parametrize("sign", [1, -1])
def test_vectors_on_one_line_give_numbers(sign):
    (vector,) = latents(1, 8)
    assert np.isfinite(slerp(vector, sign * vector, 0.3)).all()
    np.testing.assert_allclose(slerp(vector, 2 * vector, 0.5), 1.5 * vector, rtol=1e-5)


# Truncation


def test_truncation_shrinks_angles_to_the_centre():
    vectors, center = latents(6, 32), latents(32, seed=1)
    got = truncate(vectors, center, 0.25)
    np.testing.assert_allclose(angle(got, center), angle(vectors, center) / 4, atol=1e-4)
    assert truncate(vectors, center, 1.0) is vectors
    np.testing.assert_allclose(angle(truncate(vectors, center, 0.0), center), 0, atol=1e-3)


def test_scaling_latents_changes_no_picture_and_truncation_does():
    """Why truncation is not scaling, as it is elsewhere: only directions are seen."""
    sampler = make_sampler(make_trained(resolution=8, latent_size=16))
    vectors = sampling.latents_from_seeds(range(5), 16)
    labels = np.zeros((5, 0), np.float32)

    def draw(sampler, vectors=vectors):
        return np.stack(list(sampler.draw(vectors, labels))).astype(int)

    whole = draw(sampler)
    assert np.abs(draw(sampler, 0.3 * vectors) - whole).max() <= 1
    one = draw(truncated(sampler, 0.0, 2))
    assert np.abs(one - whole[2]).max() <= 1
    half = draw(truncated(sampler, 0.5, 2))
    spread = [pictures.std(axis=0).mean() for pictures in (one, half, whole)]
    assert spread[0] <= 1 < spread[1] < spread[2]


# Walks


def test_a_walk_between_seeds_shows_each_of_them_and_turns_at_an_even_speed():
    keyframes = latents(4, 3, 16)
    for index in (0, 1, 2, 3, 4):
        got = walk_straight(keyframes, index / 4)
        np.testing.assert_allclose(got, keyframes[index % 4], atol=1e-5)
    last_arc = [walk_straight(keyframes, position) for position in np.linspace(0.75, 1, 6)]
    steps = angle(np.array(last_arc[:-1]), np.array(last_arc[1:]))
    np.testing.assert_allclose(steps, np.broadcast_to(steps[0], steps.shape), rtol=1e-3)


def test_labels_change_evenly_and_stay_shares_of_one():
    labels = np.eye(3, dtype=np.float32)
    np.testing.assert_allclose(mix_straight(labels, 1 / 3), labels[1], atol=1e-6)
    np.testing.assert_allclose(mix_straight(labels, 0.75 / 3), [0.25, 0.75, 0], atol=1e-6)
    mixed = mix_straight(labels, np.float64(0.9))
    np.testing.assert_allclose(mixed.sum(), 1, atol=1e-6)
    assert mixed.dtype == np.float32  # what an export takes


@pytest.mark.parametrize("count", [3, 10])
def test_a_random_walk_stays_on_the_sphere_and_comes_back(count):
    keyframes = latents(count, 2, 512)
    positions = np.arange(60) / 60
    way = np.stack([walk_smoothly(keyframes, position) for position in positions])
    np.testing.assert_allclose(np.linalg.norm(way, axis=-1), np.sqrt(512), rtol=1e-5)
    np.testing.assert_allclose(walk_smoothly(keyframes, 1.0), way[0], atol=1e-4)
    # The step back to the first frame is one like the others.
    steps = angle(way, np.roll(way, -1, axis=0))
    assert steps[-1].max() < 1.3 * np.median(steps)


def test_a_random_walk_has_the_speed_of_a_smoothed_gaussian_process():
    """White noise smoothed with deviation s correlates as exp(-t² / 4s²): 1/(√2 s) a second."""
    count, frames = 40, 400
    keyframes = latents(count, 1, 512)
    way = np.stack([walk_smoothly(keyframes, i / frames) for i in range(frames)])
    speed = angle(way, np.roll(way, -1, axis=0)) * frames / count
    assert np.sqrt(np.mean(speed**2)) == pytest.approx(1 / np.sqrt(2), rel=0.03)
    assert speed.min() > 0.5
    # Far apart in time two moments have nothing to do with each other.
    apart = angle(way, np.roll(way, -frames // 2, axis=0))
    assert abs(np.mean(apart) - np.pi / 2) < 0.1
