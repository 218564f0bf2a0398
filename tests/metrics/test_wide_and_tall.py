"""Metrics of pictures that are not square: what turning them on their side must not change."""

import numpy as np
import pytest

from pgan_tf.metrics import sliced_wasserstein as swd
from pgan_tf.metrics.by_name import check_resolution
from pgan_tf.metrics.ms_ssim import ms_ssim
from tests.helpers.made_source import noise
from tfrecords.common.errors import UserError
from tfrecords.common.shape import Base

WIDE = Base(5, 3)


def test_levels_of_a_pyramid_add_up_and_turn_with_the_pictures():
    pictures = np.random.default_rng(0).normal(size=(2, 3, 24, 40)).astype(np.float32)
    levels = swd.laplacian_pyramid(pictures, 10)
    assert [one.shape[2:] for one in levels.values()] == [(24, 40), (12, 20), (6, 10)]
    turned = swd.laplacian_pyramid(pictures.swapaxes(2, 3), 6)
    for level, other in zip(levels.values(), turned.values(), strict=True):
        np.testing.assert_allclose(level.swapaxes(2, 3), other, rtol=0, atol=1e-5)
    first, second, last = levels.values()
    whole = first + swd.enlarge(second + swd.enlarge(last))
    np.testing.assert_allclose(whole, pictures, rtol=0, atol=1e-5)


def test_distance_of_pictures_from_themselves_is_0_and_from_others_is_not():
    metric = swd.make_swd(4, 32, 3, seed=0, base=WIDE)
    pictures = np.random.default_rng(0).integers(0, 256, (4, 24, 40, 3), np.uint8)
    sets = [metric.collect(0), metric.collect(0), metric.collect(0)]
    for one, shown in zip(sets, (pictures, pictures, pictures // 2), strict=True):
        one.add(shown)
    assert set(metric.compare(sets[0], sets[1])) == {"swd", "swd_16", "swd_32"}
    assert metric.compare(sets[0], sets[1])["swd"] == pytest.approx(0, abs=1e-3)
    assert metric.compare(sets[0], sets[2])["swd"] > 0


def test_levels_end_where_a_patch_no_longer_fits():
    assert [swd.lowest_level(base) for base in (Base(), WIDE, Base(5, 1))] == [16, 16, 32]


def test_similarity_turns_with_the_pictures_and_is_1_of_equal_ones():
    a, b = (noise(3, 64, seed=seed)[:, :, :40] for seed in (1, 2))  # odd after three halvings
    turned = ms_ssim(a.swapaxes(1, 2), b.swapaxes(1, 2))
    np.testing.assert_allclose(ms_ssim(a, b), turned, rtol=1e-12)
    np.testing.assert_allclose(ms_ssim(a, a), 1, rtol=1e-12)
    assert ms_ssim(a, b).max() < 0.9


@pytest.mark.parametrize("name", ["modes", "emoji_fd"])
def test_metrics_that_know_squares_alone_say_so(name):
    with pytest.raises(UserError, match=f"{name}: expected square pictures, got 40x24"):
        check_resolution([name], 32, WIDE)
