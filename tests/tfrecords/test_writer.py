import dataclasses
import hashlib
import json
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.made_source import contents, make_source, noise, options
from tests.helpers.places import TESTS
from tfrecords.common.errors import UserError
from tfrecords.format.dataset_info import read_labels
from tfrecords.format.record import decode_record
from tfrecords.pictures.source import one_hot
from tfrecords.sources import shapes
from tfrecords.sources.by_name import open_source
from tfrecords.writing import writer
from tfrecords.writing.out_folder import estimate_bytes

GOLDEN = TESTS / "golden"


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(writer, "_CHUNK_PICTURES", 4)


def write_dataset(*arguments, **named):
    """Here, unless a test is about other processes, which take time to start."""
    return writer.write_dataset(*arguments, **{"processes": 1, **named})


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


def pictures(info, resolution):
    dataset = tf.data.TFRecordDataset(list(info.files[resolution]))
    return [decode_record(one)[1] for one in dataset.as_numpy_iterator()]


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_folder_gives_the_files_of_the_published_converter(tmp_path, shuffle):
    out = tmp_path / f"shuffle{int(shuffle)}"
    source = dataclasses.replace(open_source(str(GOLDEN / "images")), name=out.name)
    write_dataset(source, options(32), str(out), shuffle=shuffle, encoding="raw")
    assert_same_files(out, GOLDEN / "tfrecords" / out.name)


def test_grey_pictures_with_labels_give_the_files_of_the_published_converter(tmp_path):
    golden = np.load(GOLDEN / "gray_labels_source.npz")
    labels = {"labels": golden["labels"], "label_names": tuple("abcd")}
    source = make_source(golden["images"], name="gray_labels", **labels)
    info = write_dataset(source, options(16, 1), str(tmp_path / "gray_labels"), encoding="raw")
    assert_same_files(tmp_path / "gray_labels", GOLDEN / "tfrecords" / "gray_labels")
    assert info.label_names == tuple("abcd")
    np.testing.assert_array_equal(read_labels(info), golden["labels"][golden["order"]])


@pytest.mark.parametrize("encoding", ["png", "raw"])
def test_pictures_and_labels_stay_together_without_the_rejected(tmp_path, encoding):
    images = list(noise(40, 16))
    labels = one_hot((shapes.label(index) for index in range(40)), 6)
    label_of = {image.tobytes(): row for image, row in zip(images, labels, strict=True)}
    images[3] = images[17] = "cannot be read: torn"
    source = make_source(images, labels=labels)
    info = write_dataset(source, options(16), str(tmp_path / "out"), encoding=encoding)
    assert (info.num_images, info.encoding) == (38, encoding)
    got = [label_of[image.tobytes()] for image in pictures(info, 16)]
    np.testing.assert_array_equal(got, read_labels(info))
    assert not np.array_equal(got, labels[[i for i in range(40) if i not in (3, 17)]])


def test_dataset_json_says_where_it_came_from_and_what_the_files_hold(tmp_path):
    source = open_source("shapes", resolution=4)
    out = tmp_path / "out"
    write_dataset(source, options(4), str(out))
    details = json.loads((out / "dataset.json").read_text())
    assert (details["source"], details["num_images"], details["num_rejected"]) == (
        "shapes",
        3888,
        0,
    )
    assert details["label_counts"] == [648] * 6
    assert details["label_names"] == list(shapes.LABEL_NAMES)
    assert details["options"]["shuffle"] is True
    assert details["options"]["fit"] == "crop"
    assert [entry["file"] for entry in details["files"]] == [
        "shapes-r02.tfrecords",
        "shapes-rxx.labels",
    ]
    for entry in details["files"]:
        data = (out / entry["file"]).read_bytes()
        assert entry["bytes"] == len(data)
        assert entry["sha256"] == hashlib.sha256(data).hexdigest()
    assert not (out / "rejected.jsonl").exists()


def test_labels_that_are_vectors_are_not_counted(tmp_path):
    source = make_source(noise(2), labels=np.array([[0.5, 2], [1, 1]], np.float32))
    info = write_dataset(source, options(), str(tmp_path / "out"), shuffle=False)
    np.testing.assert_array_equal(read_labels(info), source.labels)
    assert json.loads((tmp_path / "out" / "dataset.json").read_text())["label_counts"] == []


def test_shards_hold_no_more_than_asked_for_and_the_same_pictures(tmp_path, small_chunks):
    source = make_source(noise(30, 16))
    one = write_dataset(source, options(16), str(tmp_path / "one"))
    out = tmp_path / "many"
    info = write_dataset(source, options(16), str(out), shard_bytes=3000)
    assert [pathlib.Path(path).name for path in one.files[4]] == ["made-r02.tfrecords"]
    assert len(info.files[16]) > len(info.files[8]) > len(info.files[4]) >= 1
    for resolution, paths in info.files.items():
        total = len(paths)
        for i, path in enumerate(paths):
            shard = f"-{i:05}-of-{total:05}" if total > 1 else ""
            log2 = resolution.bit_length() - 1
            assert pathlib.Path(path).name == f"made-r{log2:02}{shard}.tfrecords"
            count = info.num_records[resolution][i]
            assert len(pictures(dataclasses.replace(info, files={4: (path,)}), 4)) == count
            assert pathlib.Path(path).stat().st_size <= 3000
        np.testing.assert_array_equal(pictures(info, resolution), pictures(one, resolution))
        # Each shard but the last could not have held one picture more.
        sizes = [pathlib.Path(path).stat().st_size for path in paths]
        firsts = [size / n for size, n in zip(sizes, info.num_records[resolution], strict=True)]
        assert all(size + 1.5 * max(firsts) > 3000 for size in sizes[:-1])


def test_rejected_pictures_are_listed_in_order_after_the_sources(tmp_path):
    images = [*noise(3), "cannot be read: torn", *noise(2, seed=1), noise(1, 4)[0]]
    source = make_source(images, rejected=(("a folder.png", "is a folder"),))
    out = tmp_path / "out"
    info = write_dataset(source, options(), str(out), shuffle=False)
    assert (info.num_images, info.num_rejected) == (5, 3)
    lines = [json.loads(line) for line in (out / "rejected.jsonl").read_text().splitlines()]
    assert [line["picture"] for line in lines] == ["a folder.png", "3.png", "6.png"]
    assert [line["reason"] for line in lines[:2]] == ["is a folder", "cannot be read: torn"]
    assert lines[2]["reason"].startswith("expected at least 8 px, its smaller side has 4")


def test_strict_stops_at_the_first_in_order_and_keeps_nothing(tmp_path, small_chunks):
    images = [*noise(6), "torn", "worn"]
    for processes in (1, 2):
        with pytest.raises(UserError, match=r"^6\.png: torn; nothing is kept"):
            write_dataset(
                make_source(images),
                options(),
                str(tmp_path / "out"),
                shuffle=False,
                strict=True,
                processes=processes,
            )
        assert list(tmp_path.iterdir()) == []
    source = make_source(noise(3), rejected=(("x.png", "is a folder"),))
    with pytest.raises(UserError, match=r"^x\.png: is a folder"):
        write_dataset(source, options(), str(tmp_path / "out"), strict=True)
    assert list(tmp_path.iterdir()) == []


def test_all_rejected_is_an_error_with_the_first_reasons(tmp_path):
    source = make_source(["torn", "worn"], rejected=(("x.png", "is a folder"),))
    with pytest.raises(UserError, match=r"all 3 were rejected: x\.png: is a folder; 0\.png: torn"):
        write_dataset(source, options(), str(tmp_path / "out"), shuffle=False)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UserError, match="expected some"):
        write_dataset(make_source([]), options(), str(tmp_path / "out"))


def test_an_empty_folder_is_filled_and_others_are_left_alone(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    write_dataset(make_source(noise(3)), options(), f"{out}/")
    before = contents(out)
    with pytest.raises(UserError, match="expected a new or empty folder"):
        write_dataset(make_source(noise(3)), options(), str(out), shuffle=False)
    # The same once more is no mistake, and touches nothing.
    assert write_dataset(make_source(noise(3)), options(), str(out)).num_images == 3
    assert contents(out) == before
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="found a file"):
        write_dataset(make_source(noise(3)), options(), str(tmp_path / "file"))


def test_a_parent_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file/out: expected .*, got Not a directory") as caught:
        write_dataset(make_source(noise(3)), options(), str(tmp_path / "file" / "out"))
    assert "\n" not in str(caught.value)


def test_a_disk_that_is_too_small_is_found_out_before(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    source = open_source("shapes", resolution=32)
    with pytest.raises(UserError, match=r"expected 16.1 MiB of free disk, got 1 MiB"):
        write_dataset(source, options(32), str(tmp_path / "out"), encoding="raw")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"options": options(48)}, "resolution: expected a power of two .*, got 48"),
        ({"options": options(2048)}, "resolution: expected a power of two .*, got 2048"),
        ({"options": options(8, 4)}, "channels: expected 1 or 3, got 4"),
        ({"options": options(8, fit="tile")}, "fit: expected crop or .*, got tile"),
        ({"encoding": "jpeg"}, "encoding: expected png or raw, got jpeg"),
        ({"processes": 0}, "processes: expected a whole number from 1 to .*, got 0"),
    ],
)
def test_arguments_are_checked(tmp_path, arguments, message):
    arguments = {"options": options(), **arguments}
    with pytest.raises(UserError, match=message):
        write_dataset(make_source(noise(1)), out_dir=str(tmp_path / "out"), **arguments)
    assert list(tmp_path.iterdir()) == []


def test_the_estimate_of_small_pngs_is_not_too_small(tmp_path):
    """At 4 px a PNG's headers take more than its pixels."""
    pictures = make_source(noise(20, 16))
    info = write_dataset(pictures, options(16), str(tmp_path / "out"), encoding="png")
    size = sum(pathlib.Path(path).stat().st_size for files in info.files.values() for path in files)
    assert 0.7 * size < estimate_bytes(20, options(16), "png") < 1.3 * size


def test_the_estimate_of_raw_is_close_from_above(tmp_path):
    source = make_source(noise(20, 32))
    info = write_dataset(source, options(32), str(tmp_path / "out"), encoding="raw")
    size = sum(pathlib.Path(path).stat().st_size for (path,) in info.files.values())
    assert size <= estimate_bytes(20, options(32), "raw") <= 1.05 * size
