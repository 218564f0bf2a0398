"""Metrics of Inception's features, where mathematics knows the answer."""

import numpy as np
import pytest

from pgan_tf.metrics.by_name import make_metrics, need_inception
from pgan_tf.metrics.evaluation import Evaluation, RealPictures
from pgan_tf.metrics.frechet_distance import MomentCollector, Moments, frechet_distance, moments_of
from pgan_tf.metrics.inception import BLOCK_ROWS, InceptionOutput, blocks_of
from pgan_tf.metrics.inception_score import ScoreCollector
from pgan_tf.metrics.kernel_distance import kernel_distance
from pgan_tf.metrics.precision_recall import Manifold, compare_manifolds, make_pr
from tests.helpers.tests_data import prepare_shapes
from tfrecords.common.errors import UserError

RANDOM = np.random.default_rng(0)


def gaussian(mean, covariance):
    return Moments(11, np.asarray(mean, float), 10 * np.asarray(covariance, float))


def rotation(size, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(size, size)))[0]


def test_distance_of_shifted_gaussians_is_the_square_of_the_shift():
    covariance = np.cov(RANDOM.normal(size=(5, 40)))
    a, b = gaussian(np.zeros(5), covariance), gaussian([3, 0, 0, 4, 0], covariance)
    assert frechet_distance(a, b) == pytest.approx(25, abs=1e-12)


def test_distance_of_gaussians_along_the_same_axes():
    # Σ(σ - τ)² for deviations σ and τ.
    deviations, others = np.array([1, 2, 3, 0.5]), np.array([4, 2, 1, 0])
    axes = rotation(4)
    a, b = (gaussian(np.zeros(4), axes * sigma**2 @ axes.T) for sigma in (deviations, others))
    expected = ((deviations - others) ** 2).sum()
    assert frechet_distance(a, b) == pytest.approx(expected, abs=1e-7)
    assert frechet_distance(b, a) == pytest.approx(expected, abs=1e-7)


def test_distance_of_gaussians_along_different_axes():
    # Of two rows and columns: tr √M = √(tr M + 2 √det M).
    a, b = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([[1.0, -0.9], [-0.9, 3.0]])
    assert not np.allclose(a @ b, b @ a)
    product = a @ b
    root = np.sqrt(np.trace(product) + 2 * np.sqrt(np.linalg.det(product)))
    expected = np.trace(a) + np.trace(b) - 2 * root
    found = frechet_distance(gaussian([0, 0], a), gaussian([0, 0], b))
    assert found == pytest.approx(expected, abs=1e-12)


def test_identical_sets_are_at_distance_0_with_fewer_pictures_than_features():
    vectors = RANDOM.normal(size=(50, 300)) * np.exp(-np.arange(300) / 20)
    moments = moments_of(vectors)
    assert moments.root.shape == (300, 49)
    assert abs(frechet_distance(moments, moments_of(vectors[::-1]))) < 1e-10


def test_samples_of_known_gaussians_come_near_to_their_distance():
    deviations, others = np.array([1.0, 2.0]), np.array([2.0, 0.5])
    a, b = (
        moments_of(RANDOM.normal(size=(200_000, 2)) * sigma + mean)
        for sigma, mean in ((deviations, 0), (others, 1))
    )
    assert frechet_distance(a, b) == pytest.approx(1 + 1.5**2 + 2, rel=0.02)


def test_moments_of_batches_are_those_of_the_whole_far_from_zero_too():
    vectors = (1e4 + RANDOM.normal(size=(100, 3))).astype(np.float32)
    collector = MomentCollector()
    for batch in np.split(vectors, [1, 40, 97]):
        collector.add(InceptionOutput(batch, batch))
    found = collector.moments
    assert found.count == 100
    np.testing.assert_allclose(found.mean, vectors.mean(axis=0, dtype=np.float64), rtol=1e-14)
    expected = np.cov(vectors.astype(np.float64), rowvar=False)
    np.testing.assert_allclose(found.covariance, expected, rtol=1e-9, atol=1e-11)


def batches(vectors, size=7):
    return tuple(vectors[begin : begin + size] for begin in range(0, len(vectors), size))


def test_kernel_distance_of_two_points_is_known():
    a, b = np.array([1.0, 2.0]), np.array([0.0, 1.0])
    sets = (batches(np.tile(point, (20, 1)).astype(np.float32)) for point in (a, b))
    # Kernels of a·a = 5, b·b = 1, a·b = 2, by 2, plus 1, cubed.
    assert kernel_distance(*sets) == pytest.approx(3.5**3 + 1.5**3 - 2 * 2**3, abs=1e-12)


def test_kernel_distance_is_the_mean_over_pairs_of_different_pictures():
    a, b = RANDOM.normal(size=(9, 4)), RANDOM.normal(size=(5, 4)) + 0.5

    def kernel(x, y):
        return (x @ y / 4 + 1) ** 3

    def within(s):
        return np.mean([kernel(s[i], s[j]) for i in range(len(s)) for j in range(len(s)) if i != j])

    expected = within(a) + within(b) - 2 * np.mean([kernel(x, y) for x in a for y in b])
    assert kernel_distance(batches(a), batches(b)) == pytest.approx(expected, rel=1e-12)


def test_kernel_distance_of_the_same_distribution_has_mean_0():
    random = np.random.default_rng(1)
    found = [
        kernel_distance(*(batches(random.normal(size=(12, 3))) for _ in range(2)))
        for _ in range(600)
    ]
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found)) < 3 * error
    # Counting each picture with itself (8 or more, where pairs have 2) would show.
    assert 20 * error < 2 * (8 - 2) / 12
    assert min(found) < 0 < max(found)


def test_kernel_distance_of_normal_distributions_is_known():
    # In one dimension k(x, y) = (xy + 1)³: the moments' squared differences, 1, 3, 3 times.
    random = np.random.default_rng(2)
    found = [
        kernel_distance(
            batches(random.normal(size=(30, 1))), batches(random.normal(size=(30, 1)) * 2 + 1)
        )
        for _ in range(600)
    ]
    # First three moments: 0, 1, 0, and 1, 5, 1 + 3 * 4.
    expected = 13**2 + 3 * 4**2 + 3 * 1**2
    assert abs(np.mean(found) - expected) < 3 * np.std(found) / np.sqrt(len(found))


@pytest.mark.parametrize("rows", [1, 5, 64])
def test_blocks_change_nothing(monkeypatch, rows):
    sets = [batches(RANDOM.normal(size=(33, 4)).astype(np.float32)) for _ in range(2)]
    whole = kernel_distance(*sets), compare_manifolds(*map(Manifold, sets))
    monkeypatch.setattr(blocks_of, "__defaults__", (rows,))
    assert len(list(blocks_of(sets[0]))) == {1: 5, 5: 5, 64: 1}[rows]
    assert kernel_distance(*sets) == pytest.approx(whole[0], rel=1e-10)
    assert compare_manifolds(*map(Manifold, sets)) == whole[1]
    assert BLOCK_ROWS >= 1024


def score(probabilities, parts=10, size=7):
    collector = ScoreCollector(len(probabilities), parts)
    for batch in batches(np.asarray(probabilities, np.float32), size):
        collector.add(InceptionOutput(batch, batch))
    return collector.scores()


def test_inception_score_of_uncertain_pictures_is_1():
    np.testing.assert_allclose(score(np.full((40, 8), 1 / 8)), np.ones(10), atol=1e-12)


def test_inception_score_of_sure_pictures_is_the_number_of_classes():
    np.testing.assert_allclose(score(np.tile(np.eye(8), (20, 1))), np.full(10, 8.0), rtol=1e-12)


def test_inception_score_of_one_class_is_1():
    np.testing.assert_allclose(score(np.eye(8)[np.zeros(30, int)]), np.ones(10), atol=1e-12)


def test_inception_score_between():
    # Half sure of one class, half of another: each picture says p, all of them 1/2.
    p = 0.9
    rows = np.tile([[p, 1 - p], [1 - p, p]], (20, 1))
    expected = 2 * p**p * (1 - p) ** (1 - p)
    np.testing.assert_allclose(score(rows, parts=4), np.full(4, expected), rtol=1e-6)


@pytest.mark.parametrize("size", [1, 7, 100])
def test_parts_follow_each_other_whatever_the_batches(size):
    # 23 pictures in 3 parts end, as published, before 7, 15 and 23.
    rows = np.concatenate([np.eye(4)[np.zeros(7, int)], np.eye(4)[np.arange(16) % 4]])
    np.testing.assert_allclose(score(rows, 3, size), [1, 4, 4], rtol=1e-12)


def test_fewer_pictures_than_parts_make_a_part_each():
    np.testing.assert_allclose(score(np.eye(4)), np.ones(4))


def compare(reals, fakes):
    return compare_manifolds(Manifold(batches(np.array(reals))), Manifold(batches(np.array(fakes))))


def test_identical_sets_have_precision_and_recall_1():
    vectors = RANDOM.normal(size=(60, 5)).astype(np.float32)
    assert compare(vectors, vectors[::-1]) == {"pr": 1, "precision": 1, "recall": 1}


def test_disjoint_sets_have_precision_and_recall_0():
    vectors = RANDOM.normal(size=(60, 5))
    assert compare(vectors, vectors + 100) == {"pr": 0, "precision": 0, "recall": 0}


def test_copies_of_one_real_picture_are_precise_and_recall_that_one():
    vectors = RANDOM.normal(size=(60, 5))
    found = compare(vectors, np.tile(vectors[7], (60, 1)))
    assert (found["precision"], found["recall"]) == (1, 1 / 60)
    assert found["pr"] == pytest.approx(2 / 61)


def test_spheres_reach_the_third_neighbour():
    # At 0, 1, …, 9 the third neighbour is at 2, but of 0 and 9 at 3.
    reals = np.arange(10.0)[:, None]
    radii = np.sqrt(Manifold(batches(reals, 4)).squared_radii)
    np.testing.assert_allclose(radii, [3, *[2] * 8, 3])
    # They cover -3 to 12, ends included; of four far from each other one is there.
    fakes = np.array([[-3.0], [-3.5], [12.5], [50.0]])
    assert compare(reals, fakes)["precision"] == 1 / 4
    # Radii of the fakes: 53, 53.5, 62.5, 53.5.
    assert compare(reals, fakes)["recall"] == 1


def test_half_of_the_fakes_at_the_reals_and_half_elsewhere():
    reals = RANDOM.normal(size=(40, 3))
    fakes = np.concatenate([reals, reals + 1000])
    assert compare(reals, fakes) == {"pr": pytest.approx(2 / 3), "precision": 0.5, "recall": 1}


def test_too_few_pictures_for_neighbours_are_refused():
    with pytest.raises(UserError, match=r"--num_images of at least 4, .* got 3"):
        make_pr(3, "")


def test_real_pictures_are_near_to_others_of_them(tmp_path):
    """All four through an evaluation, with a network whose features are known."""
    info = prepare_shapes(tmp_path, 8)
    looked = []

    def inception(batch):
        looked.append(len(batch))
        means = batch.reshape(len(batch), -1, 3).mean(axis=1).astype(np.float32) / 255
        return InceptionOutput(means, means / means.sum(axis=1, keepdims=True))

    names = ("fid", "kid", "is", "pr")
    assert need_inception(names)
    assert not need_inception(("swd", "modes"))
    reals = RealPictures(info, 8, 300, seed=0)
    evaluation = Evaluation(make_metrics(names, reals, "f" * 64), reals, inception=inception)
    assert sum(looked) == 600  # each picture once, for all four
    fid, kid, inception_score, pr = evaluation._floors
    assert 0 < fid["fid"] < 0.01
    assert abs(kid["kid"]) < 10
    assert 1 <= inception_score["is"] <= 3
    assert pr["precision"] > 0.8
    assert pr["recall"] > 0.8
