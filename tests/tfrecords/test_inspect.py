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
from tfrecords.format.record import encode_image
from tfrecords.inspecting import contact_sheet
from tfrecords.inspecting.comparison import compare_datasets
from tfrecords.inspecting.contact_sheet import show, spread
from tfrecords.inspecting.extraction import extract, parse_indices
from tfrecords.inspecting.inspection import format_summary, summarize
from tfrecords.pictures.images import build_pyramid

GOLDEN = ROOT / "tests" / "golden" / "tfrecords"
CLASSES = [0, 1, 2, 0, 1, 2, 1, 1]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Without labels and dataset.json."""
    return build(tmp_path_factory.mktemp("plain") / "set", draw())


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labelled") / "set"
    return build(folder, draw(), one_hot(CLASSES), ["cat", "dog", "fish/eel"], json=True)


@pytest.fixture
def damaged(plain, tmp_path):
    """The last bit of the last picture is another."""
    folder = shutil.copytree(plain, tmp_path / "set")
    flip(folder / "set-r04.tfrecords", -1)
    return folder


def open_pixels(path):
    with Image.open(path) as opened:
        return np.asarray(opened)


# Summary


def test_the_summary_tells_what_a_dataset_holds(labelled):
    summary = summarize(str(labelled))
    counts = {"cat": 2, "dog": 4, "fish/eel": 2}
    assert summary["classes"] == [{"name": n, "pictures": count} for n, count in counts.items()]
    sizes = [path.stat().st_size for path in sorted(labelled.glob("*.tfrecords"))]
    assert summary["resolutions"] == [
        {"resolution": resolution, "files": 1, "bytes": size}
        for resolution, size in zip((4, 8, 16), sizes, strict=True)
    ]
    assert (summary["bytes"], summary["num_rejected"]) == (sum(sizes), 0)
    assert json.loads(json.dumps(summary)) == summary
    lines = format_summary(summary).split("\n")
    for line in (
        *("name      set", "source    made", "pictures  8", "rejected  0", "channels  3 (RGB)"),
        *("encoding  raw", "labels    3 classes", "4 px            1  784 bytes"),
        "dog              4",
    ):
        assert line in lines, lines


def test_the_summary_of_a_published_dataset():
    text = format_summary(summarize(str(GOLDEN / "gray_labels")))
    assert "source    unknown (no dataset.json)\npictures  10\nrejected  unknown" in text
    assert "channels  1 (gray)" in text
    table = "class  pictures\n0             2\n1             3\n2             3\n3             2"
    assert text.endswith(table)


def test_vectors_are_no_classes(tmp_path):
    vectors = np.linspace(0, 1, 4 * 3, dtype=np.float32).reshape(4, 3)
    folder = build(tmp_path / "set", draw(4, 4), vectors)
    summary = summarize(str(folder))
    assert (summary["label_size"], summary["classes"]) == (3, [])
    assert "labels    3 numbers for each picture" in format_summary(summary)
    with pytest.raises(UserError, match=r"expected a dataset with classes, .* vectors for labels"):
        extract(str(folder), str(tmp_path / "out"), by_class=True)


def test_long_lists_of_classes_are_cut(tmp_path):
    folder = build(tmp_path / "set", draw(4, 4), one_hot([0, 1, 5, 49], 50))
    text = format_summary(summarize(str(folder)))
    assert text.endswith("\n39            0\n… and 10 more; --json lists all")


# Extraction


def test_an_extraction_holds_the_pictures(labelled, tmp_path):
    assert extract(str(labelled), str(tmp_path / "out")) == 8
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
    names = ["..", "fish/eel", "FISH/eel"]
    folder = build(tmp_path / "set", draw(8, 4), labels, names, json=True)
    extract(str(folder), str(tmp_path / "out"), by_class=True)
    found = {}
    for path in (tmp_path / "out").rglob("*.png"):
        found.setdefault(path.parent.name, set()).add(int(path.stem))
    expected = {"out": {7}, "FISH_eel_2": {2, 5}, "class_0": {0, 3}, "fish_eel": {1, 4, 6}}
    assert found == expected


def test_extraction_never_overwrites(plain, tmp_path):
    (tmp_path / "out").mkdir()
    mine = tmp_path / "out" / "mine.txt"
    mine.write_text("mine")
    for place, words in ((mine.parent, "expected a new or empty folder"), (mine, "found a file")):
        with pytest.raises(UserError, match=words):
            extract(str(plain), str(place))
    assert [path.name for path in mine.parent.iterdir()] == ["mine.txt"]


def test_a_failed_extraction_leaves_nothing(damaged, tmp_path):
    with pytest.raises(UserError, match="picture 7 at 16 px"):
        extract(str(damaged), str(tmp_path / "out"))
    with pytest.raises(UserError, match="expected one of 4, 8, 16, got 32"):
        extract(str(damaged), str(tmp_path / "out"), resolution=32)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


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
            side = scale * len(picture)
            part = sheet[y : y + side, x : x + side]
            if part.shape[:2] == (side, side) and np.array_equal(part[::scale, ::scale], picture):
                return True
    return False


def test_a_sheet_has_a_row_for_each_class(tmp_path):
    labels, names = one_hot([0, 1, 1, 1, 0, 1, 1, 1]), ["rot", "grün" * 20, "никто"]
    folder = build(tmp_path / "set", draw(), labels, names, json=True)
    text = show(str(folder), str(tmp_path / "sheets" / "sheet.png"), count=3)
    assert text.startswith("5 of 8 pictures of 16 px, 3 of 3 classes, ")
    sheet = open_pixels(tmp_path / "sheets" / "sheet.png")
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
    for index in (0, 2, 5, 7):
        assert contains(sheet, build_pyramid(images[index])[4].repeat(3, axis=2))


def test_sheets_show_the_first_32_classes(tmp_path):
    folder = build(tmp_path / "set", draw(40, 4), one_hot(range(40), 40))
    text = show(str(folder), str(tmp_path / "sheet.png"))
    assert text.startswith(f"32 of 40 pictures of 4 px, {contact_sheet.MAX_CLASSES} of 40 classes,")
    # One picture in a row does not fill 1000 px.
    assert len(open_pixels(tmp_path / "sheet.png")) < 33 * 110


def test_pictures_of_a_sheet_are_spread():
    assert spread(np.arange(100), 3) == (0, 50, 99)
    assert spread(np.arange(2), 5) == (0, 1)
    assert spread(np.arange(0), 5) == ()


def test_sheets_that_cannot_be_made_are_errors(plain, tmp_path, monkeypatch):
    (tmp_path / "a.png").write_text("mine")
    with pytest.raises(UserError, match="expected no such file yet"):
        show(str(plain), str(tmp_path / "a.png"))
    with pytest.raises(UserError, match=r"expected a picture to make, NAME\.png"):
        show(str(plain), str(tmp_path / "a.gif"))
    monkeypatch.setattr(contact_sheet, "_MOST_PIXELS", 10**5)
    with pytest.raises(UserError, match=r"--count, --resolution: expected a sheet of at most"):
        show(str(plain), str(tmp_path / "b.png"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


# Comparison


def test_the_same_pictures_stored_differently(tmp_path, labelled):
    other = build(tmp_path / "b", draw(), one_hot(CLASSES), encoding="png", shard_bytes=2000)
    found = compare_datasets(str(labelled), str(other))
    assert (found.differences, found.num_images, found.equal_files) == ((), 8, False)
    same = shutil.copytree(labelled, tmp_path / "c")
    found = compare_datasets(str(labelled), str(same))
    assert (found.differences, found.equal_files, found.equal_pictures) == ((), True, True)


def test_the_order_of_features_is_no_difference(plain, tmp_path):
    other = shutil.copytree(plain, tmp_path / "b")
    path = other / "set-r04.tfrecords"
    write_records(path, map(last_feature_first, read_records(path)))
    assert path.read_bytes() != (plain / path.name).read_bytes()
    found = compare_datasets(str(plain), str(other))
    assert (found.differences, found.equal_files) == ((), False)


def last_feature_first(record):
    """Example { 1: Features }, Features { 1: entry, 1: entry }; the second is the shape's."""
    shape = record.rindex(b"\x0a\x05shape") - 2
    head = record.index(b"\x0a\x04data") - 3
    return record[:head] + record[shape:] + record[head:shape]


def test_the_first_difference_is_told(labelled, tmp_path):
    changed, labels = draw(), one_hot(CLASSES)
    changed[3, 0, 0, 0] ^= 128
    changed[5] = 0
    labels[[1, 2]] = labels[[2, 1]]
    labels[7] = [0.5, 0, 1]
    names = ["cat", "hound", "fish/eel"]
    other = build(tmp_path / "b", changed, labels, names, encoding="png", json=True)
    found = compare_datasets(str(labelled), str(other))
    assert found.differences == (
        "names of the classes: class 1 is 'dog' and 'hound'",
        "labels: picture 1 has class 1 and class 2, the first of 3 that differ, of 8",
        "picture 3 at 16 px differs in 1 of 768 values, by up to 128 of 255; it is the first of "
        "2 that differ, of 8",
    )
    assert not found.equal_pictures
    assert not found.equal_files


def test_other_numbers_of_things_are_told(labelled, tmp_path):
    def compare(name, images, labels=None):
        other = build(tmp_path / name, images, labels)
        return compare_datasets(str(labelled), str(other))

    *amounts, pictures = compare("b", draw(6, 8)).differences
    assert amounts == [
        "pictures: 8 and 6",
        "resolutions: 4 to 16 px and 4 to 8 px",
        "numbers in a label: 3 and 0",
    ]
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


def test_comparing_a_damaged_dataset_is_an_error_and_no_difference(plain, damaged):
    for pair in ((plain, damaged), (damaged, plain)):
        with pytest.raises(UserError, match=r"record 7.*verify names"):
            compare_datasets(*map(str, pair))


# The command line


def call(*arguments):
    command = [sys.executable, "-m", "tfrecords.inspect", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def test_help_lists_the_commands():
    done = call("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for usage in ("summary F", "verify F", "extract FOLDER OUT", "show F", "compare A B"):
        assert usage in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected a command, summary, verify, extract, show or compare, got none; usage: "),
        (["look", "a"], "expected a command, summary, verify, extract, show or compare, got look;"),
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
    write_records(folder / "set-r02.tfrecords", read_records(folder / "set-r02.tfrecords")[::-1])
    done = call("verify", folder)
    lines = done.stdout.splitlines()
    assert (done.returncode, len(lines), lines[-1]) == (2, 21, "… and 10 more")
    error = f"tfrecords.inspect: error: {folder}: expected a whole dataset, found 30 problems: "
    assert done.stderr == f"{error}copy it or make it again\n"


def test_compare_exits_with_1_for_a_difference(plain, tmp_path):
    other = shutil.copytree(plain, tmp_path / "copy")
    path = other / "set-r03.tfrecords"
    write_records(path, [encode_image(draw(1, 8)[0]), *read_records(path)[1:]])
    done = call("compare", plain, other)
    assert (done.returncode, done.stderr) == (1, "")
    first, second = done.stdout.splitlines()
    assert first == f"{plain} and {other} differ:"
    assert second.startswith("picture 0 at 8 px differs in ")
