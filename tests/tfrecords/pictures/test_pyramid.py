import numpy as np
import pytest

from tfrecords.common.errors import UserError
from tfrecords.pictures.images import build_pyramid, resolutions


@pytest.mark.parametrize(("size", "channels"), [(4, 1), (32, 3), (64, 4), (1024, 3)])
def test_each_level_is_the_mean_over_blocks_of_the_picture(size, channels):
    image = np.random.default_rng(size).integers(0, 256, (size, size, channels), np.uint8)
    pyramid = build_pyramid(image)
    assert list(pyramid) == [2**k for k in range(size.bit_length() - 1, 1, -1)]
    for resolution, level in pyramid.items():
        block = size // resolution
        blocks = image.astype(np.float64).reshape(resolution, block, resolution, block, channels)
        expected = blocks.mean(axis=(1, 3))
        assert level.dtype == np.uint8
        # Not from the rounded level above: never further off than the rounding.
        assert np.abs(level - expected).max() <= 0.5
    np.testing.assert_array_equal(pyramid[size], image)


def test_averages_are_carried_unrounded():
    # Blocks of 2x2 average to 0.25, 0.25, 0.25 and 1.5; their mean 0.5625 rounds to 1.
    # By way of the rounded 0, 0, 0 and 2 it would be 0.5, which rounds to 0.
    low, high = np.array([[1, 0], [0, 0]], np.uint8), np.array([[6, 0], [0, 0]], np.uint8)
    image = np.tile(np.block([[low, low], [low, high]]), (4, 4))[..., np.newaxis]
    pyramid = build_pyramid(image)
    assert sorted(np.unique(pyramid[8])) == [0, 2]
    assert (pyramid[4] == 1).all()


def test_resolutions_run_from_the_largest_down_to_4():
    assert resolutions(64) == (64, 32, 16, 8, 4)
    assert resolutions(4) == (4,)


@pytest.mark.parametrize(("got", "hint"), [(100, 64), (2, 4), (0, 4), (-8, 4), (6, 4)])
def test_a_resolution_that_is_no_power_of_two_is_an_error(got, hint):
    with pytest.raises(UserError, match=f"power of two, 4 or more, got {got}: take {hint}$"):
        resolutions(got)


@pytest.mark.parametrize(
    "image",
    [np.zeros((8, 8, 3), np.float32), np.zeros((8, 4, 3), np.uint8), np.zeros((8, 8), np.uint8)],
)
def test_anything_but_a_square_uint8_picture_is_an_error(image):
    with pytest.raises(ValueError, match="image must be uint8"):
        build_pyramid(image)
