"""Nearest neighbors: what is known is found, whatever the batches."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from pgan_tf.generating import neighbors
from pgan_tf.generating.neighbors import find_neighbors, in_pixels
from pgan_tf.generating.neighbors_sheet import Captions, make_sheet
from tests.helpers.built_dataset import prepare_shapes
from tfrecords.common.errors import UserError


@pytest.mark.parametrize("batch", [1, 7, 100])
def test_it_finds_what_all_differences_say(batch):
    random = np.random.default_rng(3)
    views = random.integers(0, 256, (2, 5, 48), dtype=np.uint8)
    vectors = random.integers(0, 256, (100, 48), dtype=np.uint8)
    # Equally near ones, to be found in their order.
    vectors[60:80] = vectors[:20]
    search = neighbors.NearestSearch(views, 9)
    for first in range(0, len(vectors), batch):
        search.add(vectors[first : first + batch])
    found = search.result()
    differences = views[:, :, None].astype(float) - vectors[None, None]
    each = np.sqrt((differences**2).mean(axis=-1))
    expected = np.argsort(each.min(axis=0), axis=1, kind="stable")[:, :9]
    np.testing.assert_array_equal(found.numbers, expected)
    # Whole numbers: exact.
    distances = np.take_along_axis(each.min(axis=0), expected, axis=1)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-14)
    nearer = np.take_along_axis(each.argmin(axis=0), expected, axis=1)
    np.testing.assert_array_equal(found.views, nearer)


@pytest.fixture(scope="module")
def info(tmp_path_factory):
    return prepare_shapes(tmp_path_factory.mktemp("data"), 8)


@pytest.fixture(scope="module")
def pictures(info):
    return np.concatenate(list(neighbors.read_in_order(info, 8)))


def test_training_pictures_find_themselves_and_mirrored_ones_where_these_count(info, pictures):
    assert pictures.shape == (info.num_images, 8, 8, 3)
    samples = pictures[[0, 17, info.num_images - 1]].copy()
    samples[1] = samples[1][:, ::-1]
    (plain,) = find_neighbors(samples, info, 3, False, {"in pixels": in_pixels})
    (both,) = find_neighbors(samples, info, 3, True, {"in pixels": in_pixels})
    np.testing.assert_array_equal(plain.pictures[[0, 2], 0], samples[[0, 2]])
    np.testing.assert_array_equal(plain.nearest.distances[[0, 2], 0], 0)
    # Shown as it was near: mirrored.
    np.testing.assert_array_equal(both.pictures[:, 0], samples)
    np.testing.assert_array_equal(both.nearest.distances[:, 0], 0)
    assert (np.diff(both.nearest.distances) >= 0).all()
    differences = both.pictures.astype(float) - samples[:, None]
    distances = np.sqrt((differences**2).mean(axis=(2, 3, 4)))
    np.testing.assert_allclose(distances, both.nearest.distances)


def test_measures_are_looked_for_side_by_side(info, pictures):
    def means(images):
        return images.mean(axis=(1, 2))

    samples = pictures[[5, 6, 7]]
    found = find_neighbors(samples, info, 2, False, {"in pixels": in_pixels, "in means": means})
    distances = np.sqrt(((means(pictures) - means(samples)[0]) ** 2).mean(axis=1))
    np.testing.assert_allclose(found[1].nearest.distances[0], np.sort(distances)[:2], atol=1e-5)
    sheet = make_sheet(samples, found, 2, 2)
    # Sample, gap, two, gap, two; the gap is of 2 px, and of 4 to the next sample.
    assert sheet.shape == (2 * 16, 2 * (2 * (5 * 8 + 2 * 2) + 4), 3)
    np.testing.assert_array_equal(sheet[1:16:2, 1:16:2], samples[0])
    np.testing.assert_array_equal(sheet[1:16:2, 21:36:2], samples[0])
    np.testing.assert_array_equal(sheet[1:16:2, 97:112:2], samples[1])
    assert (sheet[:, 16:20] == 255).all() and (sheet[:, 88:96] == 255).all()
    assert (sheet[16:, 96:] == 255).all()
    lines = neighbors.describe(["seed 8", "seed 9", "seed 3"], found, []).splitlines()
    assert [line.split(":")[0].strip() for line in lines[1:4]] == ["seed 8", "seed 9", "seed 3"]
    assert lines[1].startswith("  seed 8: 5 (0)  ") and lines[1].count("(") == 2
    assert "in means" in lines[4]


def test_a_sheet_says_which_pictures_it_shows_and_how_far_they_are(info, pictures):
    found = find_neighbors(pictures[[5, 6, 7]], info, 2, False, {"in pixels": in_pixels})
    names = [f"photographs/{index:05}.jpg" for index in range(info.num_images)]

    def draw(classes, names):
        return make_sheet(pictures[[5, 6, 7]], found, 2, 12, Captions(list("123"), classes, names))

    plain, sheet = make_sheet(pictures[[5, 6, 7]], found, 2, 12), draw(["a", "b", "c"], names)
    # Two lines above all, two below each row, of letters of 18 and 14 px.
    assert sheet.shape == (plain.shape[0] + 27 + 5 * 21, plain.shape[1], 3)
    np.testing.assert_array_equal(sheet[48 : 48 + 96], plain[:96])
    np.testing.assert_array_equal(sheet[48 + 96 + 42 : -42], plain[96:])
    unnamed, unlabeled = draw(["a", "b", "c"], []), draw([], names)
    assert (sheet[144:165, 108:] != unnamed[144:165, 108:]).any()  # names, or record numbers
    np.testing.assert_array_equal(sheet[165:186], unnamed[165:186])  # classes and distances
    assert (unlabeled[165:186, :96] == 255).all() and (sheet[165:186, :96] < 100).any()
    _, line, *_ = neighbors.describe(["seed 1", "seed 2", "seed 3"], found, names).splitlines()
    assert line.startswith("  seed 1: 5 (0) photographs/00005.jpg  ")


def test_what_cannot_be_compared_is_told(info, pictures, tmp_path):
    measure = {"in pixels": in_pixels}
    for samples, count, words in (
        (np.zeros((1, 16, 16, 3), np.uint8), 1, "16 px"),
        (pictures[:1, ..., :1], 1, "expected 1 channel, as the generator draws, got 3"),
        (pictures[:1], info.num_images + 1, "--neighbors"),
        (pictures[:1], 0, "--neighbors"),
    ):
        with pytest.raises(UserError, match=words):
            find_neighbors(samples, info, count, False, measure)
    data = bytearray(Path(info.files[8][0]).read_bytes())
    data[len(data) // 2] ^= 255
    path = tmp_path / "damaged.tfrecords"
    path.write_bytes(data)
    damaged = dataclasses.replace(info, files={8: (str(path),)})
    with pytest.raises(UserError, match=r"damaged|not what was written"):
        find_neighbors(pictures[:1], damaged, 1, False, measure)
