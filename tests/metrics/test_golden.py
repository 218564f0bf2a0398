"""Sliced Wasserstein distance and MS-SSIM against the published implementation's numbers."""

import numpy as np
import pytest

from pgan_tf.metrics import sliced_wasserstein as swd
from pgan_tf.metrics.by_name import check_resolution
from pgan_tf.metrics.ms_ssim import make_ms_ssim, ms_ssim
from tests.helpers.golden_cases import GOLDEN
from tfrecords.common.errors import UserError


@pytest.fixture(scope="module")
def golden():
    return dict(np.load(GOLDEN / "metrics.npz"))


def swd_by_seed(reals, fakes, seed):
    metric = swd.make_swd(len(reals), reals.shape[1], 3, seed)
    collectors = [metric.collect(which) for which in range(2)]
    for collector, pictures in zip(collectors, (reals, fakes), strict=True):
        for start in range(0, len(pictures), 48):
            collector.add(pictures[start : start + 48])
    return metric.compare(*collectors)


@pytest.mark.parametrize("which", ["reals", "fakes"])
def test_pyramid_levels_are_the_published_ones(golden, which):
    prefix = f"pyramid/{which}/"
    expected = {int(k.removeprefix(prefix)): v for k, v in golden.items() if k.startswith(prefix)}
    pictures = golden[which][:4].transpose(0, 3, 1, 2).astype(np.float32)
    levels = swd.laplacian_pyramid(pictures, min(expected))
    assert levels.keys() == expected.keys()
    for side, level in levels.items():
        np.testing.assert_allclose(level.transpose(0, 2, 3, 1), expected[side], atol=2e-4)


def test_distance_of_the_published_descriptors_along_the_published_directions(golden):
    a, b = (golden[f"descriptors/{name}"] for name in "ab")
    clouds = [swd.Descriptors(one, np.zeros(3), np.ones(3)) for one in (a, b)]
    np.random.seed(8)
    draws = [np.random.randn(a.shape[1], 128) for _ in range(4)]
    directions = np.concatenate([draw / np.linalg.norm(draw, axis=0) for draw in draws], axis=1)
    distance = swd.sliced_wasserstein(*clouds, directions)
    assert distance == pytest.approx(float(golden["swd_descriptors_seed8"]), rel=1e-5)


def test_swd_is_within_the_spread_of_the_published_one(golden):
    """Over seeds: the mean within three standard errors, each value within the extremes' room."""
    published, names = golden["swd_x1e3_by_seed"], ("swd_32", "swd_16", "swd")
    found = [swd_by_seed(golden["reals"], golden["fakes"], seed) for seed in range(6)]
    ours = np.array([[values[name] for name in names] for values in found])
    deviation = published.std(axis=0, ddof=1)
    error = deviation * np.sqrt(1 / len(published) + 1 / len(ours))
    assert (np.abs(ours.mean(axis=0) - published.mean(axis=0)) < 3 * error).all()
    assert (np.abs(ours - published.mean(axis=0)) < 4 * deviation).all()


def test_swd_depends_on_the_seed_alone_and_looks_at_large_levels_too():
    reals, fakes = np.random.default_rng(0).integers(0, 256, (2, 2, 128, 128, 3), np.uint8)
    first = swd_by_seed(reals, fakes, 3)
    assert list(first) == ["swd", "swd_128", "swd_64", "swd_32", "swd_16"]
    assert first == swd_by_seed(reals, fakes, 3) != swd_by_seed(reals, fakes, 4)
    black = np.zeros((8, 32, 32, 3), np.uint8)  # whose deviation is 0
    assert swd_by_seed(black, black, 0) == {"swd": 0, "swd_32": 0, "swd_16": 0}


def test_ms_ssim_is_the_published_one(golden):
    pictures = golden["msssim_input"]
    itself = ms_ssim(pictures[:2], pictures[:2]).mean()
    assert itself == pytest.approx(float(golden["msssim_self"]), abs=1e-6)
    assert itself == pytest.approx(1, abs=1e-9)
    # Pairs of neighbors in a batch, without an odd one at its end.
    metric = make_ms_ssim()
    collector = metric.collect(0)
    for batch in (pictures[:2], pictures[2:], pictures[:1]):
        collector.add(batch)
    values = metric.compare(None, collector)
    assert values["ms_ssim"] == pytest.approx(float(golden["msssim_score"]), abs=1e-5)


def test_ms_ssim_of_each_published_pair(golden):
    reals, fakes = (np.tile(golden[name][:4], (1, 8, 8, 1)) for name in ("reals", "fakes"))
    np.testing.assert_allclose(ms_ssim(reals, fakes), golden["msssim_pairs"], atol=1e-5)


@pytest.mark.parametrize("name", ["swd", "ms_ssim"])
def test_pictures_that_are_too_small_are_refused(name):
    check_resolution(("modes", name), 16)
    with pytest.raises(UserError, match=f"{name}: expected pictures of at least 16 px, got 8"):
        check_resolution(("modes", name), 8)
