import dataclasses
import json
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tfrecords import shapes, writer
from tfrecords.dataset_info import read_labels
from tfrecords.errors import UserError
from tfrecords.record import parse_image
from tfrecords.source import Source
from tfrecords.sources import open_source
from tfrecords.writer import estimate_bytes, write_dataset

GOLDEN = pathlib.Path(__file__).parent / "golden"


def make_source(images, **fields):
    return Source(
        name="made",
        description="made",
        num_pictures=len(images),
        resolution=images.shape[1],
        num_channels=images.shape[3],
        read=lambda index: images[index],
        fingerprint="0" * 16,
        options={},
        **fields,
    )


def first_shapes(count, resolution=8):
    return dataclasses.replace(
        open_source("shapes", resolution, 3, labels=False), num_pictures=count
    )


def records(path):
    """A file's records, their features in alphabetical order.

    The published converter serialized a protocol buffer's map without asking for an
    order, so that `data` and `shape` change places from record to record and run to
    run. Everything else is compared byte for byte.
    """
    examples = (
        tf.train.Example.FromString(one.numpy()) for one in tf.data.TFRecordDataset(str(path))
    )
    return [example.SerializeToString(deterministic=True) for example in examples]


def assert_same_files(got, expected):
    names = sorted(path.name for path in expected.iterdir())
    assert sorted(path.name for path in got.iterdir() if path.suffix != ".json") == names
    for name in names:
        assert (got / name).stat().st_size == (expected / name).stat().st_size
        if name.endswith(".labels"):
            assert (got / name).read_bytes() == (expected / name).read_bytes()
        else:
            assert records(got / name) == records(expected / name), name
            # Ours are in that order as they are.
            raw = [one.numpy() for one in tf.data.TFRecordDataset(str(got / name))]
            assert raw == records(expected / name)


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_folder_gives_the_files_of_the_published_converter(tmp_path, shuffle):
    out = tmp_path / f"shuffle{int(shuffle)}"
    write_dataset(open_source(str(GOLDEN / "images"), 32, 3), str(out), shuffle=shuffle)
    assert_same_files(out, GOLDEN / "tfrecords" / out.name)


def test_grey_pictures_with_labels_give_the_files_of_the_published_converter(tmp_path):
    golden = np.load(GOLDEN / "gray_labels_source.npz")
    source = make_source(
        golden["images"][..., np.newaxis],
        read_label_indices=lambda: golden["labels"].argmax(axis=1),
        label_names=tuple("abcd"),
    )
    info = write_dataset(source, str(tmp_path / "gray_labels"))
    assert_same_files(tmp_path / "gray_labels", GOLDEN / "tfrecords" / "gray_labels")
    assert info.label_names == tuple("abcd")
    np.testing.assert_array_equal(read_labels(info), golden["labels"][golden["order"]])


def test_pictures_and_labels_stay_together_through_the_shuffle(tmp_path):
    source = dataclasses.replace(
        open_source("shapes", 16, 3),
        num_pictures=40,
        read_label_indices=lambda: np.array([shapes.label(index) for index in range(40)]),
    )
    info = write_dataset(source, str(tmp_path / "out"))
    label_of = {shapes.draw(index, 16).tobytes(): shapes.label(index) for index in range(40)}
    dataset = tf.data.TFRecordDataset(info.files[16]).map(lambda one: parse_image(one, 16, 3))
    got = [label_of[image.tobytes()] for image in dataset.as_numpy_iterator()]
    assert got == read_labels(info).argmax(axis=1).tolist()
    assert got != sorted(label_of.values())


def test_dataset_json_says_where_it_came_from(tmp_path):
    source = open_source("shapes", 4, 3)
    write_dataset(source, str(tmp_path / "out"), name="figures")
    details = json.loads((tmp_path / "out" / "dataset.json").read_text())
    assert details["source"] == "shapes"
    assert details["fingerprint"] == source.fingerprint
    assert details["num_images"] == 3888
    assert details["label_counts"] == [648] * 6
    assert details["label_names"] == list(shapes.LABEL_NAMES)
    assert details["options"]["shuffle"] is True
    assert (tmp_path / "out" / "figures-r02.tfrecords").exists()


@pytest.mark.parametrize("error", [UserError("broken.png"), KeyboardInterrupt(), RuntimeError()])
def test_a_source_that_fails_half_way_leaves_nothing(tmp_path, error):
    source = first_shapes(10)

    def read(index):
        if index == 5:
            raise error
        return source.read(index)

    with pytest.raises(type(error)):
        write_dataset(dataclasses.replace(source, read=read), str(tmp_path / "out"))
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_at_its_place_before_all_is_written(tmp_path):
    source = first_shapes(5)

    def read(index):
        assert not (tmp_path / "out").exists()
        return source.read(index)

    write_dataset(dataclasses.replace(source, read=read), str(tmp_path / "out"))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_empty_folder_is_filled_and_others_are_left_alone(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    write_dataset(first_shapes(3), f"{out}/")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(UserError, match="expected a new or empty folder"):
        write_dataset(first_shapes(4), str(out))
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="found a file"):
        write_dataset(first_shapes(3), str(tmp_path / "file"))


def test_a_parent_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file/out: cannot be written") as caught:
        write_dataset(first_shapes(3), str(tmp_path / "file" / "out"))
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_found_out_before(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=2**20)
    monkeypatch.setattr(writer.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(UserError, match=r"expected 16 MiB of free disk, got 1 MiB"):
        write_dataset(open_source("shapes", 32, 3), str(tmp_path / "out"))
    assert list(tmp_path.iterdir()) == []


def test_the_estimate_is_close_from_above(tmp_path):
    info = write_dataset(first_shapes(20, 32), str(tmp_path / "out"))
    size = sum(pathlib.Path(path).stat().st_size for (path,) in info.files.values())
    assert size <= estimate_bytes(20, 32, 3) <= 1.05 * size
