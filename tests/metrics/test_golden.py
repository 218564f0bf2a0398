"""Sliced Wasserstein distance and MS-SSIM against the published implementation's numbers."""

import functools

import numpy as np
import pytest

from pgan_tf.metrics.ms_ssim import make_ms_ssim, ms_ssim
from pgan_tf.metrics.sliced_wasserstein import (
    Descriptors,
    enlarge,
    laplacian_pyramid,
    make_swd,
    sliced_wasserstein,
)
from tests.helpers.golden_cases import GOLDEN
from tfrecords.common.errors import UserError


@functools.cache
def golden():
    return dict(np.load(GOLDEN / "metrics.npz"))


def swd_by_seed(reals, fakes, seed):
    metric = make_swd(len(reals), reals.shape[1], 3, seed)
    collectors = []
    for which, pictures in enumerate((reals, fakes)):
        collector = metric.collect(which)
        for first in range(0, len(pictures), 48):
            collector.add(pictures[first : first + 48])
        collectors.append(collector)
    return metric.compare(*collectors)


@pytest.mark.parametrize("which", ["reals", "fakes"])
def test_pyramid_levels_are_the_published_ones(which):
    pictures = golden()[which][:4].transpose(0, 3, 1, 2).astype(np.float32)
    expected = {
        int(name.split("/")[-1]): level
        for name, level in golden().items()
        if name.startswith(f"pyramid/{which}/")
    }
    levels = laplacian_pyramid(pictures, min(expected))
    assert levels.keys() == expected.keys()
    for side, level in levels.items():
        ours = level.transpose(0, 2, 3, 1)
        np.testing.assert_allclose(ours, expected[side], atol=2e-4, err_msg=str(side))


def test_levels_add_up_to_the_pictures():
    pictures = np.random.default_rng(0).uniform(0, 255, (2, 3, 64, 64)).astype(np.float32)
    (_, band64), (_, band32), (_, lowest) = laplacian_pyramid(pictures, 16).items()
    again = enlarge(enlarge(lowest) + band32) + band64
    np.testing.assert_allclose(again, pictures, atol=1e-3)


def test_distance_of_the_published_descriptors_along_the_published_directions():
    a, b = (golden()[f"descriptors/{name}"] for name in "ab")
    clouds = [Descriptors(one, np.zeros(3), np.ones(3)) for one in (a, b)]
    np.random.seed(8)
    draws = [np.random.randn(a.shape[1], 128) for _ in range(4)]
    directions = np.concatenate([draw / np.linalg.norm(draw, axis=0) for draw in draws], axis=1)
    distance = sliced_wasserstein(*clouds, directions)
    assert distance == pytest.approx(float(golden()["swd_descriptors_seed8"]), rel=1e-5)


def test_swd_is_within_the_spread_of_the_published_one():
    """Over seeds: the mean within three standard errors, each value within the extremes' room."""
    published = golden()["swd_x1e3_by_seed"]
    ours = np.array(
        [
            [values[name] for name in ("swd_32", "swd_16", "swd")]
            for values in (
                swd_by_seed(golden()["reals"], golden()["fakes"], seed) for seed in range(6)
            )
        ]
    )
    deviation = published.std(axis=0, ddof=1)
    error = deviation * np.sqrt(1 / len(published) + 1 / len(ours))
    assert (np.abs(ours.mean(axis=0) - published.mean(axis=0)) < 3 * error).all()
    assert (np.abs(ours - published.mean(axis=0)) < 4 * deviation).all()


def test_swd_tells_fine_noise_from_coarse_noise():
    """Both have the same colours; patches of two sets of the same kind are near."""
    fine = np.random.default_rng(0).integers(0, 256, (2, 96, 32, 32, 3), np.uint8)
    coarse = fine[0, :, ::4, ::4].repeat(4, axis=1).repeat(4, axis=2)
    assert swd_by_seed(*fine, 0)["swd"] < 0.5 * swd_by_seed(fine[0], coarse, 0)["swd"]


def test_swd_of_pictures_of_one_colour_is_a_number():
    black = np.zeros((8, 32, 32, 3), np.uint8)
    assert swd_by_seed(black, black, 0)["swd"] == 0


def test_same_seed_same_swd():
    reals, fakes = golden()["reals"][:96], golden()["fakes"][:96]
    assert swd_by_seed(reals, fakes, 3) == swd_by_seed(reals, fakes, 3)
    assert swd_by_seed(reals, fakes, 3) != swd_by_seed(reals, fakes, 4)


def test_ms_ssim_is_the_published_one():
    pictures = golden()["msssim_input"]
    score = ms_ssim(pictures[0::2], pictures[1::2]).mean()
    assert score == pytest.approx(float(golden()["msssim_score"]), abs=1e-5)
    itself = ms_ssim(pictures, pictures).mean()
    assert itself == pytest.approx(float(golden()["msssim_self"]), abs=1e-6)
    assert itself == pytest.approx(1, abs=1e-9)


def test_ms_ssim_of_each_published_pair():
    reals, fakes = (np.tile(golden()[name][:4], (1, 8, 8, 1)) for name in ("reals", "fakes"))
    np.testing.assert_allclose(ms_ssim(reals, fakes), golden()["msssim_pairs"], atol=1e-5)


def test_ms_ssim_collector_averages_pairs_and_leaves_an_odd_one_out():
    pictures = golden()["msssim_input"]
    metric = make_ms_ssim(192)
    collector = metric.collect(0)
    collector.add(pictures[:2])
    collector.add(pictures[2:])
    collector.add(pictures[:1])
    values = metric.compare(None, collector)
    assert values["ms_ssim"] == pytest.approx(float(golden()["msssim_score"]), abs=1e-5)


@pytest.mark.parametrize("make", [lambda: make_swd(8, 8, 3, 0), lambda: make_ms_ssim(8)])
def test_pictures_that_are_too_small_are_refused(make):
    with pytest.raises(UserError, match="expected pictures of at least 16 px"):
        make()
