import io
import math

import numpy as np
import pytest
from PIL import Image

from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig
from pgan_tf.data.reals import to_float
from pgan_tf.networks import sampling
from pgan_tf.networks.generator import build_generator
from pgan_tf.runs import sheets
from tfrecords.pictures.kinds import encode_picture

SMALL = NetworkConfig(resolution=8, latent_size=6, label_size=3, fmap_base=32, fmap_max=6)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


# Latents


def test_a_seed_gives_the_same_latents_whatever_the_company():
    alone = sampling.latents_from_seeds([7], 16)
    assert (alone.shape, alone.dtype) == ((1, 16), np.float32)
    company = sampling.latents_from_seeds([1, 7, 3, 7], 16)
    np.testing.assert_array_equal(company[[1, 3]], alone[[0, 0]])


def test_neighbouring_seeds_give_unrelated_latents():
    latents = sampling.latents_from_seeds(range(100, 164), 512)
    assert len({tuple(vector) for vector in latents}) == 64
    correlations = np.corrcoef(latents)[np.triu_indices(64, 1)]
    # 2016 of them, of deviation 1 / sqrt(512) = 0.044.
    assert np.abs(correlations).max() < 6 * 0.0442


def test_latents_are_standard_normal():
    numbers = sampling.latents_from_seeds(range(64), 512).ravel()
    count = numbers.size
    assert abs(numbers.mean()) < 5 / np.sqrt(count)
    assert abs(numbers.var() - 1) < 5 * np.sqrt(2 / count)
    # Within one, two and three deviations: 68.27, 95.45 and 99.73 of a hundred.
    for deviations, share in ((1, 0.6827), (2, 0.9545), (3, 0.9973)):
        got = (np.abs(numbers) < deviations).mean()
        assert got == pytest.approx(share, abs=5 * np.sqrt(share * (1 - share) / count))


def philox(counter, key):
    """Philox4x32-10 (Salmon et al., 2011)."""
    counter, key = list(counter), list(key)
    for _ in range(10):
        low, high = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [
            (high >> 32) ^ counter[1] ^ key[0],
            high & 0xFFFFFFFF,
            (low >> 32) ^ counter[3] ^ key[1],
            low & 0xFFFFFFFF,
        ]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return counter


def latents_in_another_language(seed, count):
    """TensorFlow's way from a seed to normal numbers, in nothing but integers and floats."""
    mixed = philox((seed, 0, 0, 0), (0x3EC8F720, 0x02461E29))
    normals = []
    for block in range(-(-count // 4)):
        bits = philox((block, 0, *mixed[2:]), mixed[:2])
        uniform = [(one & 0x7FFFFF) / 2**23 for one in bits]
        for first, second in (uniform[:2], uniform[2:]):
            radius = math.sqrt(-2 * math.log(max(first, 1e-7)))
            normals += [radius * math.sin(math.tau * second), radius * math.cos(math.tau * second)]
    return normals[:count]


@pytest.mark.parametrize("seed", [0, 1, 1000, 2**31 - 1])
def test_another_language_can_draw_the_same_latents(seed):
    (got,) = sampling.latents_from_seeds([seed], 70)
    np.testing.assert_allclose(got, latents_in_another_language(seed, 70), atol=1e-5)


def test_no_seeds_give_no_latents():
    assert sampling.latents_from_seeds([], 16).shape == (0, 16)


@pytest.mark.parametrize("seed", [0, 2**31 - 1, 2**31, 2**40])
def test_large_seeds_give_latents_of_their_own(seed):
    latents = sampling.latents_from_seeds([seed, seed + 1], 16)
    assert np.isfinite(latents).all()
    assert (latents[0] != latents[1]).any()


def test_classes_become_one_hot_rows():
    np.testing.assert_array_equal(
        sampling.one_hot_labels([2, 0, 4], 3), [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
    )
    assert sampling.one_hot_labels([0, 0], 0).shape == (2, 0)
    assert sampling.one_hot_labels([0], 3).dtype == np.float32


# Pictures


def test_to_uint8_undoes_to_float_for_all_256_values():
    values = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(sampling.to_uint8(to_float(values).numpy()), values)


def test_to_uint8_clips_and_rounds_to_the_nearest():
    step = 2 / 255
    images = np.array([-7, -1, -1 + 0.4 * step, -1 + 0.6 * step, 1 - 0.6 * step, 1, 1.01, 1e9])
    got = sampling.to_uint8(images.astype(np.float32))
    assert got.dtype == np.uint8
    assert got.tolist() == [0, 0, 0, 1, 254, 255, 255, 255]


def test_generated_pictures_do_not_depend_on_the_batch_size():
    generator = build_generator(Stage(0, 8, "stabilize", 0, 9), SMALL)
    latents = sampling.latents_from_seeds(range(7), 6)
    labels = sampling.one_hot_labels(range(7), 3)
    expected = sampling.to_uint8(generator([latents, labels]).numpy())
    assert expected.std() > 5
    for batch_size in (1, 3, 7, 16):
        got = sampling.generate(generator, latents, labels, batch_size)
        assert (got.shape, got.dtype) == ((7, 8, 8, 3), np.uint8)
        # A rounding at the border between two bytes may go either way.
        assert np.abs(got.astype(int) - expected).max() <= 1


# Grids


def test_a_grid_is_laid_out_in_rows():
    pictures = np.arange(1, 7, dtype=np.uint8).reshape(6, 1, 1, 1)
    grid = sheets.make_grid(pictures, columns=3, resolution=1)
    np.testing.assert_array_equal(grid[..., 0], [[1, 2, 3], [4, 5, 6]])


def test_a_grid_keeps_each_picture_whole():
    pictures = noise(6, 4, 4, 3)
    grid = sheets.make_grid(pictures, columns=3, resolution=4)
    assert grid.shape == (8, 12, 3)
    for index, picture in enumerate(pictures):
        top, left = 4 * (index // 3), 4 * (index % 3)
        np.testing.assert_array_equal(grid[top : top + 4, left : left + 4], picture)


def test_a_grid_fills_its_last_row_with_white():
    grid = sheets.make_grid(np.zeros((4, 2, 2, 1), np.uint8), columns=3, resolution=2)
    assert grid.shape == (4, 6, 1)
    assert not grid[:2].any()
    assert not grid[2:, :2].any()
    assert (grid[2:, 2:] == 255).all()


def test_a_grid_enlarges_small_pictures_by_nearest_neighbour():
    picture = np.array([[1, 2], [3, 4]], np.uint8).reshape(1, 2, 2, 1)
    grid = sheets.make_grid(picture, columns=1, resolution=4)
    expected = [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    np.testing.assert_array_equal(grid[..., 0], expected)


def test_fewer_pictures_than_columns_are_one_row():
    grid = sheets.make_grid(noise(2, 4, 4, 3), columns=5, resolution=4)
    assert grid.shape == (4, 20, 3)


@pytest.mark.parametrize("resolution", [2**level for level in range(2, 11)])
def test_a_sheet_is_neither_tiny_nor_huge(resolution):
    columns, rows = sheets.sheet_shape(resolution)
    assert 4 <= columns <= 16
    assert 2 <= rows <= 8
    assert columns * rows >= 8
    assert columns * resolution <= max(1024, 4 * resolution)
    assert rows * resolution <= max(512, 2 * resolution)


def test_a_sheet_shows_a_class_in_each_column_and_a_seed_in_each_place():
    latents, labels = sheets.sheet_inputs(SMALL, seed=40)
    columns, rows = sheets.sheet_shape(8)
    assert len(latents) == len(labels) == columns * rows
    expected = sampling.latents_from_seeds([40, 40 + columns], 6)
    np.testing.assert_array_equal(latents[[0, columns]], expected)
    classes = labels.argmax(axis=1).reshape(rows, columns)
    np.testing.assert_array_equal(classes, np.tile(np.arange(columns) % 3, (rows, 1)))


# PNG


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_survives_its_png(tmp_path, channels):
    picture = noise(5, 9, channels)
    path = tmp_path / "picture.png"
    path.write_bytes(encode_picture(picture))
    assert path.read_bytes() == encode_picture(picture)
    for file in (path, io.BytesIO(encode_picture(picture))):
        image = Image.open(file)
        assert (image.format, image.mode) == ("PNG", {1: "L", 3: "RGB"}[channels])
        np.testing.assert_array_equal(np.asarray(image).reshape(picture.shape), picture)
