import dataclasses
import hashlib
import itertools
import json
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.helpers.built_dataset import read_records
from tests.helpers.made_source import contents, make_source, noise, options
from tests.helpers.places import TESTS
from tests.helpers.source_helpers import assert_user_error
from tfrecords.common.errors import UserError
from tfrecords.format.dataset_info import read_labels
from tfrecords.format.picture_names import NAMES_FILE, read_picture_names
from tfrecords.format.record import decode_record
from tfrecords.pictures.source import one_hot
from tfrecords.sources.by_name import open_source
from tfrecords.writing import writer

GOLDEN = TESTS / "golden"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def write_dataset(source, options, out_dir, **named):
    """In this process, unless a test is about others, which take time to start."""
    return writer.write_dataset(source, options, str(out_dir), **{"processes": 1, **named})


def sorted_features(record):
    """The published converter wrote the features of a record in any order."""
    return tf.train.Example.FromString(record).SerializeToString(deterministic=True)


def assert_same_files(got, expected):
    names = sorted(path.name for path in expected.iterdir())
    ours = {"dataset.json", NAMES_FILE}
    assert sorted(path.name for path in got.iterdir() if path.name not in ours) == names
    for name in names:
        if name.endswith(".labels"):
            assert (got / name).read_bytes() == (expected / name).read_bytes()
        else:
            published = map(sorted_features, read_records(expected / name))
            assert read_records(got / name) == [*published]


def pictures(info, resolution):
    paths = info.files[resolution]
    return [decode_record(record)[1] for path in paths for record in read_records(path)]


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_folder_gives_the_files_of_the_published_converter(tmp_path, shuffle):
    name = f"shuffle{int(shuffle)}"
    source = dataclasses.replace(open_source(str(GOLDEN / "images")), name=name)
    write_dataset(source, options(32), tmp_path / name, shuffle=shuffle, encoding="raw")
    assert_same_files(tmp_path / name, GOLDEN / "tfrecords" / name)


def test_gray_pictures_with_labels_give_the_files_of_the_published_converter(out):
    golden = np.load(GOLDEN / "gray_labels_source.npz")
    labels = {"labels": golden["labels"], "label_names": tuple("abcd")}
    source = make_source(golden["images"], name="gray_labels", **labels)
    info = write_dataset(source, options(16, 1), out, encoding="raw")
    assert_same_files(out, GOLDEN / "tfrecords" / "gray_labels")
    assert info.label_names == tuple("abcd")
    np.testing.assert_array_equal(read_labels(info), golden["labels"][golden["order"]])


def test_pictures_and_labels_stay_together_without_the_rejected(out):
    images = list(noise(40, 16))
    labels = one_hot((index % 6 for index in range(40)), 6)
    label_of = {image.tobytes(): row for image, row in zip(images, labels, strict=True)}
    images[3] = images[17] = "cannot be read: torn"
    info = write_dataset(make_source(images, labels=labels), options(16), out)
    assert (info.num_images, info.encoding) == (38, "png")
    got = [label_of[image.tobytes()] for image in pictures(info, 16)]
    np.testing.assert_array_equal(got, read_labels(info))
    assert not np.array_equal(got, np.delete(labels[:], [3, 17], axis=0))  # shuffled


def test_each_record_has_the_name_of_its_file(tmp_path):
    """As it is in the source, in the records' order, without the rejected; others have none."""
    folder, out = tmp_path / "source", tmp_path / "out"
    for shade in range(12):
        path = folder / f"{shade % 2}" / f"shade {shade}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 20 * shade).save(path)
    (folder / "0" / "shade 4.png").write_bytes(b"torn")
    info = write_dataset(open_source(str(folder)), options(8, 1), out)
    shades = [picture[0, 0, 0] // 20 for picture in pictures(info, 8)]
    assert sorted(shades) != shades  # shuffled
    assert read_picture_names(info) == [f"{shade % 2}/shade {shade}.png" for shade in shades]
    listed = [entry["file"] for entry in json.loads((out / "dataset.json").read_text())["files"]]
    assert NAMES_FILE in listed  # with its checksum

    (out / NAMES_FILE).write_text("one\x1b[2J\n")
    with pytest.raises(UserError, match=r"pictures\.txt: expected a line for each of 11 pictures"):
        read_picture_names(info)
    info = write_dataset(make_source(list(noise(3, 8))), options(8), tmp_path / "unnamed")
    assert read_picture_names(info) == []


def test_dataset_json_says_where_it_came_from_and_what_the_files_hold(out):
    source = make_source(noise(6), labels=one_hot([0, 1, 1] * 2, 2), label_names=("cat", "dog"))
    write_dataset(source, options(), out)
    details = json.loads((out / "dataset.json").read_text())
    expected = {"source": "made", "num_images": 6, "num_rejected": 0, "num_channels": 3}
    expected |= {"resolutions": [4, 8], "label_names": ["cat", "dog"], "encoding": "png"}
    assert details.items() >= (expected | {"label_counts": [2, 4]}).items()
    names = [entry["file"] for entry in details["files"]]
    assert names == ["made-r02.tfrecords", "made-r03.tfrecords", "made-rxx.labels"]
    for entry in details["files"]:
        data = (out / entry["file"]).read_bytes()
        assert entry["bytes"] == len(data)
        assert entry["sha256"] == hashlib.sha256(data).hexdigest()


def test_shards_hold_no_more_than_asked_for_and_the_same_pictures(tmp_path, small_chunks):
    source = make_source(noise(30, 16))
    one = write_dataset(source, options(16), tmp_path / "one")
    info = write_dataset(source, options(16), tmp_path / "many", shard_bytes=3000)
    assert [pathlib.Path(path).name for path in one.files[4]] == ["made-r02.tfrecords"]
    assert len(info.files[16]) > len(info.files[8]) > len(info.files[4]) > 1
    for resolution, paths in info.files.items():
        sizes = []
        for i, path in enumerate(map(pathlib.Path, paths)):
            log2 = resolution.bit_length() - 1
            assert path.name == f"made-r{log2:02}-{i:05}-of-{len(paths):05}.tfrecords"
            sizes.append([len(record) + 16 for record in read_records(path)])
            assert len(sizes[i]) == info.num_records[resolution][i]
            assert sum(sizes[i]) <= 3000
        # Each shard but the last could not have held the next record.
        assert all(sum(one) + after[0] > 3000 for one, after in itertools.pairwise(sizes))
        np.testing.assert_array_equal(pictures(info, resolution), pictures(one, resolution))


def test_rejected_pictures_are_listed_in_order_after_the_sources(out, capsys):
    images = [*noise(3), "cannot be read: torn", *noise(2, seed=1), noise(1, 4)[0]]
    source = make_source(images, rejected=(("a folder.png", "is a folder"),))
    info = write_dataset(source, options(), out, shuffle=False)
    assert (info.num_images, info.num_rejected) == (5, 3)
    folder, torn, small = map(json.loads, (out / "rejected.jsonl").read_text().splitlines())
    assert folder == {"picture": "a folder.png", "reason": "is a folder"}
    assert torn == {"picture": "3.png", "reason": "cannot be read: torn"}
    assert small["reason"].startswith("expected at least 8 px, its smaller side has 4")
    assert "Skipped 1 picture, 3.png: cannot be read: torn" in capsys.readouterr().out


def test_reasons_that_differ_in_numbers_are_counted_together_and_many_take_few_lines():
    alike = [(f"{number}.png", f"its side has {number}") for number in range(1, 1201)]
    others = [(f"{letter}.png", f"it is {letter}") for letter in "ABCDEFGHI"]
    assert writer.describe_rejected([]) == []
    assert len(writer.describe_rejected(others[:6])) == 6
    first, *_, last = lines = writer.describe_rejected(others + alike)
    assert first == "Skipped 1,200 pictures, such as 1.png: its side has 1"
    assert (len(lines), last) == (7, "Skipped for 4 more reasons, see the list")


def test_strict_stops_at_the_first_in_order_and_keeps_nothing(tmp_path, out, small_chunks):
    torn = make_source([*noise(6), "torn", "worn"]), "6.png: torn"
    folder = make_source(noise(3), rejected=(("x.png", "is a folder"),)), "x.png: is a folder"
    for processes, (source, words) in ((1, torn), (2, torn), (1, folder)):
        named = {"shuffle": False, "strict": True, "processes": processes}
        with pytest.raises(UserError, match=rf"^{words}; nothing is kept"):
            write_dataset(source, options(), out, **named)
        assert list(tmp_path.iterdir()) == []


def test_all_rejected_is_an_error_with_the_first_reasons(tmp_path, out):
    source = make_source(["torn", "worn"], rejected=(("x.png", "is a folder"),))
    with pytest.raises(UserError, match=r"all 3 were rejected: x\.png: is a folder; 0\.png: torn"):
        write_dataset(source, options(), out, shuffle=False)
    assert_user_error("expected some", write_dataset, make_source([]), options(), out)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_filled_and_others_stay(tmp_path, out):
    out.mkdir()
    source = make_source(noise(3))
    write_dataset(source, options(), f"{out}/")
    before = contents(out)
    # The same once more is no mistake, and touches nothing.
    assert write_dataset(source, options(), out).num_images == 3
    (tmp_path / "file").write_text("")
    for place, words in (
        (out, "expected a new or empty folder"),
        (tmp_path / "file", "found a file"),
        (tmp_path / "file" / "out", "file/out: expected a place that can be written"),
    ):
        assert_user_error(words, write_dataset, source, options(), place, shuffle=False)
    assert contents(out) == before


def test_a_disk_that_is_too_small_is_found_out_before(tmp_path, out, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    named, words = {"encoding": "raw"}, r"expected 16\.1 MiB of free disk, got 1 MiB"
    assert_user_error(words, write_dataset, open_source("shapes"), options(32), out, **named)
    assert list(tmp_path.iterdir()) == []


def test_arguments_are_checked(tmp_path, out):
    for arguments, message in (
        ({"options": options(48)}, "resolution: expected a power of two"),
        ({"options": options(8, 2)}, "channels: expected 1 or 3 or 4, got 2"),
        ({"options": options(8, fit="tile")}, "fit: expected crop or .*, got tile"),
        ({"encoding": "jpeg"}, "encoding: expected png or raw, got jpeg"),
        ({"processes": 0}, "processes: expected a whole number from 1"),
        ({"shard_bytes": 0}, "shard_bytes: expected a whole number from 1"),
        ({"out_dir": ""}, "out: expected a folder to make, got an empty name"),
    ):
        arguments = {"options": options(), "out_dir": out, **arguments}
        assert_user_error(message, write_dataset, make_source(noise(1)), **arguments)
    assert list(tmp_path.iterdir()) == []
