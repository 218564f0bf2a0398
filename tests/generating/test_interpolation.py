"""Ways over the sphere of latents, against what geometry says, and their videos."""

import numpy as np
import pytest

from pgan_tf.generating import interpolation
from pgan_tf.generating.interpolation import mix_straight, slerp, truncate, walk_smoothly
from pgan_tf.generating.parsing import LARGEST_SEED
from pgan_tf.generating.pictures import draw_chosen
from pgan_tf.generating.sampler import make_sampler
from pgan_tf.networks import sampling
from tests.helpers.exports import make_trained
from tfrecords.common.errors import UserError


def angle(a, b):
    cosine = np.sum(a * b, axis=-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    return np.arccos(np.clip(cosine, -1, 1))


def latents(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.fixture(scope="module")
def sampler():
    return make_sampler(make_trained(label_size=3, resolution=8, latent_size=16))


def test_slerp_turns_evenly_while_lengths_change_evenly():
    third = slerp(np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), 1 / 3)
    np.testing.assert_allclose(third, [np.cos(np.pi / 6), np.sin(np.pi / 6), 0], atol=1e-7)
    begin, end = latents(5, 16), 3 * latents(5, 16, seed=1)
    np.testing.assert_allclose(slerp(begin, end, 0.0), begin, atol=1e-6)
    np.testing.assert_allclose(slerp(begin, end, 1.0), end, atol=1e-6)
    middle = slerp(begin, end, 0.5)
    lengths = [np.linalg.norm(vector, axis=-1) for vector in (begin, middle, end)]
    np.testing.assert_allclose(lengths[1], (lengths[0] + lengths[2]) / 2, rtol=1e-5)
    np.testing.assert_allclose(angle(begin, middle), angle(begin, end) / 2, atol=1e-5)
    # On one line there is no angle.
    np.testing.assert_allclose(slerp(begin, 2 * begin, 0.5), 1.5 * begin, rtol=1e-5)
    assert np.isfinite(slerp(begin, -begin, 0.3)).all()


def test_truncation_shrinks_angles_to_the_center():
    vectors, center = latents(6, 32), latents(32, seed=1)
    got = truncate(vectors, center, 0.25)
    np.testing.assert_allclose(angle(got, center), angle(vectors, center) / 4, atol=1e-4)
    assert truncate(vectors, center, 1.0) is vectors


def test_scaling_latents_changes_no_picture_and_truncation_does():
    """Why truncation is not scaling, as it is elsewhere: only directions are seen."""
    sampler = make_sampler(make_trained(resolution=8, latent_size=16))
    vectors = sampling.latents_from_seeds(range(5), 16)
    labels = np.zeros((5, 0), np.float32)

    def draw(one, vectors=vectors):
        return np.stack(list(one.draw(vectors, labels))).astype(int)

    whole = draw(sampler)
    assert np.abs(draw(sampler, 0.3 * vectors) - whole).max() <= 1
    one = draw(interpolation.changed(sampler, interpolation.truncation_to(2, 0.0, 16)))
    assert np.abs(one - whole[2]).max() <= 1
    half = draw(interpolation.changed(sampler, interpolation.truncation_to(2, 0.5, 16)))
    spread = [pictures.std(axis=0).mean() for pictures in (one, half, whole)]
    assert spread[0] <= 1 < spread[1] < spread[2]


# Walks


def test_a_walk_between_seeds_shows_each_of_them_and_turns_at_an_even_speed():
    keyframes = latents(4, 3, 16)
    for index in (0, 1, 2, 3, 4):
        got = interpolation.walk_straight(keyframes, index / 4)
        np.testing.assert_allclose(got, keyframes[index % 4], atol=1e-5)
    positions = np.linspace(0.75, 1, 6)
    last_arc = np.array([interpolation.walk_straight(keyframes, one) for one in positions])
    steps = angle(last_arc[:-1], last_arc[1:])
    np.testing.assert_allclose(steps, np.broadcast_to(steps[0], steps.shape), rtol=1e-3)


def test_labels_change_evenly_and_stay_shares_of_one():
    labels = np.eye(3, dtype=np.float32)
    np.testing.assert_allclose(mix_straight(labels, 1 / 3), labels[1], atol=1e-6)
    mixed = mix_straight(labels, np.float64(0.75 / 3))
    np.testing.assert_allclose(mixed, [0.25, 0.75, 0], atol=1e-6)
    assert mixed.dtype == np.float32  # what an export takes


def test_a_random_walk_on_the_sphere_has_the_speed_of_a_smoothed_gaussian_process():
    """White noise smoothed with deviation s correlates as exp(-t² / 4s²): 1/(√2 s) a second."""
    count, frames = 40, 400
    keyframes = latents(count, 1, 512)
    way = np.stack([walk_smoothly(keyframes, i / frames) for i in range(frames)])
    np.testing.assert_allclose(np.linalg.norm(way, axis=-1), np.sqrt(512), rtol=1e-5)
    np.testing.assert_allclose(walk_smoothly(keyframes, 1.0), way[0], atol=1e-4)
    # With the step back to the first frame.
    speed = angle(way, np.roll(way, -1, axis=0)) * frames / count
    assert np.sqrt(np.mean(speed**2)) == pytest.approx(1 / np.sqrt(2), rel=0.03)
    assert speed.min() > 0.5 and speed.max() < 1
    # Far apart in time two moments have nothing to do with each other.
    apart = angle(way, np.roll(way, -frames // 2, axis=0))
    assert abs(np.mean(apart) - np.pi / 2) < 0.1


# Videos of them


def test_a_video_between_seeds_begins_with_the_first_and_shows_all(sampler):
    seeds, classes = [4, 9, 6], [0, 2]
    walk = interpolation.walk_between(sampler, seeds, classes, 2)
    frames = list(interpolation.draw_walk(sampler, walk, 12, 2, 1))
    assert len(frames) == 12
    assert frames[0].shape == (8, 16, 3)
    expected = list(draw_chosen(sampler, seeds, classes))
    for i in range(3):
        pictures = frames[4 * i][:, :8], frames[4 * i][:, 8:]
        for picture, seed in zip(pictures, (i, (i + 1) % 3), strict=True):
            assert np.abs(picture.astype(int) - expected[seed]).max() <= 1
    assert (frames[2] != frames[0]).any()


def test_a_random_walk_is_a_loop_of_small_steps_and_the_seed_decides_it(sampler):
    def draw(first_seed):
        walk = interpolation.random_walk(sampler, first_seed, [1, 2], 4, 4)
        return np.stack(list(interpolation.draw_walk(sampler, walk, 40, 2, 2)))

    way = draw(7)
    assert way.shape == (40, 32, 32, 3)
    np.testing.assert_array_equal(draw(7), way)
    assert (draw(8) != way).any()
    steps = np.abs(way.astype(int) - np.roll(way, -1, axis=0)).mean(axis=(1, 2, 3))
    assert steps[-1] < 2 * np.median(steps)
    assert steps.max() < np.abs(way[20].astype(int) - way[0]).mean()


def test_a_walk_has_at_least_three_keyframes_of_seeds_in_turn_and_not_too_many(sampler):
    assert interpolation.num_keyframes(1.0, 5.0) == 3
    assert interpolation.num_keyframes(10.0, 0.5) == 20
    walk = interpolation.random_walk(sampler, LARGEST_SEED, [0], 1, 3)
    assert len(list(interpolation.draw_walk(sampler, walk, 2, 1, 1))) == 2
    with pytest.raises(UserError, match="67,108,864 numbers, got 67,108,880"):
        interpolation.random_walk(sampler, 0, [0], 1, 2**22 + 1)
    with pytest.raises(UserError, match=r"--seeds.*a shorter video"):
        interpolation.walk_between(sampler, [1, 2], [0], 2**21 + 1)
