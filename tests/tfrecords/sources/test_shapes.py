import collections

import numpy as np
import pytest

from tfrecords.sources import shapes


def box_average(image, factor):
    size = image.shape[0] // factor
    return image.astype(np.float64).reshape(size, factor, size, factor, 3).mean(axis=(1, 3))


def test_every_index_is_another_picture_and_all_combinations_occur():
    pictures = {shapes.describe(index) for index in range(shapes.NUM_PICTURES)}
    assert shapes.NUM_PICTURES == len(pictures) == 6 * 6 * 4 * 3 * 3 * 3


def test_every_mode_has_27_pictures():
    modes = collections.Counter(shapes.describe(index).mode for index in range(shapes.NUM_PICTURES))
    assert modes == dict.fromkeys(range(144), 27)
    assert shapes.NUM_MODES == 144


@pytest.mark.parametrize("block", [0, 1, 13, 26])
def test_a_block_of_144_holds_each_mode_once(block):
    indices = range(block * 144, block * 144 + 144)
    assert {shapes.describe(index).mode for index in indices} == set(range(144))


def test_prefixes_cover_everything_evenly():
    for length in (64, 144, 500, 1000):
        pictures = [shapes.describe(index) for index in range(length)]
        for field in ("shape", "colour", "background", "size", "dx", "dy"):
            counts = collections.Counter(getattr(picture, field) for picture in pictures)
            assert max(counts.values()) - min(counts.values()) <= 6, (length, field)


def test_drawn_pictures_differ_at_every_resolution():
    for resolution in (4, 32):
        drawn = {shapes.draw(i, resolution).tobytes() for i in range(shapes.NUM_PICTURES)}
        assert len(drawn) == shapes.NUM_PICTURES


@pytest.mark.parametrize("resolution", [4, 8, 16, 32])
def test_small_pictures_are_box_averages_of_large_ones(resolution):
    for index in range(0, shapes.NUM_PICTURES, 37):
        expected = box_average(shapes.draw(index, 64), 64 // resolution)
        assert np.abs(shapes.draw(index, resolution) - expected).max() <= 1


def test_pictures_above_the_master_resolution_agree_with_it():
    for index in (0, 5, 20, 77):
        averaged = box_average(shapes.draw(index, 512), 512 // 16)
        assert np.abs(shapes.draw(index, 16) - averaged).max() <= 2


@pytest.mark.parametrize("resolution", [4, 64, 1024])
def test_a_drawing_is_uint8_rgb_and_always_the_same(resolution):
    first = shapes.draw(7, resolution)
    shapes._coverage.cache_clear()
    assert first.shape == (resolution, resolution, 3)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, shapes.draw(7, resolution))


def test_the_middle_of_the_border_is_the_background_and_areas_are_right():
    # Areas in units of the squared width of the shape, by geometry.
    decagon = 5 * 0.5 * np.sin(np.pi / 5) / (4 * np.sin(np.radians(72)) ** 2)
    areas = {
        "circle": np.pi / 4,
        "square": 1,
        "triangle": np.sqrt(3) / 4,
        "star": decagon,
        "cross": 2 * 0.375 - 0.375**2,
        "ring": np.pi / 4 * (1 - 0.5**2),
    }
    for index in range(144):
        picture = shapes.describe(index)
        image = shapes.draw(index, 256).astype(np.float64)
        background = np.array(shapes.BACKGROUNDS[picture.background])
        colour = np.array(shapes.COLOURS[picture.colour])
        np.testing.assert_array_equal(image[0, 0], background)
        channel = np.abs(colour - background).argmax()
        coverage = (image[..., channel] - background[channel]) / (colour - background)[channel]
        width = shapes.SIZES[picture.size]
        expected = areas[shapes.LABEL_NAMES[picture.shape]] * width**2
        assert coverage.mean() == pytest.approx(expected, rel=0.01), picture


def test_the_bounding_box_has_the_size_and_the_place_described():
    for index in range(0, shapes.NUM_PICTURES, 29):
        picture = shapes.describe(index)
        image = shapes.draw(index, 256).astype(int)
        inked = np.abs(image - shapes.BACKGROUNDS[picture.background]).max(axis=-1) > 0
        columns = np.flatnonzero(inked.any(axis=0))
        rows = np.flatnonzero(inked.any(axis=1))
        width = (columns[-1] - columns[0] + 1) / 256
        assert width == pytest.approx(shapes.SIZES[picture.size], abs=2.5 / 256)
        middle_x = (columns[-1] + columns[0] + 1) / 512 - 0.5
        middle_y = (rows[-1] + rows[0] + 1) / 512 - 0.5
        assert middle_x == pytest.approx(shapes.OFFSETS[picture.dx], abs=2 / 256)
        assert middle_y == pytest.approx(shapes.OFFSETS[picture.dy], abs=2 / 256)


def test_colours_are_far_from_each_other_and_from_every_background():
    colours = np.array(shapes.COLOURS, float)
    backgrounds = np.array(shapes.BACKGROUNDS, float)
    between = np.linalg.norm(colours[:, None] - colours, axis=-1)
    assert between[~np.eye(6, dtype=bool)].min() > 100
    assert np.linalg.norm(colours[:, None] - backgrounds, axis=-1).min() > 100


def test_the_label_is_the_shape():
    assert [shapes.label(i) for i in range(50)] == [shapes.describe(i).shape for i in range(50)]
    assert len(shapes.LABEL_NAMES) == 6


@pytest.mark.parametrize("index", [-1, shapes.NUM_PICTURES])
def test_an_index_out_of_range_is_an_error(index):
    with pytest.raises(IndexError, match="0 to 3887"):
        shapes.draw(index, 32)


@pytest.mark.parametrize("resolution", [2, 33, 2048])
def test_another_resolution_is_an_error(resolution):
    with pytest.raises(ValueError, match="power of two from 4 to 1024"):
        shapes.draw(0, resolution)
