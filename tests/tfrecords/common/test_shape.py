"""Bases: cells of the lowest resolution, and which pictures have which."""

import itertools

import pytest

from tfrecords.common.shape import PAPER, Base, base_like, find_shape, parse_shape
from tfrecords.pictures.defaults import choose_shape


@pytest.mark.parametrize(
    ("text", "base", "resolution"),
    [
        *(("96x64", (3, 2), 128), ("64x160", (2, 5), 128), ("40x64", (5, 8), 32)),
        # The paper's 4x4 for squares of a power of two; not fewer than 3x2 cells for others.
        *(("4x4", (4, 4), 4), ("64x64", (4, 4), 64), ("1024x1024", (4, 4), 1024)),
        *(("128x64", (4, 2), 128), ("64x16", (8, 2), 32), ("64x8", (8, 1), 32)),
    ],
)
def test_a_shape_has_the_base_that_is_doubled_most_often(text, base, resolution):
    shape = parse_shape(text)
    assert (shape.base, shape.resolution) == (Base(*base), resolution)
    assert str(shape) == text


def test_every_base_times_a_power_of_two_is_a_shape_of_that_size():
    for width, height, doublings in itertools.product(range(1, 9), range(1, 9), range(9)):
        size = width << doublings, height << doublings
        shape = find_shape(*size)
        assert shape and shape.base.size(shape.resolution) == size
    assert find_shape(9, 8) is find_shape(96, 100) is find_shape(4096, 4096) is None


@pytest.mark.parametrize(("text", "words"), [("100x75", "take 96x80"), ("96", "such as 96x64")])
def test_others_are_refused_with_the_nearest_shapes(text, words):
    with pytest.raises(ValueError, match=words):
        parse_shape(text)


def test_pictures_decide_where_most_agree():
    assert choose_shape([(96, 64)] * 3 + [(64, 96)] * 2) == find_shape(96, 64)
    assert choose_shape([(640, 427), (1500, 1000), (300, 300)]) == find_shape(384, 256)
    assert choose_shape([(96, 64)] * 2 + [(64, 96)] * 2) == (PAPER, 64)
    assert choose_shape([(178, 218)] * 9) == (PAPER, 128)  # between 4:5 and 5:6
    assert choose_shape([(80, 80)] * 9) == (PAPER, 64)  # squares are the paper's
    assert base_like(1920, 1080) == Base(7, 4)
