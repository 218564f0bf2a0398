"""Where labels come from is shown: a source's own file, or folders."""

import json

import numpy as np
import pytest

from tests.helpers.made_source import make_source, options
from tests.helpers.source_helpers import assert_refused, bounded, encoded, folder_of, write_archive
from tfrecords.format.dataset_info import describe_labels, read_labels
from tfrecords.pictures.source import one_hot
from tfrecords.sources.by_name import open_source
from tfrecords.writing.writer import write_dataset

SIX = [f"{i // 3:05d}/img{i:08d}.png" for i in range(6)]


def with_own_labels(root, labels, kind="folder"):
    """Six pictures with a dataset.json such as StyleGAN2-ADA's beside them."""
    text = json.dumps({"labels": labels}).encode()
    if kind == "folder":
        folder = folder_of(root / "set", *SIX)
        (root / "set/dataset.json").write_bytes(text)
        return folder
    files = dict.fromkeys(SIX, encoded(0)) | {"dataset.json": text}
    path, prefix = f"{root}/set.{kind[-3:]}", "" if kind == "zip" else "inside/"
    write_archive(path, {prefix + name: data for name, data in files.items()})
    return path


# A dataset.json of the source's own


@pytest.mark.parametrize("kind", ["folder", "zip", "deep.zip", "tar"])
def test_a_dataset_json_in_the_source_gives_its_classes(tmp_path, kind):
    pairs = [[name, i % 3] for i, name in enumerate(SIX)]
    for asked, written in ((None, pairs), ("wanted", dict(pairs))):
        path = with_own_labels(tmp_path, written, kind)
        source = open_source(path, labels=asked)
        assert source.label_names == ("0", "1", "2")
        np.testing.assert_array_equal(source.labels.classes, [0, 1, 2, 0, 1, 2])
        assert any("dataset.json has the labels that are taken" in note for note in source.notes)
    assert open_source(path, labels="none").labels is None
    vectors = {name: [0, 1] for name in SIX}
    source = open_source(with_own_labels(tmp_path, vectors, kind))
    assert (source.labels.tolist(), source.label_names) == ([[0, 1]] * 6, ())


def test_without_labels_in_it_a_dataset_json_gives_none(tmp_path):
    for labels in (None, [], [[name, None] for name in SIX]):
        path = with_own_labels(tmp_path, labels)
        assert open_source(path).labels is None
        assert_refused("00000, 00001 look like shards", path, labels="wanted")
    for text in (b"{", b"\xff", b"[]", b'{"version": 2, "files": []}', b'{"labels": "x"}'):
        (tmp_path / "set/dataset.json").write_bytes(text)  # it is about something else
        assert (open_source(path).labels, open_source(path).notes) == (None, ()), text


def test_gaps_extra_and_missing_pictures_of_a_dataset_json_are_said(tmp_path):
    rows = [[name, 2 * (i % 2)] for i, name in enumerate([*SIX, "gone.png"])]
    source = open_source(with_own_labels(tmp_path, rows))
    assert source.label_names == ("0", "2")
    assert any("no picture has the class 1" in note for note in source.notes)
    assert any("names 1 file that is not there" in note for note in source.notes)
    path = with_own_labels(tmp_path, rows[:4])
    assert_refused(r"2 of 6 have none, the first is 00001/img00000004", path, labels="wanted")
    source = open_source(path)  # nobody asked for labels: they are no reason to stop
    assert source.labels is None
    assert "2 of 6 have none" in source.notes[0]


# Folders


@pytest.mark.parametrize("parts", [("train", "test"), ("Training", "VAL"), ("00000", "00001")])
def test_parts_of_a_dataset_are_no_classes_where_those_are_in_them(tmp_path, parts):
    names = [f"{part}/{animal}/1.png" for part in parts for animal in ("cat", "dog")]
    for labels in ("folders", "wanted"):
        source = open_source(folder_of(tmp_path, *names), labels=labels)
        assert source.label_names == ("cat", "dog")
        assert any(part in note for note in source.notes for part in parts)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("train/1.png", "test/1.png"), "test, train look like parts .*--labels=FILE"),
        (("train/cat/1.png", "train/dog/1.png", "test/1.png"), "test, train look.*--labels=FILE"),
        (("train/cat/1.png", "train/dog/1.png", "test/x/1.png"), "test holds x and train holds"),
        (("cat/1.png",), "two sub-folders or more, .* got cat only"),
        (("cat/1.png", "dog/1.png", "loose.png"), r"loose\.png is in none"),
    ],
)
def test_folders_that_are_no_classes_are_refused(tmp_path, names, message):
    folder = folder_of(tmp_path / ".only", *names)  # a name that is hidden only inside
    for labels in ("folders", "wanted"):
        assert_refused(message, folder, labels=labels)


@pytest.mark.parametrize(
    ("names", "classes", "notes"),
    [
        (("cat/1.png", "dog/1.png", "cat/deep/2.png"), ("cat", "dog"), []),
        (("all/cat/1.png", "all/dog/1.png"), ("cat", "dog"), []),
        (("0/1.png", "1/1.png", "10/1.png"), ("0", "1", "10"), ["no picture has the class 2, 3"]),
        (("0000/1.png", "00001/1.png"), ("0000", "00001"), []),
        (SIX, ("00000", "00001"), ["look like shards"]),
        (("train/1.png", "cat/1.png"), ("cat", "train"), ["train counts as a class, as it lies"]),
        (("\xe9/0.png", "e\u0301/1.png"), ("e\u0301", "\xe9"), ["two classes are called '\xe9'"]),
    ],
)
def test_sub_folders_are_classes_and_what_looks_odd_is_said(tmp_path, names, classes, notes):
    source = open_source(folder_of(tmp_path, *names), labels="folders")
    assert source.label_names == classes
    assert len(source.notes) == len(notes)
    assert all(words in note for words, note in zip(notes, source.notes, strict=True))


def test_many_classes_of_many_pictures_take_little_memory(tmp_path):
    """As float32 rows 20,000 classes of 400 pictures are 32 MB."""
    labels = one_hot(range(0, 20_000, 50), 20_000)
    source = make_source(np.zeros((400, 4, 4, 3), np.uint8), labels=labels)
    with bounded(19):
        info = write_dataset(source, options(4), str(tmp_path / "set"), processes=1, shuffle=False)
        line = describe_labels(info)
    assert line.startswith("Classes: 20,000, 0 (1 picture), 1 (0)")
    np.testing.assert_array_equal(read_labels(info), labels[:])
