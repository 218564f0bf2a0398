"""Sheets of pictures."""

import numpy as np
import pytest

from pgan_tf.config.training import NetworkConfig
from pgan_tf.networks import sampling
from pgan_tf.runs import sheets
from tests.helpers.made_source import noise


def test_a_grid_is_laid_out_in_rows_enlarged_by_nearest_neighbor_and_ends_in_white():
    pictures = noise(5, 4)
    grid = sheets.make_grid(pictures, columns=3, resolution=8)
    assert grid.shape == (16, 24, 3)
    for index, picture in enumerate([*pictures, np.full((4, 4, 3), 255)]):
        top, left = 8 * (index // 3), 8 * (index % 3)
        enlarged = picture.repeat(2, axis=0).repeat(2, axis=1)
        np.testing.assert_array_equal(grid[top : top + 8, left : left + 8], enlarged)


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
