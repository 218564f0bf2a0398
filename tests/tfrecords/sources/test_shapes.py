import collections

import numpy as np
import pytest

from tfrecords.sources import shapes

PICTURES = [shapes.describe(index) for index in range(3888)]


def box_average(image, factor):
    size = image.shape[0] // factor
    return image.astype(np.float64).reshape(size, factor, size, factor, 3).mean(axis=(1, 3))


def test_every_index_is_another_picture_and_all_combinations_occur():
    assert shapes.NUM_PICTURES == len(set(PICTURES)) == 6 * 6 * 4 * 3 * 3 * 3
    modes = [picture.mode for picture in PICTURES]
    assert collections.Counter(modes) == dict.fromkeys(range(shapes.NUM_MODES), 27)
    for start in range(0, 3888, 144):
        assert set(modes[start : start + 144]) == set(range(144))
    assert [shapes.label(i) for i in range(50)] == [picture.shape for picture in PICTURES[:50]]
    for resolution in (4, 32):
        drawn = {shapes.draw(index, resolution).tobytes() for index in range(3888)}
        assert len(drawn) == 3888


def test_the_first_pictures_have_about_as_many_of_each_kind():
    for length in (64, 144, 500, 1000):
        for field in ("shape", "color", "background", "size", "dx", "dy"):
            counts = collections.Counter(getattr(picture, field) for picture in PICTURES[:length])
            assert max(counts.values()) - min(counts.values()) <= 6, (length, field)


def test_every_resolution_is_the_box_average_of_a_larger_one():
    for resolution in (4, 8, 16, 32):
        for index in range(0, 3888, 61):
            expected = box_average(shapes.draw(index, 64), 64 // resolution)
            assert np.abs(shapes.draw(index, resolution) - expected).max() <= 1
    for index in (0, 5, 20, 77):
        averaged = box_average(shapes.draw(index, 512), 512 // 16)
        assert np.abs(shapes.draw(index, 16) - averaged).max() <= 2
    assert shapes.draw(7, 1024).shape == (1024, 1024, 3)


def test_shapes_have_the_area_the_size_and_the_place_described():
    # Areas in units of the squared width of the shape, by geometry.
    decagon = 5 * 0.5 * np.sin(np.pi / 5) / (4 * np.sin(np.radians(72)) ** 2)
    areas = {"circle": np.pi / 4, "square": 1, "triangle": np.sqrt(3) / 4, "star": decagon}
    areas |= {"cross": 2 * 0.375 - 0.375**2, "ring": np.pi / 4 * (1 - 0.5**2)}
    for index in (*range(0, 144, 2), *range(0, 3888, 41)):
        picture, image = PICTURES[index], shapes.draw(index, 256).astype(np.float64)
        background = np.array(shapes.BACKGROUNDS[picture.background])
        contrast = np.array(shapes.COLORS[picture.color]) - background
        np.testing.assert_array_equal(image[0, 0], background)
        channel = np.abs(contrast).argmax()
        coverage = (image[..., channel] - background[channel]) / contrast[channel]
        size = shapes.SIZES[picture.size]
        area = areas[shapes.LABEL_NAMES[picture.shape]] * size**2
        assert coverage.mean() == pytest.approx(area, rel=0.01), picture
        sides = [np.flatnonzero(coverage.any(axis=axis)) for axis in (0, 1)]
        assert (sides[0][-1] - sides[0][0] + 1) / 256 == pytest.approx(size, abs=2.5 / 256)
        for found, offset in zip(sides, (picture.dx, picture.dy), strict=True):
            middle = (found[-1] + found[0] + 1) / 512 - 0.5
            assert middle == pytest.approx(shapes.OFFSETS[offset], abs=2 / 256)


def test_an_index_or_a_resolution_out_of_range_is_an_error():
    for index in (-1, 3888):
        with pytest.raises(IndexError, match="0 to 3887"):
            shapes.draw(index, 32)
    for resolution in (2, 33, 2048):
        with pytest.raises(ValueError, match="power of two from 4 to 1024"):
            shapes.draw(0, resolution)
