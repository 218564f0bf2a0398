import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.helpers.built_dataset import build, draw, flip, one_hot, read_records, write_records
from tests.helpers.places import ROOT, TESTS
from tests.helpers.source_helpers import assert_user_error
from tests.tfrecords.conftest import CLASSES
from tfrecords.common.errors import UserError
from tfrecords.inspecting.comparison import compare_datasets
from tfrecords.inspecting.contact_sheet import show, spread
from tfrecords.inspecting.extraction import extract, parse_indices
from tfrecords.inspecting.inspection import format_summary, summarize
from tfrecords.pictures.images import build_pyramid

GOLDEN = TESTS / "golden" / "tfrecords"


@pytest.fixture
def damaged(labeled, tmp_path):
    """The last bit of the last picture is another."""
    folder = shutil.copytree(labeled, tmp_path / "set")
    flip(folder / "set-r04.tfrecords", -1)
    return folder


def open_pixels(path):
    with Image.open(path) as opened:
        return np.asarray(opened)


def test_the_summary_tells_what_a_dataset_holds(labeled):
    summary = summarize(str(labeled))
    counts = {"cat": 2, "dog": 4, "fish/eel": 2}
    assert summary["classes"] == [{"name": n, "pictures": count} for n, count in counts.items()]
    sizes = [path.stat().st_size for path in sorted(labeled.glob("*.tfrecords"))]
    sides = (4, 8, 16)
    shapes = [{"resolution": side, "shape": f"{side}x{side}", "files": 1} for side in sides]
    rows = [row | {"bytes": size} for row, size in zip(shapes, sizes, strict=True)]
    assert (summary["resolutions"], summary["bytes"]) == (rows, sum(sizes))
    lines = format_summary(summary).split("\n")
    assert {"labels    3 classes", "4 px            1  784 bytes", "dog              4"} < set(
        lines
    )


def test_some_pictures_of_a_resolution_are_extracted(tmp_path):
    images = draw(num_channels=1)
    folder = build(tmp_path / "set", images, encoding="png", shard_bytes=1000)
    (tmp_path / "out").mkdir()  # an empty folder will do
    assert extract(str(folder), str(tmp_path / "out"), 8, "6,1-2") == 3
    found = {path.name: open_pixels(path) for path in (tmp_path / "out").iterdir()}
    assert found.keys() == {"000001.png", "000002.png", "000006.png"}
    for index in (1, 2, 6):
        expected = build_pyramid(images[index])[8][:, :, 0]
        np.testing.assert_array_equal(found[f"{index:06}.png"], expected)


def test_classes_become_folders(tmp_path):
    labels = one_hot([*CLASSES])
    labels[7] = 0  # no class
    folder = build(tmp_path / "set", draw(8, 4), labels, ["..", "fish/eel", "FISH/eel"], json=True)
    assert extract(str(folder), str(tmp_path / "out"), by_class=True) == 8
    found = {}
    for path in (tmp_path / "out").rglob("*.png"):
        found.setdefault(path.parent.name, set()).add(int(path.stem))
    assert found == {"out": {7}, "FISH_eel_2": {2, 5}, "class_0": {0, 3}, "fish_eel": {1, 4, 6}}
    vectors = build(tmp_path / "vectors", draw(4, 4), np.full((4, 3), 0.5, np.float32))
    with pytest.raises(UserError, match="expected a dataset with classes"):
        extract(str(vectors), str(tmp_path / "none"), by_class=True)


def test_a_failed_extraction_leaves_nothing_and_overwrites_nothing(damaged, tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    for place, resolution, words in (
        (tmp_path, 16, "expected a new or empty folder"),
        (mine, 16, "found a file"),
        (tmp_path / "out", 16, "picture 7 at 16 px"),
        (tmp_path / "out", 32, "expected one of 4, 8, 16, got 32"),
    ):
        assert_user_error(words, extract, str(damaged), str(place), resolution)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.txt", "set"]


def test_pictures_are_chosen_by_numbers_and_ranges():
    assert parse_indices(None, 3) == [0, 1, 2]
    assert parse_indices("0-2, 7,1", 8) == [0, 1, 2, 7]
    for text in ("", "a", "3-1", "-1", "1,,2", "1.5", "3-8"):
        assert_user_error("expected numbers", parse_indices, text, 8)


def contains(sheet, picture):
    """Says whether the sheet holds a picture, enlarged by a whole number."""
    corners = np.argwhere(np.all(sheet == picture[0, 0], axis=2))
    for y, x in corners[:50]:
        for scale in range(1, 120):
            part = sheet[y : y + scale * len(picture), x : x + scale * len(picture)]
            if np.array_equal(part[::scale, ::scale], picture):
                return np.array_equal(part, picture.repeat(scale, axis=0).repeat(scale, axis=1))
    return False


def test_a_sheet_has_a_row_for_each_class_and_overwrites_nothing(tmp_path):
    labels, names = one_hot([0, 1, 1, 1, 0, 1, 1, 1]), ["rot", "grün" * 20, "никто"]
    folder = build(tmp_path / "set", draw(), labels, names, json=True)
    place = str(folder), str(tmp_path / "sheets" / "sheet.png")
    text = show(*place, count=3)
    sheet = open_pixels(place[1])
    assert text.startswith("5 of 8 pictures of 16 px, 3 of 3 classes, ")
    assert 800 < sheet.shape[1] < 1200
    # Of the second class the first, middle and last picture, enlarged, as they are.
    assert [contains(sheet, picture) for picture in draw()[1:5]] == [True, False, True, True]
    assert_user_error("expected no such file yet", show, *place)
    assert [spread(np.arange(n), 3) for n in (100, 2, 0)] == [(0, 50, 99), (0, 1), ()]


def last_feature_first(record):
    """Example { 1: Features }, Features { 1: entry, 1: entry }; the second is the shape's."""
    head, shape = record.index(b"\x0a\x04data") - 3, record.rindex(b"\x0a\x05shape") - 2
    return record[:head] + record[shape:] + record[head:shape]


def test_the_same_pictures_stored_differently_are_the_same(labeled, tmp_path):
    packed = build(tmp_path / "b", draw(), one_hot([*CLASSES]), encoding="png", shard_bytes=2000)
    same, turned = (shutil.copytree(labeled, tmp_path / name) for name in "cd")
    path = turned / "set-r04.tfrecords"
    write_records(path, map(last_feature_first, read_records(path)))
    for other, equal_files in ((packed, False), (same, True), (turned, False)):
        found = compare_datasets(str(labeled), str(other))
        assert (found.differences, found.num_images, found.equal_pictures) == ((), 8, True)
        assert found.equal_files == equal_files


def test_the_first_difference_is_told(labeled, tmp_path):
    changed, labels = draw(), one_hot([*CLASSES])
    changed[3, 0, 0, 0] ^= 128
    changed[5] = 0
    labels[[1, 2]] = labels[[2, 1]]
    labels[7] = [0.5, 0, 1]
    names = ["cat", "hound", "fish/eel"]
    other = build(tmp_path / "b", changed, labels, names, encoding="png", json=True)
    found = compare_datasets(str(labeled), str(other))
    assert found.differences == (
        "names of the classes: class 1 is 'dog' and 'hound'",
        "labels: picture 1 has class 1 and class 2, the first of 3 that differ, of 8",
        "picture 3 at 16 px differs in 1 of 768 values, by up to 128 of 255; it is the first of "
        "2 that differ, of 8",
    )
    assert (found.equal_pictures, found.equal_files) == (False, False)


def test_comparing_a_damaged_dataset_is_an_error_and_no_difference(labeled, damaged):
    for pair in ((labeled, damaged), (damaged, labeled)):
        assert_user_error(r"record 7.*verify names", compare_datasets, *map(str, pair))


def call(*arguments):
    command = [sys.executable, "-m", "tfrecords.inspect", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def test_verify_reports_20_problems_and_exits_with_2(tmp_path):
    folder = build(tmp_path / "set", draw(30, 8))
    path = folder / "set-r02.tfrecords"
    write_records(path, read_records(path)[::-1])
    done = call("verify", folder)
    lines = done.stdout.splitlines()
    assert (done.returncode, len(lines), lines[-1]) == (2, 21, "… and 10 more")
    assert "found 30 problems" in done.stderr
    assert done.stderr.count("\n") == 1


def test_compare_exits_with_1_for_a_difference():
    done = call("compare", GOLDEN / "shuffle0", GOLDEN / "shuffle1")
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (1, "", 2)
