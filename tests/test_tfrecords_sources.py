import os

import numpy as np
import pytest
from PIL import Image

from tfrecords import shapes
from tfrecords.errors import UserError
from tfrecords.folder_source import list_pictures
from tfrecords.source import choose_resolution
from tfrecords.sources import open_source


def save(path, size=(16, 16), colour=(1, 2, 3)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


def test_shapes_gives_its_pictures_and_labels():
    source = open_source("shapes", 16, 3)
    assert (source.name, source.num_pictures) == ("shapes", 3888)
    assert (source.resolution, source.num_channels) == (16, 3)
    np.testing.assert_array_equal(source.read(5), shapes.draw(5, 16))
    assert source.label_names == shapes.LABEL_NAMES
    assert source.labels.shape == (3888, 6)
    assert source.labels.dtype == np.float32
    assert source.labels[5].argmax() == shapes.label(5)
    assert (source.labels.sum(axis=1) == 1).all()


def test_shapes_in_grey_and_without_labels():
    source = open_source("shapes", None, 1, labels=False)
    assert source.read(0).shape == (32, 32, 1)
    assert source.labels is None
    assert source.label_names == ()


def test_shapes_above_1024_px_is_an_error():
    with pytest.raises(UserError, match="from 4 to 1024, got 2048"):
        open_source("shapes", 2048, 3)


def test_a_folder_is_walked_in_order_without_hidden_and_other_files(tmp_path):
    wanted = ["a.png", "b/a.JPG", "b/c/z.webp", "c.bmp", "d.jpeg"]
    for name in [*wanted, ".hidden.png", ".git/x.png", "b/.thumbs/y.png"]:
        save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a picture")
    assert list_pictures(str(tmp_path)) == wanted
    source = open_source(f"{tmp_path}/", 16, 3)
    assert source.num_pictures == 5
    assert source.name == tmp_path.name
    assert (source.read(0) == (1, 2, 3)).all()
    assert source.labels is None


def test_sub_folders_are_classes_when_asked(tmp_path):
    for name in ("cat/1.png", "dog/1.png", "cat/deep/2.png"):
        save(tmp_path / name)
    source = open_source(str(tmp_path), 16, 3, labels=True)
    assert source.label_names == ("cat", "dog")
    np.testing.assert_array_equal(source.labels, [[1, 0], [1, 0], [0, 1]])
    save(tmp_path / "loose.png")
    with pytest.raises(UserError, match=r"loose\.png is in none"):
        open_source(str(tmp_path), 16, 3, labels=True)


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        ([64], 64),
        ([63], 32),
        ([64, 100, 256, 300], 256),
        ([64, 100, 255, 300], 128),
        ([3000] * 3, 1024),
        ([2], 4),
        ([16, 16, 8], 16),
        ([16, 8, 8], 8),
    ],
)
def test_the_resolution_is_what_half_of_the_pictures_reach(sides, expected):
    assert choose_resolution(sides) == expected


def test_a_chosen_resolution_enlarges_the_rest_and_a_given_one_refuses_them(tmp_path):
    save(tmp_path / "a.png", (40, 33))
    save(tmp_path / "b.png", (17, 90))
    chosen = open_source(str(tmp_path), None, 3)
    assert chosen.resolution == 32
    assert chosen.read(1).shape == (32, 32, 3)
    with pytest.raises(UserError, match=r"b\.png: expected at least 32 px"):
        open_source(str(tmp_path), 32, 3).read(1)
    assert open_source(str(tmp_path), 32, 3, allow_upscaling=True).read(1).shape == (32, 32, 3)


def test_the_fingerprint_changes_with_pictures_and_options_only(tmp_path):
    save(tmp_path / "a.png")
    folder = str(tmp_path)
    first = open_source(folder, 16, 3).fingerprint
    assert len(first) == 16
    assert int(first, 16) >= 0
    assert open_source(folder, 16, 3, tfds_data_dir="/x").fingerprint == first
    others = [
        open_source(folder, 8, 3),
        open_source(folder, 16, 1),
        open_source(folder, 16, 3, background=(0, 0, 0)),
        open_source(folder, 16, 3, allow_upscaling=True),
        open_source("shapes", 16, 3),
    ]
    os.utime(tmp_path / "a.png", (1, 1))
    others.append(open_source(folder, 16, 3))
    save(tmp_path / "b.png")
    others.append(open_source(folder, 16, 3))
    assert len({first, *(other.fingerprint for other in others)}) == 8


def test_missing_empty_and_unknown_sources_are_errors(tmp_path):
    with pytest.raises(UserError, match=r"expected a folder .*'shapes', got 'lsun:cat'"):
        open_source("lsun:cat", 16, 3)
    with pytest.raises(UserError, match="no such folder"):
        open_source(str(tmp_path / "absent"), 16, 3)
    with pytest.raises(UserError, match=r"expected pictures .* found none"):
        open_source(str(tmp_path), 16, 3)
    with pytest.raises(UserError, match="power of two"):
        open_source("shapes", 48, 3)
    with pytest.raises(UserError, match="channels: expected 1"):
        open_source("shapes", 32, 4)


def test_the_size_is_found_behind_large_metadata_and_in_every_format(tmp_path):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (400, 600, 3), np.uint8))
    image.save(tmp_path / "profile.png", icc_profile=np.random.default_rng(1).bytes(300_000))
    for ending in ("png", "jpg", "webp", "bmp"):
        image.save(tmp_path / f"a.{ending}")
    assert open_source(str(tmp_path), None, 3).resolution == 256


def test_a_broken_picture_names_its_file(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    with pytest.raises(UserError, match=r"broken\.png: cannot be read: not a picture"):
        open_source(str(tmp_path), 16, 3).read(0)
    with pytest.raises(UserError, match=r"broken\.png: cannot be read: not a picture"):
        open_source(str(tmp_path), None, 3)


tfds = pytest.importorskip("tensorflow_datasets")


@pytest.mark.filterwarnings("ignore")
def test_tfds_gives_pictures_in_any_order_with_labels():
    def as_dataset(self, *args, **kwargs):
        import tensorflow as tf

        pictures = [np.full((28, 28, 1), 20 * i, np.uint8) for i in range(5)]
        encoded = [tf.io.encode_png(picture).numpy() for picture in pictures]
        labels = np.array([3, 1, 4, -1, 5], np.int64)
        return tf.data.Dataset.from_tensor_slices({"image": encoded, "label": labels})

    with tfds.testing.mock_data(as_dataset_fn=as_dataset):
        source = open_source("tfds:mnist:test", None, 3)
        assert (source.name, source.num_pictures, source.resolution) == ("mnist", 5, 16)
        assert source.label_names == tuple("0123456789")
        for index in (4, 0, 2, 2):
            assert (source.read(index) == 20 * index).all()
        # A label that is not known, -1, is a row of zeros.
        np.testing.assert_array_equal(source.labels.argmax(axis=1), [3, 1, 4, 0, 5])
        np.testing.assert_array_equal(source.labels.sum(axis=1), [1, 1, 1, 0, 1])
        assert source.fingerprint != open_source("tfds:mnist", None, 3).fingerprint


@pytest.mark.filterwarnings("ignore")
def test_tfds_without_labels_and_its_errors():
    with tfds.testing.mock_data(num_examples=3):
        source = open_source("tfds:celeb_a", 32, 1)
        assert source.labels is None
        assert source.read(2).shape == (32, 32, 1)
        assert open_source("tfds:cifar10", 32, 3, labels=False).labels is None
        with pytest.raises(UserError, match="expected a feature 'image', it has text, label"):
            open_source("tfds:imdb_reviews", 32, 3)
        with pytest.raises(UserError, match=r"tfds:nosuch: cannot be prepared: .* not found"):
            open_source("tfds:nosuch", 32, 3)
