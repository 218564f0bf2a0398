import json
import os

import numpy as np
import pytest

from tests.helpers.source_helpers import save
from tfrecords.common.errors import UserError
from tfrecords.sources.by_name import open_source


@pytest.fixture
def folder(tmp_path):
    for name in ("a.png", "b/c.png", "d.png"):
        save(tmp_path / "pictures" / name)
    return str(tmp_path / "pictures")


def read(folder, text, ending="csv"):
    file = os.path.join(os.path.dirname(folder), f"labels.{ending}")
    with open(file, "w", encoding="utf-8") as opened:
        opened.write(text if isinstance(text, str) else json.dumps(text))
    source = open_source(folder, labels=file)
    return source.labels, source.label_names


CLASSES = [[0, 1], [1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ("d.png,emu\na.png,emu\nb/c.png,cat\n", "csv"),
        ("picture,class\na.png,emu\n./b/c.png,cat\n\nd.png,emu\n", "csv"),
        ('\ufefffile,class\r\n"a.png", emu\r\nb/c.png,cat\r\nd.png,emu', "csv"),
        ("a.png\temu\nb/c.png\tcat\nd.png\temu\n", "tsv"),
        ({"a.png": "emu", "b/c.png": "cat", "d.png": "emu"}, "json"),
        ({"labels": [["a.png", "emu"], ["b/c.png", "cat"], ["d.png", "emu"]]}, "json"),
    ],
)
def test_classes(folder, text, ending):
    labels, names = read(folder, text, ending)
    np.testing.assert_array_equal(labels, CLASSES)
    assert labels.dtype == np.float32
    assert names == ("cat", "emu")


def test_classes_that_are_numbers_are_sorted_as_such(folder):
    labels, names = read(folder, {"a.png": 10, "b/c.png": 9, "d.png": 10}, "json")
    np.testing.assert_array_equal(labels, CLASSES)
    assert names == ("9", "10")
    assert read(folder, "a.png,10\nb/c.png,9\nd.png,10\n")[1] == ("9", "10")
    assert read(folder, {"a.png": 1.5, "b/c.png": True, "d.png": "x"}, "json")[1] == (
        "1.5",
        "True",
        "x",
    )


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ("path,x,y\na.png,1,2.5\nb/c.png,-3,0\nd.png,1e3,7\n", "csv"),
        ({"a.png": [1, 2.5], "b/c.png": [-3, 0], "d.png": [1000, 7]}, "json"),
        ({"labels": [["a.png", [1, 2.5]], ["b/c.png", [-3, 0]], ["d.png", [1e3, 7]]]}, "json"),
    ],
)
def test_vectors(folder, text, ending):
    labels, names = read(folder, text, ending)
    np.testing.assert_array_equal(labels, [[1, 2.5], [-3, 0], [1000, 7]])
    assert labels.dtype == np.float32
    assert names == ()


@pytest.mark.parametrize(
    ("text", "ending", "message"),
    [
        ("a.png,x\n", "csv", r"2 of 3 have none, the first is b/c\.png"),
        ("", "csv", r"3 of 3 have none, the first is a\.png"),
        ({"labels": None}, "json", "expected {"),
        ({"labels": [["a.png"]]}, "json", "a path and its label, got"),
        ([1], "json", "expected {"),
        ("{", "json", "cannot be read as JSON"),
        ({"a.png": None, "b/c.png": "x", "d.png": "y"}, "json", r"1 of 3 have none.*a\.png"),
        ("a.png,x\nb/c.png,y\nd.png,y\nz.png,x\ny.png,x", "csv", r"2 name none.* is z\.png"),
        ("a.png,x\na.png,y\nb/c.png,y\nd.png,y", "csv", r"a\.png has two labels"),
        ('{"a.png": "x", "a.png": "y"}', "json", r"a\.png has two labels"),
        ("a.png,x\nb/c.png,x\nd.png,x", "csv", "two classes or more, got 'x' only"),
        ("a.png\nb/c.png\nd.png", "csv", "path and its class or numbers in each line"),
        ("a.png,1,2\nb/c.png,3\n", "csv", "line 2: expected 3 columns, got 2"),
        ("a.png,1,2\nb/c.png,3,x\n", "csv", "line 2: expected numbers"),
        ("a.png,1,2\nb/c.png,3,nan\nd.png,0,inf", "csv", r"finite .* 2 pictures, .* b/c\.png"),
        ({"a.png": [1e39], "b/c.png": [1], "d.png": [1]}, "json", r"finite .* a\.png"),
        ({"a.png": [10**400], "b/c.png": [1], "d.png": [1]}, "json", r"finite .* a\.png"),
        ({"a.png": float("nan")}, "json", r"finite numbers for a\.png, got NaN"),
        ({"a.png": [1], "b/c.png": [1, 2], "d.png": [1]}, "json", r"one length, .* b/c\.png"),
        ({"a.png": [], "b/c.png": [], "d.png": []}, "json", "one length"),
        ({"a.png": ["x"]}, "json", "a class or finite numbers"),
        ({"a.png": {"x": 1}}, "json", "a class or finite numbers"),
        ({"a.png": [1], "b/c.png": "x", "d.png": "y"}, "json", "classes or vectors"),
    ],
)
def test_errors(folder, text, ending, message):
    with pytest.raises(UserError, match=message) as caught:
        read(folder, text, ending)
    assert "\n" not in str(caught.value)


def test_what_is_no_label_file(folder, tmp_path):
    for name in ("yes", "labels.png", str(tmp_path / "absent.csv"), str(tmp_path)):
        with pytest.raises(UserError, match="expected 'none', 'folders' or the path of a CSV"):
            open_source(folder, labels=name)
    (tmp_path / "latin.csv").write_bytes(b"a.png,\xff\n")
    with pytest.raises(UserError, match="decode"):
        open_source(folder, labels=str(tmp_path / "latin.csv"))


def test_labels_of_rejected_pictures_are_no_error(folder):
    os.symlink("nowhere", os.path.join(folder, "gone.png"))
    labels, _ = read(folder, "a.png,emu\nb/c.png,cat\nd.png,emu\ngone.png,cat\n")
    np.testing.assert_array_equal(labels, CLASSES)


def test_paths_may_leave_out_the_folder_that_holds_everything(folder):
    labels, _ = read(os.path.dirname(folder), "a.png,emu\nb/c.png,cat\nd.png,emu\n")
    np.testing.assert_array_equal(labels, CLASSES)
