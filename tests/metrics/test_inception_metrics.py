"""Metrics of Inception's features, where mathematics knows the answer."""

import numpy as np
import pytest

from pgan_tf.metrics.by_name import make_metrics, need_inception
from pgan_tf.metrics.evaluation import Comparison, Evaluation, RealPictures
from pgan_tf.metrics.frechet_distance import MomentCollector, Moments, frechet_distance, moments_of
from pgan_tf.metrics.inception import InceptionOutput, blocks_of
from pgan_tf.metrics.inception_score import ScoreCollector
from pgan_tf.metrics.kernel_distance import kernel_distance
from pgan_tf.metrics.precision_recall import Manifold, compare_manifolds, make_pr
from tfrecords.common.errors import UserError

RANDOM = np.random.default_rng(0)


def batches(vectors, size=7):
    return tuple(vectors[start : start + size] for start in range(0, len(vectors), size))


# Fréchet distance


def test_distance_of_gaussians_along_different_axes():
    # Of two rows and columns: tr √M = √(tr M + 2 √det M).
    a, b = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([[1.0, -0.9], [-0.9, 3.0]])
    root = np.sqrt(np.trace(a @ b) + 2 * np.sqrt(np.linalg.det(a @ b)))
    expected = 3**2 + 4**2 + np.trace(a) + np.trace(b) - 2 * root
    a, b = Moments(11, np.array([1, 0]), 10 * a), Moments(11, np.array([4, -4]), 10 * b)
    assert frechet_distance(a, b) == pytest.approx(expected, abs=1e-12)


def test_identical_sets_are_at_distance_0_with_fewer_pictures_than_features():
    vectors = RANDOM.normal(size=(50, 300)) * np.exp(-np.arange(300) / 20)
    assert abs(frechet_distance(moments_of(vectors), moments_of(vectors[::-1]))) < 1e-10


def test_moments_of_batches_are_those_of_the_whole_far_from_zero_too():
    vectors = (1e4 + RANDOM.normal(size=(100, 3))).astype(np.float32)
    collector = MomentCollector(lambda batch: batch)
    for batch in np.split(vectors, [1, 40, 97]):
        collector.add(batch)
    found, exact = collector.moments, vectors.astype(np.float64)
    assert found.count == 100
    np.testing.assert_allclose(found.mean, exact.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(found.covariance, np.cov(exact.T), rtol=1e-9, atol=1e-11)


# Kernel distance


def test_kernel_distance_is_the_mean_over_pairs_of_different_pictures():
    a, b = RANDOM.normal(size=(9, 4)), RANDOM.normal(size=(5, 4)) + 0.5

    def kernel(x, y):
        return (x @ y / 4 + 1) ** 3

    def within(s):
        return np.mean([kernel(s[i], s[j]) for i in range(len(s)) for j in range(len(s)) if i != j])

    expected = within(a) + within(b) - 2 * np.mean([kernel(x, y) for x in a for y in b])
    assert kernel_distance(batches(a), batches(b)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("rows", "blocks"), [(1, 5), (8, 3), (64, 1)])
def test_blocks_change_nothing(monkeypatch, rows, blocks):
    sets = [batches(RANDOM.normal(size=(33, 4)).astype(np.float32)) for _ in range(2)]
    whole = kernel_distance(*sets), compare_manifolds(*map(Manifold, sets))
    monkeypatch.setattr(blocks_of, "__defaults__", (rows,))
    assert len(list(blocks_of(sets[0]))) == blocks
    assert kernel_distance(*sets) == pytest.approx(whole[0], rel=1e-10)
    assert compare_manifolds(*map(Manifold, sets)) == whole[1]


# Inception score


@pytest.mark.parametrize(
    ("rows", "parts", "size", "expected"),
    [
        (np.full((40, 8), 1 / 8), 10, 7, [1] * 10),  # unsure
        (np.tile(np.eye(8), (20, 1)), 10, 7, [8] * 10),  # sure, of all classes
        # Rather sure of one of two classes: 2 pᵖ (1-p)¹⁻ᵖ.
        (np.tile([[0.9, 0.1], [0.1, 0.9]], (20, 1)), 4, 7, [2 * 0.9**0.9 * 0.1**0.1] * 4),
        (np.eye(4), 10, 7, [1] * 4),  # fewer pictures than parts
        # 23 pictures in 3 parts end, as published, before 7, 15 and 23.
        *((np.eye(4)[[0] * 7 + [0, 1, 2, 3] * 4], 3, size, [1, 4, 4]) for size in (1, 7, 100)),
    ],
)
def test_inception_scores_of_parts(rows, parts, size, expected):
    collector = ScoreCollector(len(rows), parts)
    for batch in batches(np.asarray(rows, np.float32), size):
        collector.add(InceptionOutput(batch, batch))
    np.testing.assert_allclose(collector.scores(), expected, rtol=1e-6)


# Precision and recall

POINTS = RANDOM.normal(size=(60, 5)).astype(np.float32)
LINE = np.arange(10.0)[:, None]


@pytest.mark.parametrize(
    ("reals", "fakes", "precision", "recall", "both"),
    [
        (POINTS, POINTS[::-1], 1, 1, 1),  # identical
        (POINTS, POINTS + 100, 0, 0, 0),  # disjoint
        (POINTS, np.tile(POINTS[7], (60, 1)), 1, 1 / 60, 2 / 61),  # copies of one
        (POINTS, np.concatenate([POINTS, POINTS + 1000]), 0.5, 1, 2 / 3),  # half of them elsewhere
        # On a line the third neighbor is at 2, at its ends at 3: spheres cover -3 to 12, ends
        # included. Those of four far points reach to all of it.
        (LINE, np.array([[-3.0], [-3.5], [12.5], [50.0]]), 1 / 4, 1, 0.4),
    ],
)
def test_precision_recall_and_their_harmonic_mean(reals, fakes, precision, recall, both):
    found = compare_manifolds(Manifold(batches(reals)), Manifold(batches(fakes)))
    assert found == {"pr": pytest.approx(both), "precision": precision, "recall": recall}
    with pytest.raises(UserError, match=r"--num_images of at least 4, .* got 3"):
        make_pr(3, "")


def test_each_picture_is_looked_at_once_for_all_four(shapes_at):
    counts = []

    def inception(batch):
        counts.append(len(batch))
        means = batch.reshape(len(batch), -1, 3).mean(axis=1).astype(np.float32) / 255
        return InceptionOutput(means, means / means.sum(axis=1, keepdims=True))

    names = ("fid", "kid", "is", "pr")
    assert need_inception(names) and not need_inception(("swd", "modes"))
    reals = RealPictures(shapes_at(8), 8, 300, seed=0)
    evaluation = Evaluation(
        Comparison(make_metrics(names, reals, "f" * 64), reals, inception=inception)
    )
    assert sum(counts) == 600
    fid, kid, inception_score, pr = evaluation._floors  # of real pictures, which are near to others
    assert 0 < fid["fid"] < 0.01 and abs(kid["kid"]) < 10
    assert 1 <= inception_score["is"] <= 3 and inception_score["is_std"] > 0
    assert pr["precision"] > 0.8 and pr["recall"] > 0.8
