"""Sheets of pictures."""

import numpy as np
import pytest

from pgan_tf.config.training import NetworkConfig
from pgan_tf.networks import sampling
from pgan_tf.runs import sheets


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def test_a_grid_is_laid_out_in_rows_and_ends_in_white():
    pictures = noise(5, 4, 4, 3)
    grid = sheets.make_grid(pictures, columns=3, resolution=4)
    assert grid.shape == (8, 12, 3)
    for index, picture in enumerate([*pictures, np.full((4, 4, 3), 255)]):
        top, left = 4 * (index // 3), 4 * (index % 3)
        np.testing.assert_array_equal(grid[top : top + 4, left : left + 4], picture)
    assert sheets.make_grid(pictures[:2], columns=5, resolution=4).shape == (4, 20, 3)


def test_a_grid_enlarges_small_pictures_by_nearest_neighbor():
    picture = np.array([[1, 2], [3, 4]], np.uint8).reshape(1, 2, 2, 1)
    grid = sheets.make_grid(picture, columns=1, resolution=4)
    expected = [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    np.testing.assert_array_equal(grid[..., 0], expected)


@pytest.mark.parametrize("resolution", [2**level for level in range(2, 11)])
def test_a_sheet_is_neither_tiny_nor_huge(resolution):
    columns, rows = sheets.sheet_shape(resolution)
    assert 4 <= columns <= 16 and 2 <= rows <= 8 and columns * rows >= 8
    assert columns * resolution <= max(1024, 4 * resolution)
    assert rows * resolution <= max(512, 2 * resolution)


def test_a_sheet_shows_a_class_in_each_column_and_a_seed_in_each_place():
    network = NetworkConfig(resolution=8, latent_size=6, label_size=3)
    latents, labels = sheets.sheet_inputs(network, seed=40)
    columns, rows = sheets.sheet_shape(8)
    assert len(latents) == len(labels) == columns * rows
    expected = sampling.latents_from_seeds([40, 40 + columns], 6)
    np.testing.assert_array_equal(latents[[0, columns]], expected)
    classes = labels.argmax(axis=1).reshape(rows, columns)
    np.testing.assert_array_equal(classes, np.tile(np.arange(columns) % 3, (rows, 1)))
