"""Where labels come from is shown: a source's own file, or folders."""

import io
import json
import os
import tracemalloc

import numpy as np
import pytest

from pgan_tf.data.dataset import make_dataset
from tests.helpers.made_source import make_source
from tests.helpers.source_helpers import assert_refused, encoded, folder_of, save, write_archive
from tfrecords.cache import prepare
from tfrecords.format.dataset_info import describe_labels
from tfrecords.pictures.source import PictureOptions, one_hot
from tfrecords.sources import archive
from tfrecords.sources.by_name import open_source
from tfrecords.writing.writer import write_dataset

SIX = [f"{i // 3:05d}/img{i:08d}.png" for i in range(6)]


def with_own_labels(root, labels, kind="folder"):
    """Six pictures with a dataset.json such as StyleGAN2-ADA's beside them."""
    files = dict.fromkeys(SIX, encoded(0))
    files["dataset.json"] = json.dumps({"labels": labels}).encode()
    if kind != "folder":
        path, prefix = f"{root}/set.{kind[-3:]}", "" if kind == "zip" else "inside/"
        write_archive(path, {prefix + name: data for name, data in files.items()})
        return path
    folder = folder_of(root / "set", *SIX)
    (root / "set/dataset.json").write_bytes(files["dataset.json"])
    return folder


# A dataset.json of the source's own


@pytest.mark.parametrize("kind", ["folder", "zip", "deep.zip", "tar"])
@pytest.mark.parametrize(("asked", "as_object"), [(None, False), ("wanted", True)])
def test_a_dataset_json_in_the_source_gives_its_classes(tmp_path, kind, asked, as_object):
    pairs = [[name, i % 3] for i, name in enumerate(SIX)]
    path = with_own_labels(tmp_path, dict(pairs) if as_object else pairs, kind)
    source = open_source(path, labels=asked)
    assert source.label_names == ("0", "1", "2")
    np.testing.assert_array_equal(source.labels.classes, [0, 1, 2, 0, 1, 2])
    assert any("dataset.json has the labels that are taken" in note for note in source.notes)
    assert open_source(path, labels="none").labels is None


@pytest.mark.parametrize("ending", ["zip", "tar"])
def test_a_dataset_json_larger_than_labels_are_is_not_read(tmp_path, monkeypatch, ending):
    assert archive._MOST_TEXT_BYTES == 2**27
    monkeypatch.setattr(archive, "_MOST_TEXT_BYTES", 1024)
    file = tmp_path / f"a.{ending}"
    for size, notes in ((1024, []), (1025, ["expected at most 1,024 bytes of labels, got 1,025"])):
        write_archive(file, {"0.png": encoded(0), "dataset.json": b" " * size})
        source = open_source(str(file))
        assert source.labels is None
        assert len(source.notes) == len(notes)
        assert all(words in note for words, note in zip(notes, source.notes, strict=True))


def test_vectors_of_a_dataset_json_stay_vectors(tmp_path):
    vectors = [[0, 1], [1, 0]] * 3
    path = with_own_labels(tmp_path, list(map(list, zip(SIX, vectors, strict=True))))
    source = open_source(path, labels="wanted")
    np.testing.assert_array_equal(source.labels, vectors)
    assert source.label_names == ()


@pytest.mark.parametrize("labels", [None, [], [[name, None] for name in SIX]])
def test_without_labels_in_it_a_dataset_json_gives_none(tmp_path, labels):
    path = with_own_labels(tmp_path, labels)
    assert open_source(path).labels is None
    assert_refused(r"00000, 00001 look like shards", path, labels="wanted")


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
    assert any("2 of 6 have none" in note for note in source.notes)


def test_a_json_file_about_something_else_is_left_alone(tmp_path):
    folder = folder_of(tmp_path / "a", *SIX)
    for text in (b"{", b"\xff", b"[]", b'{"version": 2, "files": []}', b'{"labels": "x"}'):
        (tmp_path / "a/dataset.json").write_bytes(text)
        source = open_source(folder)
        assert (source.labels, source.notes) == (None, ()), text


# Folders


@pytest.mark.parametrize("parts", [("train", "test"), ("Training", "VAL"), ("00000", "00001")])
@pytest.mark.parametrize("labels", ["folders", "wanted"])
def test_parts_of_a_dataset_are_no_classes_where_those_are_in_them(tmp_path, parts, labels):
    names = [f"{part}/{animal}/1.png" for part in parts for animal in ("cat", "dog")]
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
@pytest.mark.parametrize("labels", ["folders", "wanted"])
def test_folders_that_are_no_classes_are_refused(tmp_path, names, message, labels):
    only = tmp_path / ".only"  # a name that is hidden only inside
    assert_refused(message, folder_of(only, *names), labels=labels)


def test_shards_are_classes_only_if_asked_for_and_said(tmp_path):
    folder = folder_of(tmp_path, *SIX)
    assert_refused(r"look like shards.*--labels=folders if they are", folder, labels="wanted")
    source = open_source(folder, labels="folders")
    assert source.label_names == ("00000", "00001")
    assert any("look like shards" in note for note in source.notes)


@pytest.mark.parametrize(
    ("names", "classes", "notes"),
    [
        (("cat/1.png", "dog/1.png", "cat/deep/2.png"), ("cat", "dog"), []),
        (("all/cat/1.png", "all/dog/1.png"), ("cat", "dog"), []),
        (("0/1.png", "1/1.png", "10/1.png"), ("0", "1", "10"), ["no picture has the class 2, 3"]),
        (("0000/1.png", "00001/1.png"), ("0000", "00001"), []),
        (("train/1.png", "cat/1.png"), ("cat", "train"), ["train counts as a class, as it lies"]),
        (("caf\u00e9/0.png", "cafe\u0301/1.png"), None, ["two classes are called 'caf\u00e9'"]),
    ],
)
def test_sub_folders_are_classes_and_what_looks_odd_is_said(tmp_path, names, classes, notes):
    source = open_source(folder_of(tmp_path, *names), labels="folders")
    assert source.label_names == classes or classes is None
    assert len(source.label_names) == len({name.split("/")[-2] for name in names} - {"deep"})
    assert len(source.notes) == len(notes)
    assert all(words in note for words, note in zip(notes, source.notes, strict=True))


def test_folders_whose_names_are_no_utf8_can_be_read_again(tmp_path):
    folder = os.fsencode(tmp_path / "a")
    save(tmp_path / "x.png")
    for name in (b"caf\xe9", b"dog"):
        os.makedirs(folder + b"/" + name)
        os.link(tmp_path / "x.png", folder + b"/" + name + b"/1.png")
    arguments = os.fsdecode(folder), str(tmp_path / "cache"), PictureOptions(resolution=4)
    found = prepare(*arguments, labels="folders")
    assert found.label_names == (r"caf\xe9", "dog")
    assert "caf" in describe_labels(found)
    assert prepare(*arguments, labels="folders") == found


# In words and in memory


def test_what_train_prints_is_the_same_for_pictures_cache_and_tfrecords(tmp_path, capsys):
    folder = folder_of(tmp_path / "a", "cat/1.png", "cat/2.png", "dog/1.png")
    cache, options = str(tmp_path / "cache"), PictureOptions(resolution=4)
    first = prepare(folder, cache, options, labels="wanted")
    cached = prepare(folder, cache, options, labels="wanted")
    records = prepare(first.folder, cache, options, labels="wanted")
    for info in (first, cached, records):
        assert describe_labels(info) == "Classes: 2, cat (2 pictures), dog (1)"
    capsys.readouterr()
    prepare(first.folder, "", options, labels="folders")
    assert "using their own labels, not --labels=folders" in capsys.readouterr().out


def test_many_classes_of_many_pictures_take_little_memory(tmp_path):
    """As float32 rows 20,000 classes of 400 pictures are 32 MB."""
    count, size = 400, 20_000
    classes = range(0, size, size // count)
    source = make_source(np.zeros((count, 4, 4, 3), np.uint8), labels=one_hot(classes, size))
    options = PictureOptions(4, allow_upscaling=False)
    tracemalloc.start()
    info = write_dataset(source, options, str(tmp_path / "set"), processes=1, shuffle=False)
    line = describe_labels(info)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6
    batches = make_dataset(info, 4, global_batch_size=8, label_size=size, seed=0)
    _, labels = next(iter(batches))
    assert line.startswith("Classes: 20,000, 0 (1 picture), 1 (0)")
    assert labels.shape == (8, size)
    assert (labels.numpy().sum(axis=1) == 1).all()
    saved = io.BytesIO()
    np.save(saved, source.labels[:])
    with open(info.labels_path, "rb") as file:
        assert file.read() == saved.getvalue()
