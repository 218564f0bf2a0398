import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.helpers.built_dataset import build, draw, flip, one_hot, read_records, write_records
from tests.helpers.places import ROOT
from tfrecords.common.errors import UserError
from tfrecords.inspecting import contact_sheet
from tfrecords.inspecting.comparison import compare_datasets
from tfrecords.inspecting.contact_sheet import show, spread
from tfrecords.inspecting.extraction import extract, parse_indices
from tfrecords.inspecting.inspection import format_summary, summarize
from tfrecords.pictures.images import build_pyramid

GOLDEN = ROOT / "tests" / "golden" / "tfrecords"
CLASSES = [0, 1, 2, 0, 1, 2, 1, 1]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "set"
    return build(folder, draw(), one_hot(CLASSES), ["cat", "dog", "fish/eel"], json=True)


@pytest.fixture
def damaged(whole, tmp_path):
    """The last bit of the last picture is another."""
    folder = shutil.copytree(whole, tmp_path / "set")
    flip(folder / "set-r04.tfrecords", -1)
    return folder


def open_pixels(path):
    with Image.open(path) as opened:
        return np.asarray(opened)


# Summary


def test_the_summary_tells_what_a_dataset_holds(whole):
    summary = summarize(str(whole))
    counts = {"cat": 2, "dog": 4, "fish/eel": 2}
    assert summary["classes"] == [{"name": n, "pictures": count} for n, count in counts.items()]
    sizes = [path.stat().st_size for path in sorted(whole.glob("*.tfrecords"))]
    rows = [{"resolution": 4 * 2**i, "files": 1, "bytes": size} for i, size in enumerate(sizes)]
    assert summary["resolutions"] == rows
    assert (summary["bytes"], summary["num_rejected"]) == (sum(sizes), 0)
    lines = format_summary(json.loads(json.dumps(summary))).split("\n")
    head = ["name      set", "source    made", "pictures  8", "rejected  0", "channels  3 (RGB)"]
    assert lines[:6] == [*head, "encoding  raw"]
    assert {"labels    3 classes", "4 px            1  784 bytes"} < set(lines)
    assert lines[-2:] == ["dog              4", "fish/eel         2"]


def test_the_summary_of_a_published_dataset():
    text = format_summary(summarize(str(GOLDEN / "gray_labels")))
    assert "source    unknown (no dataset.json)\npictures  10\nrejected  unknown" in text
    assert "channels  1 (gray)" in text
    assert text.endswith("\n0             2\n1             3\n2             3\n3             2")


def test_vectors_are_no_classes_and_long_lists_of_classes_are_cut(tmp_path):
    vectors = np.linspace(0, 1, 4 * 3, dtype=np.float32).reshape(4, 3)
    folder = build(tmp_path / "vectors", draw(4, 4), vectors)
    assert "labels    3 numbers for each picture" in format_summary(summarize(str(folder)))
    with pytest.raises(UserError, match=r"expected a dataset with classes, .* vectors for labels"):
        extract(str(folder), str(tmp_path / "out"), by_class=True)
    many = build(tmp_path / "many", draw(4, 4), one_hot([0, 1, 5, 49], 50))
    text = format_summary(summarize(str(many)))
    assert text.endswith("\n39            0\n… and 10 more; --json lists all")


# Extraction


def test_an_extraction_holds_the_pictures(whole, tmp_path):
    assert extract(str(whole), str(tmp_path / "out")) == 8
    assert len(list((tmp_path / "out").iterdir())) == 8
    for index, image in enumerate(draw()):
        np.testing.assert_array_equal(open_pixels(tmp_path / "out" / f"{index:06}.png"), image)


def test_some_pictures_of_a_resolution_are_extracted(tmp_path):
    images = draw(num_channels=1)
    folder = build(tmp_path / "set", images, encoding="png", shard_bytes=1000)
    (tmp_path / "out").mkdir()  # an empty folder will do
    assert extract(str(folder), str(tmp_path / "out"), 8, "6,1-2") == 3
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert files == ["000001.png", "000002.png", "000006.png"]
    pixels = open_pixels(tmp_path / "out" / "000006.png")
    np.testing.assert_array_equal(pixels, build_pyramid(images[6])[8][:, :, 0])


def test_classes_become_folders(tmp_path):
    labels = one_hot(CLASSES)
    labels[7] = 0  # no class
    folder = build(tmp_path / "set", draw(8, 4), labels, ["..", "fish/eel", "FISH/eel"], json=True)
    extract(str(folder), str(tmp_path / "out"), by_class=True)
    found = {}
    for path in (tmp_path / "out").rglob("*.png"):
        found.setdefault(path.parent.name, set()).add(int(path.stem))
    assert found == {"out": {7}, "FISH_eel_2": {2, 5}, "class_0": {0, 3}, "fish_eel": {1, 4, 6}}


def test_a_failed_extraction_leaves_nothing_and_overwrites_nothing(damaged, tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    for place, resolution, words in (
        (tmp_path, 16, "expected a new or empty folder"),
        (mine, 16, "found a file"),
        (tmp_path / "out", 16, "picture 7 at 16 px"),
        (tmp_path / "out", 32, "expected one of 4, 8, 16, got 32"),
    ):
        with pytest.raises(UserError, match=words):
            extract(str(damaged), str(place), resolution)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.txt", "set"]


def test_indices():
    assert parse_indices(None, 3) == [0, 1, 2]
    assert parse_indices("0-2, 7,1", 8) == [0, 1, 2, 7]
    for text in ("", "a", "3-1", "-1", "1,,2", "1.5"):
        with pytest.raises(UserError, match="expected numbers and ranges such as 0-99,150"):
            parse_indices(text, 8)
    with pytest.raises(UserError, match="expected numbers from 0 to 7, got 8"):
        parse_indices("3-8", 8)


# Contact sheets


def contains(sheet, picture):
    """Says whether the sheet holds a picture, enlarged by a whole number."""
    corners = np.argwhere(np.all(sheet == picture[0, 0], axis=2))
    for y, x in corners[:50]:
        for scale in range(1, 120):
            part = sheet[y : y + scale * len(picture), x : x + scale * len(picture)]
            if np.array_equal(part[::scale, ::scale], picture):
                return np.array_equal(part, picture.repeat(scale, axis=0).repeat(scale, axis=1))
    return False


def test_a_sheet_has_a_row_for_each_class(tmp_path):
    labels, names = one_hot([0, 1, 1, 1, 0, 1, 1, 1]), ["rot", "grün" * 20, "никто"]
    folder = build(tmp_path / "set", draw(), labels, names, json=True)
    text = show(str(folder), str(tmp_path / "sheets" / "sheet.png"), count=3)
    sheet = open_pixels(tmp_path / "sheets" / "sheet.png")
    assert text.startswith("5 of 8 pictures of 16 px, 3 of 3 classes, ")
    assert text.endswith(f"{sheet.shape[1]} x {sheet.shape[0]} px")
    assert 800 < sheet.shape[1] < 1200
    # Of the second class the first, middle and last picture, enlarged, as they are.
    assert [contains(sheet, picture) for picture in draw()[1:5]] == [True, False, True, True]


def test_a_sheet_without_classes_is_a_grid(tmp_path):
    images = draw(num_channels=1, resolution=8)
    folder = build(tmp_path / "set", images)
    text = show(str(folder), str(tmp_path / "sheet.png"), resolution=4, count=4)
    assert text.startswith("4 of 8 pictures of 4 px, ")
    sheet = open_pixels(tmp_path / "sheet.png")
    for index in spread(np.arange(8), 4):
        assert contains(sheet, build_pyramid(images[index])[4].repeat(3, axis=2))


def test_sheets_show_the_first_32_classes(tmp_path):
    folder = build(tmp_path / "set", draw(40, 4), one_hot(range(40), 40))
    text = show(str(folder), str(tmp_path / "sheet.png"))
    assert text.startswith(f"32 of 40 pictures of 4 px, {contact_sheet.MAX_CLASSES} of 40 classes,")
    # One picture in a row does not fill 1000 px.
    assert len(open_pixels(tmp_path / "sheet.png")) < 33 * 110


def test_pictures_of_a_sheet_are_spread():
    assert [spread(np.arange(n), 3) for n in (100, 2, 0)] == [(0, 50, 99), (0, 1), ()]


def test_sheets_that_cannot_be_made_are_errors(whole, tmp_path, monkeypatch):
    (tmp_path / "a.png").write_text("mine")
    monkeypatch.setattr(contact_sheet, "_MOST_PIXELS", 10**5)
    for name, words in (
        ("a.png", "expected no such file yet"),
        ("a.gif", r"expected a picture to make, NAME\.png"),
        ("b.png", "--count, --resolution: expected a sheet of at most"),
    ):
        with pytest.raises(UserError, match=words):
            show(str(whole), str(tmp_path / name))
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


# Comparison


def test_the_same_pictures_stored_differently(tmp_path, whole):
    other = build(tmp_path / "b", draw(), one_hot(CLASSES), encoding="png", shard_bytes=2000)
    found = compare_datasets(str(whole), str(other))
    assert (found.differences, found.num_images, found.equal_files) == ((), 8, False)
    same = shutil.copytree(whole, tmp_path / "c")
    found = compare_datasets(str(whole), str(same))
    assert (found.differences, found.equal_files, found.equal_pictures) == ((), True, True)


def last_feature_first(record):
    """Example { 1: Features }, Features { 1: entry, 1: entry }; the second is the shape's."""
    head, shape = record.index(b"\x0a\x04data") - 3, record.rindex(b"\x0a\x05shape") - 2
    return record[:head] + record[shape:] + record[head:shape]


def test_the_order_of_features_is_no_difference(whole, tmp_path):
    path = shutil.copytree(whole, tmp_path / "b") / "set-r04.tfrecords"
    write_records(path, map(last_feature_first, read_records(path)))
    assert path.read_bytes() != (whole / path.name).read_bytes()
    found = compare_datasets(str(whole), str(path.parent))
    assert (found.differences, found.equal_files) == ((), False)


def test_the_first_difference_is_told(whole, tmp_path):
    changed, labels = draw(), one_hot(CLASSES)
    changed[3, 0, 0, 0] ^= 128
    changed[5] = 0
    labels[[1, 2]] = labels[[2, 1]]
    labels[7] = [0.5, 0, 1]
    names = ["cat", "hound", "fish/eel"]
    other = build(tmp_path / "b", changed, labels, names, encoding="png", json=True)
    found = compare_datasets(str(whole), str(other))
    assert found.differences == (
        "names of the classes: class 1 is 'dog' and 'hound'",
        "labels: picture 1 has class 1 and class 2, the first of 3 that differ, of 8",
        "picture 3 at 16 px differs in 1 of 768 values, by up to 128 of 255; it is the first of "
        "2 that differ, of 8",
    )
    assert not found.equal_pictures
    assert not found.equal_files


def test_other_numbers_of_things_are_told(whole, tmp_path):
    def compare(name, images, labels=None):
        return compare_datasets(str(whole), str(build(tmp_path / name, images, labels)))

    *amounts, pictures = compare("b", draw(6, 8)).differences
    resolutions = "resolutions: 4 to 16 px and 4 to 8 px"
    assert amounts == ["pictures: 8 and 6", resolutions, "numbers in a label: 3 and 0"]
    assert pictures.startswith("picture 0 at 8 px differs")
    found = compare("c", draw()[:6], one_hot(CLASSES[:6]))
    assert (found.differences, found.num_images) == (("pictures: 8 and 6",), 6)
    assert found.equal_pictures
    gray = compare("d", draw(num_channels=1), one_hot(CLASSES))
    assert gray.differences == ("channels: 3 and 1",)
    vectors = one_hot(CLASSES)
    vectors[0] = [0.5, 2, 0]
    (labels,) = compare("e", draw(), vectors).differences
    assert labels.startswith("labels: picture 0 has class 0 and (0.5, 2, 0), the first of 1 that")


def test_comparing_a_damaged_dataset_is_an_error_and_no_difference(whole, damaged):
    for pair in ((whole, damaged), (damaged, whole)):
        with pytest.raises(UserError, match=r"record 7.*verify names"):
            compare_datasets(*map(str, pair))


# The command line


def call(*arguments):
    command = [sys.executable, "-m", "tfrecords.inspect", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


ONE_OF = "expected a command, summary, verify, extract, show or compare, got "


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], f"{ONE_OF}none; usage: "),
        (["look", "a"], f"{ONE_OF}look;"),
        (["verify", "a", "b"], "expected 1 argument, got a b; usage: python -m tfrecords.inspect"),
        (["verify", "a", "--count=3"], "--count: verify has no such flag, show has"),
    ],
)
def test_mistakes_give_one_line(arguments, message):
    done = call(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"tfrecords.inspect: error: {message}")
    assert done.stderr.count("\n") == 1


def test_verify_reports_20_problems_and_exits_with_2(tmp_path):
    folder = build(tmp_path / "set", draw(30, 8))
    path = folder / "set-r02.tfrecords"
    write_records(path, read_records(path)[::-1])
    done = call("verify", folder)
    lines = done.stdout.splitlines()
    assert (done.returncode, len(lines), lines[-1]) == (2, 21, "… and 10 more")
    error = f"tfrecords.inspect: error: {folder}: expected a whole dataset, found 30 problems: "
    assert done.stderr == f"{error}copy it or make it again\n"


def test_compare_exits_with_1_for_a_difference():
    a, b = (GOLDEN / f"shuffle{number}" for number in (0, 1))
    done = call("compare", a, b)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith(f"{a} and {b} differ:\npicture 0 at 32 px differs in ")
    assert done.stdout.count("\n") == 2
