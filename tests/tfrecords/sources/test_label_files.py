import json
import os
import unicodedata

import numpy as np
import pytest

from tests.helpers.source_helpers import assert_refused, folder_of
from tfrecords.common.errors import UserError
from tfrecords.sources.by_name import open_source

ABD = ("a.png", "b/c.png", "d.png")


def read(root, text, *names, ending="csv", encoding="utf-8"):
    """Opens a folder of pictures with a label file, text or values for JSON."""
    folder = folder_of(root / "a", *(names or ABD))
    file = root / f"labels.{ending}"
    text = text if isinstance(text, str | bytes) else json.dumps(text)
    file.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return open_source(folder, labels=str(file))


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ("filename,label\n0.png,cat\n./1.png,dog\n", "csv"),
        ('file,class\r\n"1.png", dog\r\n\r\n0.png,cat', "csv"),
        ("label,filename\ncat,0.png\ndog,1.png\n", "csv"),
        ("species,id\ncat,0\ndog,1\n", "csv"),
        ("it,is\n0,cat\n1,dog\n", "csv"),
        ("0,cat\n1,dog\n", "csv"),
        ("filename;label\n0.png;cat\n1.png;dog\n", "csv"),
        ("0.png\tcat\n1.png\tdog\n", "tsv"),
        ('{"0.png": "cat", "1.png": "dog"}', "json"),
        ('{"labels": [["1.png", "dog"], ["0.png", "cat"]]}', "json"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_classes_are_read_in_every_layout(tmp_path, text, ending, encoding):
    source = read(tmp_path, text, "0.png", "1.png", ending=ending, encoding=encoding)
    assert source.label_names == ("cat", "dog")
    np.testing.assert_array_equal(source.labels.classes, [0, 1])


def test_vectors_are_read_in_every_layout(tmp_path):
    rows = "path,x,y\na.png,1,2.5\nb/c.png,-3,0\nd.png,1e3,7\n"
    pairs = {"a.png": [1, 2.5], "b/c.png": [-3, 0], "d.png": [1000, 7]}
    for text, ending in ((rows, "csv"), (pairs, "json")):
        source = read(tmp_path, text, ending=ending)
        np.testing.assert_array_equal(source.labels, [[1, 2.5], [-3, 0], [1000, 7]])
        assert (source.labels.dtype, source.label_names) == (np.float32, ())


def test_classes_that_are_numbers_are_sorted_as_such(tmp_path):
    for classes, names in (
        ((10, 9, 10), ("9", "10")),
        ((-1, 0, -1), ("-1", "0")),
        ((1.5, True, "x"), ("1.5", "True", "x")),
    ):
        labels = dict(zip(ABD, classes, strict=True))
        assert read(tmp_path, labels, ending="json").label_names == names
        rows = "".join(f"{path},{label}\n" for path, label in labels.items())
        assert read(tmp_path, rows).label_names == names


ALL = {"a.png": "x", "b/c.png": "y", "d.png": "y"}
VECTORS = {"a.png": [1], "b/c.png": [1], "d.png": [1]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.png,x\n", r"2 of 3 have none, the first is b/c\.png"),
        *(({"labels": None}, "expected {"), ([1], "expected {"), (b"{", "cannot be read as JSON")),
        ("a.png,x\nb/c.png,y\nd.png,y\nz.png,x\ny.png,x", r"2 name none.* is z\.png"),
        ("a.png,x\na.png,y\nb/c.png,y\nd.png,y", r"a\.png has two labels"),
        ("a.png,x\nb/c.png,x\nd.png,x", "two classes or more, got 'x' only"),
        ("a.png\nb/c.png\nd.png", "path and its class or numbers in each line"),
        ("a.png,1,2\nb/c.png,3\n", "line 2: expected 3 columns, got 2"),
        ("file,label,rank\na.png,1,2\nd.png,0,3\n", "two columns.*got file, label, rank"),
        ("a.png,1,2\nb/c.png,3,nan\nd.png,0,inf", r"finite .* 2 pictures, .* b/c\.png"),
        *((VECTORS | {"a.png": [one]}, r"finite .* a\.png") for one in (1e39, 10**400)),
        *((ALL | {"a.png": one}, r"finite numbers for a\.png") for one in (float("nan"), 2**63)),
        (VECTORS | {"b/c.png": [1, 2]}, r"one length, .* b/c\.png"),
        *((ALL | {"a.png": one}, "class or finite") for one in (["x"], {"x": 1})),
        (ALL | {"a.png": [1]}, "classes or vectors, got 1"),
        ("z/x0.png,x\nz/x1.png,y\n", r"first path is z/x0\.png, the source's is a\.png"),
        (b"a.png,\xff\n", "UTF-8 or UTF-16, cannot decode byte 6"),
        ("a.png,a\nd.png,x\n".encode("utf-16-le"), "expected text in UTF-8"),
        (b'{"a.png": %s}' % (b"1" * 5000), r"labels\.json"),
        (ALL | {"a.png": "\ud800"}, "classes as text"),
        (b'{"labels": [%s]}' % (b"[]," * 2**21), "at most 2,097,152 lists and objects"),
        (b"\n" * (2**23 + 1), "at most 8,388,608 lines"),
    ],
)
def test_what_is_wrong_in_a_label_file_is_one_line(tmp_path, text, message):
    json_like = not isinstance(text, str | bytes) or text[:1] == b"{"
    with pytest.raises(UserError, match=message) as caught:
        read(tmp_path, text, ending="json" if json_like else "csv")
    assert str(caught.value).isprintable()


def test_what_is_no_label_file_is_refused(tmp_path):
    folder = folder_of(tmp_path / "a", "a.png")
    for name in ("yes", "labels.png", str(tmp_path / "absent.csv"), str(tmp_path)):
        assert_refused("expected 'none', 'folders' or the path of a CSV", folder, labels=name)


def test_labels_of_rejected_pictures_are_no_error(tmp_path):
    folder_of(tmp_path / "a", *ABD)
    os.symlink("nowhere", tmp_path / "a/gone.png")
    source = read(tmp_path, "a.png,emu\nb/c.png,cat\nd.png,emu\ngone.png,cat\n")
    assert (source.labels.classes.tolist(), source.notes) == ([1, 0, 1], ())


@pytest.mark.parametrize(
    ("written", "difference"),
    [
        ("a/{}.png", "leading folder"),
        (r"C:\data\a\{}.png", "slashes or accents, leading folder"),
        ("{}.PNG", "case"),
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


def test_accents_in_another_unicode_form_are_matched(tmp_path):
    for there, here in (("NFC", "NFD"), ("NFD", "NFC")):
        names = [unicodedata.normalize(here, f"café{i}.png") for i in range(2)]
        rows = unicodedata.normalize(there, "café0.png,x\ncafé1.png,y\n")
        source = read(tmp_path / here, rows, *names)
        np.testing.assert_array_equal(source.labels.classes, [0, 1])
        assert "accents" in source.notes[0]


def test_what_fits_two_pictures_is_not_matched(tmp_path):
    for rows, names in (("ab.png,x\n", ("Ab.png", "aB.png")), ("1.png,x", ("x/1.png", "y/1.png"))):
        with pytest.raises(UserError, match=f"first path is {rows[:4]}.*, the source's is "):
            read(tmp_path / names[0][0], rows, *names)
