"""Sheets of pictures."""

import numpy as np
import pytest

from pgan_tf.config.training import NetworkConfig
from pgan_tf.networks import sampling
from pgan_tf.runs import lettering, sheets
from tests.helpers.made_source import noise


def test_a_grid_is_laid_out_in_rows_enlarged_by_nearest_neighbor_and_ends_in_white():
    pictures = noise(5, 4)
    grid = sheets.make_grid(pictures, columns=3, height=8)
    assert grid.shape == (16, 24, 3)
    for index, picture in enumerate([*pictures, np.full((4, 4, 3), 255)]):
        top, left = 8 * (index // 3), 8 * (index % 3)
        enlarged = picture.repeat(2, axis=0).repeat(2, axis=1)
        np.testing.assert_array_equal(grid[top : top + 8, left : left + 8], enlarged)


@pytest.mark.parametrize("resolution", [2**level for level in range(2, 11)])
def test_a_sheet_is_neither_tiny_nor_huge(resolution):
    columns, rows = sheets.sheet_shape((resolution, resolution))
    assert 4 <= columns <= 16 and 2 <= rows <= 8 and columns * rows >= 8
    assert columns * resolution <= max(1024, 4 * resolution)
    assert rows * resolution <= max(512, 2 * resolution)


@pytest.mark.parametrize(
    ("columns", "rows", "resolution", "width"),
    [
        *((16, 8, 4, 1024), (16, 8, 32, 1024), (8, 4, 128, 1024), (8, 4, 32, 1024)),
        # By whole factors; neither higher than 1024 px, nor one picture as large as a sheet.
        *((6, 2, 32, 960), (1, 8, 32, 128), (1, 1, 8, 256)),
        # Large pictures stay as they are.
        *((4, 2, 1024, 4096), (100, 1, 32, 3200)),
    ],
)
def test_small_pictures_are_enlarged_until_their_sheet_is_easy_to_see(
    columns, rows, resolution, width
):
    scale = sheets.enlargement(columns, rows, (resolution, resolution))
    assert scale * columns * resolution == width


def test_names_stand_above_the_rows_where_they_change():
    pictures = noise(5, 4)
    plain = sheets.make_sheet(pictures, 2, 32)
    np.testing.assert_array_equal(plain, sheets.make_grid(pictures, 2, 32))
    height = lettering.line_height(14)
    same = sheets.make_sheet(pictures, 2, 32, ["cat", "dog", "cat", "dog", "cat"])
    np.testing.assert_array_equal(same[height:], plain)
    heading = same[:height]
    # Each name is above its column: dark letters that differ, as far as the middle of it.
    assert (heading[:, :32] < 100).any() and (heading[:, 32:] < 100).any()
    assert (heading[:, :32] != heading[:, 32:]).any()
    others = sheets.make_sheet(pictures, 2, 32, ["cat", "dog", "dog", "cat", "dog"])
    assert len(others) == 2 * height + len(plain)
    np.testing.assert_array_equal(others[:height], heading)
    np.testing.assert_array_equal(others[height : height + 32], plain[:32])
    np.testing.assert_array_equal(others[2 * height + 32 :], plain[32:])
    gray = sheets.make_sheet(noise(2, 4, 1), 2, 32, ["cat", "dog"])
    np.testing.assert_array_equal(gray[:height, ..., 0], heading[..., 0])


def test_classes_have_their_names_or_numbers_where_the_font_lacks_letters():
    labels = sampling.one_hot_labels([2, 0, 1], 3)
    assert sheets.class_names(labels, ["Löwe", "猫", "dog"]) == ["dog", "Lowe", "1"]
    assert sheets.class_names(labels, ()) == ["2", "0", "1"]
    # No class, several, and labels that are no classes.
    assert sheets.class_names(np.float32([[0, 0], [0, 1]]), ["cat", "dog"]) == ["", "dog"]
    assert sheets.class_names(np.float32([[0.5, 0.5], [1, 1]]), ["cat", "dog"]) == []
    assert sheets.class_names(np.zeros((2, 0), np.float32), ()) == []


def test_a_long_file_name_leaves_the_others_as_large_as_they_are():
    short = [lettering.Words("1.png", 0, 80, keeps_end=True)]
    long = [*short, lettering.Words("photograph-000123.jpeg", 80, 160, keeps_end=True)]
    lines = [lettering.draw_line(160, 14, line) for line in (short, long)]
    np.testing.assert_array_equal(lines[1][:, :80], lines[0][:, :80])
    # Names of classes, which are compared, are equally large.
    words = [lettering.Words("cat", 0, 80), lettering.Words("a long-haired dachshund", 80, 160)]
    together, alone = (lettering.draw_line(160, 14, line) for line in (words, words[:1]))
    assert (together[:, :80] != alone[:, :80]).any()


@pytest.mark.parametrize("keeps_end", [False, True])
def test_words_stay_in_their_place_however_long_they_are(keeps_end):
    for text in ("i", "photograph-000123.jpeg" * 4, "W" * 500):
        words = [lettering.Words(text, 20, 80, keeps_end=keeps_end)]
        line = lettering.draw_line(100, 14, words)
        assert line.shape == (21, 100)
        assert (line[:, :20] == 255).all() and (line[:, 80:] == 255).all()
        assert (line < 100).any()


def test_a_sheet_shows_a_class_in_each_column_and_a_seed_in_each_place():
    network = NetworkConfig(resolution=8, latent_size=6, label_size=3)
    latents, labels = sheets.sheet_inputs(network, seed=40)
    columns, rows = sheets.sheet_shape((8, 8))
    assert len(latents) == len(labels) == columns * rows
    expected = sampling.latents_from_seeds([40, 40 + columns], 6)
    np.testing.assert_array_equal(latents[[0, columns]], expected)
    classes = labels.argmax(axis=1).reshape(rows, columns)
    np.testing.assert_array_equal(classes, np.tile(np.arange(columns) % 3, (rows, 1)))
