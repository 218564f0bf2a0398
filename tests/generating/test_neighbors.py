"""Nearest neighbours: what is known is found, whatever the batches."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from pgan_tf.generating.neighbors import (
    NearestSearch,
    describe,
    find_neighbors,
    in_pixels,
    make_sheet,
    read_in_order,
)
from pgan_tf.runs import data as run_data
from tests.helpers.tests_data import prepare_shapes
from tfrecords.common.errors import UserError


def search(queries, vectors, count, batch):
    found = NearestSearch(queries, count)
    for first in range(0, len(vectors), batch):
        found.add(vectors[first : first + batch])
    return found.result()


@pytest.mark.parametrize("batch", [1, 7, 100])
def test_it_finds_what_all_differences_say(batch):
    random = np.random.default_rng(3)
    views = random.integers(0, 256, (2, 5, 48), dtype=np.uint8)
    vectors = random.integers(0, 256, (100, 48), dtype=np.uint8)
    # Equally near ones, to be found in their order.
    vectors[60:80] = vectors[:20]
    found = search(views, vectors, 9, batch)
    differences = views[:, :, None].astype(float) - vectors[None, None]
    each = np.sqrt((differences**2).mean(axis=-1))
    expected = np.argsort(each.min(axis=0), axis=1, kind="stable")[:, :9]
    np.testing.assert_array_equal(found.numbers, expected)
    # Whole numbers: exact.
    np.testing.assert_allclose(
        found.distances, np.take_along_axis(each.min(axis=0), expected, axis=1), rtol=1e-14
    )
    np.testing.assert_array_equal(
        found.views, np.take_along_axis(each.argmin(axis=0), expected, axis=1)
    )


@pytest.fixture(scope="module")
def info(tmp_path_factory):
    return prepare_shapes(tmp_path_factory.mktemp("data"), 8)


@pytest.fixture(scope="module")
def pictures(info):
    return np.concatenate(list(read_in_order(info, 8)))


def test_training_pictures_find_themselves_and_mirrored_ones_where_these_count(info, pictures):
    assert pictures.shape == (info.num_images, 8, 8, 3)
    chosen = [0, 17, info.num_images - 1]
    samples = pictures[chosen].copy()
    samples[1] = samples[1][:, ::-1]
    (plain,) = find_neighbors(samples, info, 3, False, {"in pixels": in_pixels})
    (both,) = find_neighbors(samples, info, 3, True, {"in pixels": in_pixels})
    np.testing.assert_array_equal(plain.pictures[[0, 2], 0], samples[[0, 2]])
    np.testing.assert_array_equal(plain.nearest.distances[[0, 2], 0], 0)
    # Shown as it was near: mirrored.
    np.testing.assert_array_equal(both.pictures[:, 0], samples)
    np.testing.assert_array_equal(both.nearest.distances[:, 0], 0)
    assert (np.diff(both.nearest.distances) >= 0).all()
    for found, sample in zip(both.pictures, samples, strict=True):
        difference = found.astype(float) - sample
        np.testing.assert_allclose(
            np.sqrt((difference**2).mean(axis=(1, 2, 3))),
            both.nearest.distances[[np.array_equal(s, sample) for s in samples]][0],
        )


def test_measures_are_looked_for_side_by_side(info, pictures):
    def means(images):
        return images.mean(axis=(1, 2))

    samples = pictures[[5, 6]]
    found = find_neighbors(samples, info, 2, False, {"in pixels": in_pixels, "in means": means})
    distances = np.sqrt(((means(pictures) - means(samples)[0]) ** 2).mean(axis=1))
    np.testing.assert_allclose(found[1].nearest.distances[0], np.sort(distances)[:2], atol=1e-5)
    sheet = make_sheet(samples, found, 1, 2)
    # Sample, gap, two, gap, two; the gap is of 2 px.
    assert sheet.shape == (2 * 16, 2 * (5 * 8 + 2 * 2), 3)
    np.testing.assert_array_equal(sheet[1:16:2, 1:16:2], samples[0])
    np.testing.assert_array_equal(sheet[1:16:2, 21:36:2], samples[0])
    assert (sheet[:, 16:20] == 255).all()
    lines = describe([8, 9], found).splitlines()
    assert [line.split(":")[0].strip() for line in lines[1:3]] == ["seed 8", "seed 9"]
    assert lines[1].count("(") == 2
    assert "in means" in lines[3]


def test_what_cannot_be_compared_is_told(info, pictures):
    measure = {"in pixels": in_pixels}
    with pytest.raises(UserError, match="16 px"):
        find_neighbors(np.zeros((1, 16, 16, 3), np.uint8), info, 1, False, measure)
    with pytest.raises(UserError, match="with 1 channel, as the generator draws, got 3"):
        find_neighbors(pictures[:1, ..., :1], info, 1, False, measure)
    with pytest.raises(UserError, match="--neighbours"):
        find_neighbors(pictures[:1], info, info.num_images + 1, False, measure)


def test_a_damaged_record_is_one_line(info, tmp_path):
    data = bytearray(Path(info.files[8][0]).read_bytes())
    data[len(data) // 2] ^= 255
    path = tmp_path / "damaged.tfrecords"
    path.write_bytes(data)
    damaged = dataclasses.replace(info, files={8: (str(path),)})
    with pytest.raises(UserError, match=r"damaged|not what was written"):
        list(read_in_order(damaged, 8))


def test_a_run_says_what_it_was_trained_on(tmp_path):
    assert run_data.read_run_data(str(tmp_path)) is None
    (tmp_path / "flags.txt").write_text("--seed=1\n")
    assert run_data.read_run_data(str(tmp_path)) is None
    (tmp_path / "flags.txt").write_text(
        "--background=#ff0000\n--channels=gray\n--data=a=b\n--data_cache=kept\n--fit=letterbox\n"
        "--noallow_upscaling\n--resolution=16\n--white_level=4095\n"
    )
    found = run_data.read_run_data(str(tmp_path))
    assert (found.data, found.data_cache, found.labels) == ("a=b", "kept", None)
    options = found.options
    assert (options.resolution, options.num_channels, options.fit) == (16, 1, "letterbox")
    assert (options.background, options.allow_upscaling) == ((255, 0, 0), False)
    assert options.white_level == 4095
    with pytest.raises(UserError, match="--data"):
        run_data.find_data(dataclasses.replace(found, data=""), 3, 0)
