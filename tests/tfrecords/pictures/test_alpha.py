"""Transparent pictures: hidden color is lost, averages are right, files get straight color."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.helpers.made_source import encode, options
from tfrecords.pictures import alpha
from tfrecords.pictures.images import build_pyramid, prepare_picture
from tfrecords.pictures.kinds import encode_picture

RED, HIDDEN_GREEN = (255, 0, 0, 255), (0, 255, 0, 0)


def two_halves(left, right, side=16):
    pixels = np.empty((side, side, 4), np.uint8)
    pixels[:, : side // 2], pixels[:, side // 2 :] = left, right
    return pixels


def prepare(pixels, side, **fields):
    return prepare_picture(encode(pixels), options(side, 4, **fields))


def test_hidden_color_is_not_in_the_records():
    picture = prepare(two_halves(RED, HIDDEN_GREEN), 16)
    np.testing.assert_array_equal(picture, two_halves(RED, (0, 0, 0, 0)))
    # Between both, Lanczos blends red with nothing: no green, and no color above alpha.
    smaller = prepare(two_halves(RED, HIDDEN_GREEN, 18), 8)
    assert not smaller[..., 1:3].any()
    assert (smaller[..., :3] <= smaller[..., 3:]).all()
    assert 0 < smaller[0, 4, 3] < 255


def test_the_average_of_red_and_nothing_is_half_transparent_red():
    columns = two_halves(RED, (0, 0, 0, 0), 8)[:, [0, 4] * 4]  # red and nothing in turn
    lowest = build_pyramid(columns)[4]
    assert (alpha.straight(lowest) == (255, 0, 0, 128)).all()


@pytest.mark.parametrize("opacity", [0, 1, 77, 254, 255])
def test_on_white_is_the_same_for_straight_and_premultiplied_color(opacity):
    colors = np.random.default_rng(0).integers(0, opacity + 1, (64, 3), np.uint8)
    pictures = np.concatenate([colors, np.full((64, 1), opacity, np.uint8)], axis=1)
    expected = colors + (255.0 - opacity)
    np.testing.assert_array_equal(alpha.on_white(pictures), expected)
    by_straight = alpha.straight_on_white(alpha.straight(pictures))
    assert np.abs(by_straight - expected).max() <= 1


def test_bars_of_a_letterbox_are_transparent_and_opaque_pictures_stay_opaque():
    wide = prepare(np.full((8, 16, 4), RED, np.uint8), 16, fit="letterbox")
    assert not wide[:4].any()
    assert (wide[4:12] == RED).all()
    photo = prepare_picture(encode(np.full((8, 8, 3), 9, np.uint8)), options(8, 4))
    assert (photo == (9, 9, 9, 255)).all()


@pytest.mark.parametrize(("ending", "mode"), [("png", "RGBA"), ("webp", "RGBA"), ("jpg", "RGB")])
def test_files_are_transparent_where_their_format_is(ending, mode):
    picture = two_halves(RED, (0, 0, 0, 0))
    opened = Image.open(io.BytesIO(encode_picture(picture, f"x.{ending}")))
    assert opened.mode == mode
    expected = picture if mode == "RGBA" else alpha.straight_on_white(picture)
    assert np.abs(np.asarray(opened).astype(int) - expected).max() <= 2
    squares = alpha.on_checkerboard(picture)
    np.testing.assert_array_equal(squares[0, [0, 8]], [RED[:3], (204, 204, 204)])
