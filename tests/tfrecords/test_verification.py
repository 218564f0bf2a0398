"""Everything that is wrong with a dataset is named, and nothing else."""

import json
import re
import shutil

import numpy as np
import pytest

import tests.helpers.built_dataset as built
from tests.helpers.built_dataset import build, cut, draw, flip, one_hot, read_records, write_labels
from tests.helpers.places import TESTS
from tfrecords.common.errors import UserError
from tfrecords.format.dataset_info import read_dataset_info
from tfrecords.format.record import encode_image
from tfrecords.format.record_file import RecordFile
from tfrecords.inspecting.inspection import map_in_threads
from tfrecords.inspecting.verification import find_problems
from tfrecords.pictures.images import build_pyramid

CLASSES = [0, 1, 2, 0, 1, 2, 1, 1]
R02, R03, R04 = (f"set-r0{log2}.tfrecords" for log2 in (2, 3, 4))
LABELS = "set-rxx.labels"
FRAME_8_PX = 247  # bytes of a raw record of 8 px


def verify(folder):
    return list(find_problems(str(folder)))


def assert_found(folder, *patterns):
    found = verify(folder)
    assert len(found) == len(patterns), found
    for problem, pattern in zip(found, patterns, strict=True):
        assert re.search(pattern, problem), problem
        assert "\n" not in problem


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "set"
    return build(folder, draw(), one_hot(CLASSES), ["cat", "dog", "eel"], json=True)


@pytest.fixture
def whole(made, tmp_path):
    """With dataset.json."""
    return shutil.copytree(made, tmp_path / "set")


@pytest.fixture
def plain(whole):
    """Without."""
    (whole / "dataset.json").unlink()
    return whole


def test_the_published_datasets_are_whole():
    for name in ("gray_labels", "shuffle0", "shuffle1"):
        assert verify(TESTS / "golden" / "tfrecords" / name) == []


@pytest.mark.parametrize(("encoding", "num_channels"), [("raw", 1), ("png", 3)])
def test_a_good_dataset_is_whole(tmp_path, encoding, num_channels):
    images, labels = draw(num_channels=num_channels), one_hot(CLASSES)
    build(tmp_path / "set", images, labels, "abc", encoding, shard_bytes=1500, json=True)
    assert len(list(tmp_path.glob("set/set-r04-*"))) > 1
    assert verify(tmp_path / "set") == []


def swap(folder):
    records = read_records(folder / R02)
    built.change_records(folder / R02, {1: records[6], 6: records[1]})


def replace(folder):
    built.change_records(folder / R03, {3: encode_image(draw(1, 4)[0]), 4: b"\xff"})


def write_nan(folder):
    labels = one_hot(CLASSES)
    labels[4, 1] = np.nan
    write_labels(folder, labels)


AVERAGE = "picture {} at 4 px: not the average of the one at 16 px, "
SIZES = r"picture 3 at 8 px: expected a picture of \(8, 8, 3\) .*, got \(4, 4, 3\)"


# What happens to a dataset without dataset.json, and what each line says.
@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lambda d: flip(d / R03, 5 * FRAME_8_PX + 60), ["5 at 8 px: .*record 5, at byte 1235, is"]),
        (lambda d: flip(d / R04, -1), ["^picture 7 at 16 px: .*r04.tfrecords: record 7"]),
        (swap, [AVERAGE.format(1), AVERAGE.format(6)]),
        (replace, [SIZES, "picture 4 at 8 px: not a tf.train.Example"]),
        (
            lambda d: built.change_records(d / R04, {2: encode_image(draw()[2], "png")}),
            ["picture 2 at 16 px: expected raw, got png"],
        ),
        (write_nan, [r"set-rxx.labels: row 4: expected numbers, got \[0.0, nan, 0.0\]"]),
        (lambda d: cut(d / R04, 5), ["r04.tfrecords: expected whole records"]),
        (lambda d: (d / R02).write_bytes(b""), ["r02.tfrecords: .*file is empty"]),
    ],
)
def test_what_is_damaged_is_named(plain, damage, found):
    damage(plain)
    assert_found(plain, *found)


def test_averages_of_averages_are_named(tmp_path):
    images = draw(1)
    folder = build(tmp_path / "set", images)
    levels = build_pyramid(images[0])
    rounded_twice = build_pyramid(levels[8])[4]  # off by one here and there
    assert 0 < np.max(np.abs(rounded_twice.astype(int) - levels[4])) <= 1
    built.write_records(folder / R02, [encode_image(rounded_twice)])
    different = np.sum(rounded_twice != levels[4])
    assert_found(folder, f"{AVERAGE.format(0)}{different} of 48 values differ")


def test_a_flipped_byte_is_named_by_the_checksum_of_the_file_and_of_the_record(whole):
    flip(whole / R03, 5 * FRAME_8_PX + 60)
    assert_found(whole, r"r03.tfrecords: expected the SHA-256 \w{64}, got", "picture 5 at 8 px")


def test_a_record_whose_length_is_damaged_is_named(tmp_path):
    images = draw()
    images[2] = 0  # so that records are not all as long as each other
    folder = build(tmp_path / "set", images, encoding="png", json=True)
    start = int(RecordFile(str(folder / R03)).offsets[5])
    flip(folder / R03, start)
    cut_there = f"r03.tfrecords: expected whole records, the one at byte {start} is cut"
    assert_found(folder, "r03.tfrecords: expected the SHA-256", cut_there)


def drop_a_record(folder):
    built.write_records(folder / R03, read_records(folder / R03)[:-1])


def test_fewer_records_than_the_json_counts_are_named(whole):
    drop_a_record(whole)
    details = json.loads((whole / "dataset.json").read_text())
    (entry,) = (one for one in details["files"] if one["file"] == R03)
    del entry["sha256"]
    entry["bytes"] = (whole / R03).stat().st_size
    (whole / "dataset.json").write_text(json.dumps(details))
    assert_found(whole, "expected 8 pictures of 8 px, got 7")


@pytest.mark.parametrize("with_json", [True, False])
@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (drop_a_record, "8 px|set-r03.tfrecords"),
        (lambda folder: (folder / R03).unlink(), "set-r03.tfrecords"),
        (lambda folder: write_labels(folder, one_hot(CLASSES[:-1])), "set-rxx.labels"),
    ],
)
def test_parts_that_do_not_match_are_named_in_one_line(whole, damage, named, with_json):
    if not with_json:
        (whole / "dataset.json").unlink()
    damage(whole)
    with pytest.raises(UserError, match=named):
        read_dataset_info(str(whole))
    try:
        (found, *_) = verify(whole)
    except UserError as error:  # which parts are wrong, nobody knows
        found = str(error)
    assert re.search(named, found)
    assert "\n" not in found


@pytest.mark.parametrize(
    ("with_json", "words"),
    [
        (True, ("expected 588 bytes, got 0", "expected the SHA-256", "bytes, got")),
        (False, ("the file is empty", "record 3, at byte", "expected whole records")),
    ],
)
def test_all_damaged_files_are_named_not_only_the_first(tmp_path, with_json, words):
    folder = build(tmp_path / "set", draw(6), shard_bytes=4 * FRAME_8_PX, json=with_json)
    names = [R02, "set-r03-00000-of-00002.tfrecords", "set-r04-00005-of-00006.tfrecords"]
    (folder / R02).write_bytes(b"")
    flip(folder / names[1], -1)
    cut(folder / names[2], 5)
    assert_found(folder, *(f"{name}: .*{one}" for name, one in zip(names, words, strict=True)))
    (folder / "set-r03-00001-of-00002.tfrecords").unlink()
    with pytest.raises(UserError, match="8 px"):
        read_dataset_info(str(folder))


def test_a_missing_file_is_named_along_with_a_damaged_one(whole):
    (whole / R03).unlink()
    cut(whole / R04, 5)
    assert_found(whole, "set-r03.*: missing, dataset.json lists it", "r04.tfrecords: expected")
    (whole / "dataset.json").unlink()
    assert_found(whole, "r04.tfrecords: expected whole records", "no set-r03.tfrecords")


def test_labels_other_than_those_of_the_json_are_named(whole):
    write_labels(whole, one_hot([*CLASSES[:-1], 2]))
    counts = r"set-rxx.labels: expected \[2, 4, 2\] pictures of the classes, got \[2, 3, 3\]"
    assert_found(whole, "set-rxx.labels: expected the SHA-256 ", counts)
    (whole / LABELS).unlink()
    assert_found(whole, "set-rxx.labels: missing, dataset.json lists it", "labels are missing")


def test_a_json_of_other_pictures_is_named(whole):
    details = json.loads((whole / "dataset.json").read_text())
    details |= {"num_channels": 1, "encoding": "png", "resolutions": [4, 8], "num_rejected": 5}
    (whole / "dataset.json").write_text(json.dumps(details))
    found = [
        "dataset.json: num_channels is 1, the files hold 3",
        "dataset.json: encoding is png, the files hold raw",
        r"dataset.json: resolutions is \[4, 8\], the files hold \[4, 8, 16\]",
    ]
    assert_found(whole, *found, "rejected.jsonl: expected 5 lines, got 0")
    (whole / "rejected.jsonl").write_text("{}\n" * 5)
    assert_found(whole, *found)


def test_threads_give_results_in_order_and_pass_errors_on():
    assert list(map_in_threads(lambda i: i * i, 5000, 1024, "")) == [i * i for i in range(5000)]
    with pytest.raises(ZeroDivisionError):
        list(map_in_threads(lambda i: 1 // (i - 70), 5000, 1024, ""))
