import json
import os
import unicodedata

import numpy as np
import pytest

from tests.helpers.source_helpers import assert_refused, folder_of
from tfrecords.common.errors import UserError
from tfrecords.sources.by_name import open_source


def read(root, text, *names, ending="csv", encoding="utf-8"):
    """Opens a folder of pictures with a label file, text or values for JSON."""
    folder = folder_of(root / "a", *names)
    file = root / f"labels.{ending}"
    text = text if isinstance(text, str | bytes) else json.dumps(text)
    file.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return open_source(folder, labels=str(file))


ABD = ("a.png", "b/c.png", "d.png")


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
def test_classes_in_every_layout(tmp_path, text, ending):
    source = read(tmp_path, text, *ABD, ending=ending)
    np.testing.assert_array_equal(source.labels, [[0, 1], [1, 0], [0, 1]])
    assert source.labels.dtype == np.float32
    assert source.label_names == ("cat", "emu")


@pytest.mark.parametrize("numbers", [(10, 9), (-1, 0), (1999, 2024)])
def test_classes_that_are_numbers_are_sorted_as_such(tmp_path, numbers):
    first, second = numbers
    labels = {"a.png": first, "b/c.png": second, "d.png": first}
    names = tuple(map(str, sorted(numbers)))
    assert read(tmp_path, labels, *ABD, ending="json").label_names == names
    rows = "".join(f"{path},{label}\n" for path, label in labels.items())
    assert read(tmp_path, rows, *ABD).label_names == names
    mixed = {"a.png": 1.5, "b/c.png": True, "d.png": "x"}
    assert read(tmp_path, mixed, *ABD, ending="json").label_names == ("1.5", "True", "x")


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ("path,x,y\na.png,1,2.5\nb/c.png,-3,0\nd.png,1e3,7\n", "csv"),
        ({"a.png": [1, 2.5], "b/c.png": [-3, 0], "d.png": [1000, 7]}, "json"),
        ({"labels": [["a.png", [1, 2.5]], ["b/c.png", [-3, 0]], ["d.png", [1e3, 7]]]}, "json"),
    ],
)
def test_vectors_in_every_layout(tmp_path, text, ending):
    source = read(tmp_path, text, *ABD, ending=ending)
    np.testing.assert_array_equal(source.labels, [[1, 2.5], [-3, 0], [1000, 7]])
    assert source.labels.dtype == np.float32
    assert source.label_names == ()


ALL = {"a.png": "x", "b/c.png": "y", "d.png": "y"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.png,x\n", r"2 of 3 have none, the first is b/c\.png"),
        ("", r"3 of 3 have none, the first is a\.png"),
        *(({"labels": None}, "expected {"), ([1], "expected {")),
        ({"labels": [["a.png"]]}, "a path and its label, got"),
        ({"labels": [["a.png", 1], [1, "a.png"]]}, "a path and its label, got"),
        (b"{", "cannot be read as JSON"),
        (ALL | {"a.png": None}, r"1 of 3 have none.*a\.png"),
        ("a.png,x\nb/c.png,y\nd.png,y\nz.png,x\ny.png,x", r"2 name none.* is z\.png"),
        ("a.png,x\na.png,y\nb/c.png,y\nd.png,y", r"a\.png has two labels"),
        (b'{"a.png": "x", "a.png": "y"}', r"a\.png has two labels"),
        ("train/a.png,x\ntest/a.png,y\n", r"train/a\.png and test/a\.png.*'x' and 'y'"),
        ("a.png,x\nb/c.png,x\nd.png,x", "two classes or more, got 'x' only"),
        ("a.png\nb/c.png\nd.png", "path and its class or numbers in each line"),
        ("a.png,1,2\nb/c.png,3\n", "line 2: expected 3 columns, got 2"),
        ("a.png,1,2\nb/c.png,3,x\n", "line 2: expected numbers"),
        ("file,label,split\na.png,1,train\nd.png,0,x\n", "two columns.*got file, label, split"),
        ("file,label,rank\na.png,1,2\nd.png,0,3\n", "two columns.*got file, label, rank"),
        ("file,x,y\na.png,1,b\n", "two columns.*got file, x, y"),
        ("a.png,1,2\nb/c.png,3,nan\nd.png,0,inf", r"finite .* 2 pictures, .* b/c\.png"),
        ({"a.png": [1e39], "b/c.png": [1], "d.png": [1]}, r"finite .* a\.png"),
        ({"a.png": [10**400], "b/c.png": [1], "d.png": [1]}, r"finite .* a\.png"),
        ({"a.png": float("nan")}, r"finite numbers for a\.png, got NaN"),
        ({"a.png": 2**63}, r"finite numbers for a\.png"),
        ({"a.png": [1], "b/c.png": [1, 2], "d.png": [1]}, r"one length, .* b/c\.png"),
        ({"a.png": [], "b/c.png": [], "d.png": []}, "one length"),
        *(({"a.png": ["x"]}, "class or finite"), ({"a.png": {"x": 1}}, "class or finite")),
        (ALL | {"a.png": [1]}, "classes or vectors, got 1"),
        ("z/x0.png,x\nz/x1.png,y\n", r"first path is z/x0\.png, the source's is a\.png"),
        (b"a.png,\xff\n", "UTF-8 or UTF-16, cannot decode byte 6"),
        ("a.png,a\nd.png,x\n".encode("utf-16-le"), "expected text in UTF-8"),
        ("a.png,a\n".encode("utf-16")[:-1], "expected text in .*UTF-16"),
        *(
            (b'{"a.png": %s, "d.png": "x"}' % label, "labels.json")
            for label in (b"1" * 5000, b"1e400")
        ),
        (b'{"a.png": "\\ud800", "b/c.png": "x", "d.png": "x"}', "classes as text"),
        (b'{"labels": [%s]}' % (b"[]," * 2**21), "at most 2,097,152 lists and objects"),
        (b"\n" * (2**23 + 1), "at most 8,388,608 lines"),
    ],
)
def test_what_is_wrong_in_a_label_file_is_one_line(tmp_path, text, message):
    json_like = not isinstance(text, str | bytes) or text[:1] == b"{"
    with pytest.raises(UserError, match=message) as caught:
        read(tmp_path, text, *ABD, ending="json" if json_like else "csv")
    assert str(caught.value).isprintable()


def test_what_is_no_label_file_is_one_line(tmp_path):
    folder = folder_of(tmp_path / "a", "a.png")
    for name in ("yes", "labels.png", str(tmp_path / "absent.csv"), str(tmp_path)):
        assert_refused("expected 'none', 'folders' or the path of a CSV", folder, labels=name)


def test_labels_of_rejected_pictures_are_no_error(tmp_path):
    folder_of(tmp_path / "a", *ABD)
    os.symlink("nowhere", tmp_path / "a/gone.png")
    source = read(tmp_path, "a.png,emu\nb/c.png,cat\nd.png,emu\ngone.png,cat\n")
    np.testing.assert_array_equal(source.labels, [[0, 1], [1, 0], [0, 1]])
    assert source.notes == ()


@pytest.mark.parametrize(
    ("written", "difference"),
    [
        ("a/{}.png", "leading folder"),
        (r"a\{}.png", "slashes or accents, leading folder"),
        (r"C:\data\a\{}.png", "slashes or accents, leading folder"),
        ("{}.PNG", "case"),
        ("{}", "ending"),
        ("A/{}", "ending, leading folder"),
    ],
)
def test_paths_that_fit_one_picture_are_matched_and_said(tmp_path, written, difference):
    rows = "".join(f"{written.format(i)},{'cat' if i % 2 else 'dog'}\n" for i in range(4))
    source = read(tmp_path, f"filename,label\n{rows}", *(f"{i}.png" for i in range(4)))
    np.testing.assert_array_equal(source.labels.classes, [1, 0, 1, 0])
    (note,) = source.notes
    assert f"4 of 4 paths differ in {difference} and fit one picture" in note
    assert f"{written.format(0)} is taken for 0.png" in note


@pytest.mark.parametrize(("there", "here"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_accents_in_another_unicode_form_are_matched(tmp_path, there, here):
    names = [unicodedata.normalize(here, f"café{i}.png") for i in range(2)]
    rows = unicodedata.normalize(there, "café0.png,x\ncafé1.png,y\n")
    source = read(tmp_path, rows, *names)
    np.testing.assert_array_equal(source.labels.classes, [0, 1])
    assert "accents" in source.notes[0]


def test_what_fits_two_pictures_is_not_matched(tmp_path):
    for rows, names in (("ab.png,x\n", ("Ab.png", "aB.png")), ("1.png,x", ("x/1.png", "y/1.png"))):
        with pytest.raises(UserError, match=f"first path is {rows[:4]}.*, the source's is "):
            read(tmp_path / names[0][0], rows, *names)


@pytest.mark.parametrize(
    "text",
    [
        "filename,label\n0.png,cat\n1.png,dog\n",
        "label,filename\ncat,0.png\ndog,1.png\n",
        "Class,Image_Path\ncat,0.png\ndog,1.png\n",
        "species,id\ncat,0\ndog,1\n",
        "class,it\ncat,0\ndog,1\n",
        "it,is\n0,cat\n1,dog\n",
        *("cat,0.png\ndog,1.png\n", "0,cat\n1,dog\n"),
        "filename;label\n0.png;cat\n1.png;dog\n",
        "filename\tlabel\n0.png\tcat\n1.png\tdog\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_columns_are_those_that_the_header_names(tmp_path, text, encoding):
    source = read(tmp_path, text, "0.png", "1.png", encoding=encoding)
    assert source.label_names == ("cat", "dog")
    np.testing.assert_array_equal(source.labels.classes, [0, 1])
