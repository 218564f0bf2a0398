"""Where labels come from is shown: a source's own file, folders, files written otherwise."""

import io
import json
import os
import tarfile
import tracemalloc
import unicodedata
import zipfile

import numpy as np
import pytest

from pgan_tf.data.dataset import make_dataset
from tests.helpers.made_source import make_source
from tests.helpers.source_helpers import save
from tfrecords.cache import prepare
from tfrecords.common.errors import UserError
from tfrecords.common.text import describe_classes
from tfrecords.format.dataset_info import describe_labels
from tfrecords.pictures.source import PictureOptions, one_hot
from tfrecords.sources.by_name import open_source
from tfrecords.writing.writer import write_dataset

SIX = [f"{i // 3:05d}/img{i:08d}.png" for i in range(6)]


def folder_of(root, *names):
    for name in names:
        save(root / name)
    return str(root)


def with_own_labels(root, labels, kind="folder", names=SIX):
    """Pictures with a dataset.json such as StyleGAN2-ADA's beside them."""
    folder = folder_of(root / "set", *names)
    with open(f"{folder}/dataset.json", "w") as file:
        json.dump({"labels": labels}, file)
    if kind == "folder":
        return folder
    with zipfile.ZipFile(root / "set.zip", "w") as archive:
        for name in [*names, "dataset.json"]:
            archive.write(f"{folder}/{name}", f"inside/{name}" if kind == "deep.zip" else name)
    return str(root / "set.zip")


# A dataset.json of the source's own


@pytest.mark.parametrize("kind", ["folder", "zip", "deep.zip"])
@pytest.mark.parametrize("asked", [None, "wanted"])
@pytest.mark.parametrize("as_object", [False, True])
def test_a_dataset_json_in_the_source_gives_its_classes(tmp_path, kind, asked, as_object):
    pairs = [[name, i % 3] for i, name in enumerate(SIX)]
    path = with_own_labels(tmp_path, dict(pairs) if as_object else pairs, kind)
    source = open_source(path, labels=asked)
    assert source.label_names == ("0", "1", "2")
    np.testing.assert_array_equal(source.labels.classes, [0, 1, 2, 0, 1, 2])
    assert any("dataset.json has the labels that are taken" in note for note in source.notes)
    assert open_source(path, labels="none").labels is None


def test_a_tar_has_a_dataset_json_too(tmp_path):
    folder = with_own_labels(tmp_path, [[name, i % 2] for i, name in enumerate(SIX)])
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(folder, "set")
    assert open_source(str(tmp_path / "a.tar")).label_names == ("0", "1")


def test_a_dataset_json_larger_than_labels_are_is_not_read(tmp_path):
    folder = folder_of(tmp_path / "a", "0.png")
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(f"{folder}/0.png", "0.png")
        with archive.open("dataset.json", "w") as file:
            for _ in range(130):
                file.write(bytes(2**20))
    tracemalloc.start()
    source = open_source(str(tmp_path / "a.zip"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6
    assert source.labels is None
    assert "bytes of labels" in source.notes[0]


@pytest.mark.parametrize(
    "vectors", [[[0, 1], [1, 0]] * 3, [[1, 1], [0, 0]] * 3, [[0.5, -2.0], [3.25, 0.0]] * 3]
)
def test_vectors_of_a_dataset_json_stay_vectors(tmp_path, vectors):
    path = with_own_labels(tmp_path, list(map(list, zip(SIX, vectors, strict=True))))
    source = open_source(path, labels="wanted")
    np.testing.assert_array_equal(source.labels, vectors)
    assert source.label_names == ()


@pytest.mark.parametrize("labels", [None, [], [[name, None] for name in SIX]])
def test_without_labels_in_it_a_dataset_json_gives_none(tmp_path, labels):
    path = with_own_labels(tmp_path, labels)
    assert open_source(path).labels is None
    with pytest.raises(UserError, match=r"00000, 00001 look like shards"):
        open_source(path, labels="wanted")


def test_a_gap_in_the_numbers_is_said(tmp_path):
    path = with_own_labels(tmp_path, [[name, 2 * (i % 2)] for i, name in enumerate(SIX)])
    source = open_source(path)
    assert source.label_names == ("0", "2")
    assert any("no picture has the class 1" in note for note in source.notes)


def test_pictures_that_a_dataset_json_leaves_out_are_said(tmp_path):
    path = with_own_labels(tmp_path, [[name, i % 2] for i, name in enumerate(SIX[:4])])
    with pytest.raises(UserError, match=r"2 of 6 have none, the first is 00001/img00000004"):
        open_source(path, labels="wanted")
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


def classes_of(folder, labels="wanted"):
    return open_source(folder, labels=labels).label_names


@pytest.mark.parametrize("parts", [("train", "test"), ("Training", "VAL"), ("00000", "00001")])
@pytest.mark.parametrize("labels", ["folders", "wanted"])
def test_parts_of_a_data_set_are_no_classes_where_those_are_in_them(tmp_path, parts, labels):
    names = [f"{part}/{animal}/1.png" for part in parts for animal in ("cat", "dog")]
    source = open_source(folder_of(tmp_path, *names), labels=labels)
    assert source.label_names == ("cat", "dog")
    assert any(part in note for note in source.notes for part in parts)


def test_parts_without_classes_in_them_are_refused(tmp_path):
    splits = folder_of(tmp_path / "a", "train/1.png", "test/1.png")
    half = folder_of(tmp_path / "b", "train/cat/1.png", "train/dog/1.png", "test/1.png")
    unlike = folder_of(tmp_path / "c", "train/cat/1.png", "train/dog/1.png", "test/x/1.png")
    for folder in (splits, half, unlike):
        for labels in ("folders", "wanted"):
            with pytest.raises(UserError, match=r"test.*train.*--labels=FILE") as caught:
                classes_of(folder, labels)
            assert "\n" not in str(caught.value)


def test_shards_are_classes_only_if_asked_for_and_said(tmp_path):
    folder = folder_of(tmp_path, *SIX)
    with pytest.raises(UserError, match=r"look like shards.*--labels=folders if they are"):
        classes_of(folder)
    source = open_source(folder, labels="folders")
    assert source.label_names == ("00000", "00001")
    assert any("look like shards" in note for note in source.notes)


def test_a_train_among_animals_is_a_class_and_said(tmp_path):
    source = open_source(
        folder_of(tmp_path, "train/1.png", "cat/1.png", "dog/1.png"), labels="wanted"
    )
    assert source.label_names == ("cat", "dog", "train")
    assert source.notes == (f"{tmp_path}: train counts as a class, as it lies beside cat, dog",)


def test_short_numbers_are_classes(tmp_path):
    assert classes_of(folder_of(tmp_path, "0/1.png", "1/1.png", "10/1.png")) == ("0", "1", "10")


def test_folders_whose_names_are_no_utf8_can_be_read_again(tmp_path):
    folder = os.fsencode(tmp_path / "a")
    for name in (b"caf\xe9", b"dog"):
        os.makedirs(folder + b"/" + name)
        save(tmp_path / "x.png")
        os.link(tmp_path / "x.png", folder + b"/" + name + b"/1.png")
    options = PictureOptions(resolution=4)
    found = prepare(os.fsdecode(folder), str(tmp_path / "cache"), options, labels="folders")
    assert found.label_names == (r"caf\xe9", "dog")
    assert "caf" in describe_labels(found)
    again = prepare(os.fsdecode(folder), str(tmp_path / "cache"), options, labels="folders")
    assert again == found


# Label files whose paths are written otherwise


def read_csv(root, text, *names, encoding="utf-8", ending="csv"):
    folder = folder_of(root / "a", *names)
    file = root / f"labels.{ending}"
    file.write_bytes(text.encode(encoding))
    return open_source(folder, labels=str(file))


@pytest.mark.parametrize(
    ("written", "difference"),
    [
        ("a/{}.png", "leading folder"),
        (r"a\{}.png", "slashes or accents, leading folder"),
        (r"C:\data\a\{}.png", "slashes or accents, leading folder"),
        ("/data/a/{}.png", "leading folder"),
        ("{}.PNG", "case"),
        ("{}", "ending"),
        ("a/{}", "ending, leading folder"),
    ],
)
def test_paths_that_fit_one_picture_are_matched_and_said(tmp_path, written, difference):
    rows = "".join(f"{written.format(i)},{'cat' if i % 2 else 'dog'}\n" for i in range(4))
    source = read_csv(tmp_path, f"filename,label\n{rows}", *(f"{i}.png" for i in range(4)))
    np.testing.assert_array_equal(source.labels.classes, [1, 0, 1, 0])
    (note,) = source.notes
    assert "4 of 4 paths" in note
    assert difference in note
    assert f"{written.format(0)} is taken for 0.png" in note


@pytest.mark.parametrize(("there", "here"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_accents_in_another_unicode_form_are_matched(tmp_path, there, here):
    names = [unicodedata.normalize(here, f"café{i}.png") for i in range(2)]
    rows = unicodedata.normalize(there, "café0.png,x\ncafé1.png,y\n")
    source = read_csv(tmp_path, rows, *names)
    np.testing.assert_array_equal(source.labels.classes, [0, 1])
    assert "accents" in source.notes[0]


def test_two_classes_that_look_alike_are_said(tmp_path):
    folder = folder_of(tmp_path, "caf\u00e9/0.png", "cafe\u0301/1.png")
    source = open_source(folder, labels="folders")
    assert len(source.label_names) == 2
    assert any("two classes are called 'caf\u00e9'" in note for note in source.notes)


def test_what_fits_two_pictures_is_not_matched(tmp_path):
    with pytest.raises(UserError, match=r"first path is ab\.png, the source's is Ab\.png"):
        read_csv(tmp_path, "ab.png,x\n", "Ab.png", "aB.png")
    with pytest.raises(UserError, match=r"first path is 1\.png, the source's is x/1\.png"):
        read_csv(tmp_path / "b", "1.png,x\n", "x/1.png", "y/1.png")


def test_a_first_row_without_an_ending_is_no_header(tmp_path):
    source = read_csv(tmp_path, "IMG_1,cat\nIMG_2,dog\n", "x/img_1.png", "x/img_2.png")
    assert source.label_names == ("cat", "dog")


def test_two_rows_that_disagree_on_a_picture_are_refused_with_both(tmp_path):
    rows = "train/0.png,cat\ntest/0.png,dog\n1.png,dog\n"
    with pytest.raises(UserError, match=r"train/0\.png and test/0\.png.*'cat' and 'dog'"):
        read_csv(tmp_path, rows, "0.png", "1.png")


def test_paths_that_match_nothing_show_one_of_each_side(tmp_path):
    with pytest.raises(UserError) as caught:
        read_csv(tmp_path, "path,label\ntrain/x0.png,cat\ntrain/x1.png,dog\n", "0.png", "1.png")
    assert "the file's first path is train/x0.png, the source's is 0.png" in str(caught.value)
    assert "leave" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "filename,label\n0.png,cat\n1.png,dog\n",
        "label,filename\ncat,0.png\ndog,1.png\n",
        "Class,Image_Path\ncat,0.png\ndog,1.png\n",
        "species,id\ncat,0\ndog,1\n",
        "cat,0.png\ndog,1.png\n",
        "filename;label\n0.png;cat\n1.png;dog\n",
        "filename\tlabel\n0.png\tcat\n1.png\tdog\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_columns_are_those_that_the_header_names(tmp_path, text, encoding):
    source = read_csv(tmp_path, text, "0.png", "1.png", encoding=encoding)
    assert source.label_names == ("cat", "dog")
    np.testing.assert_array_equal(source.labels.classes, [0, 1])


@pytest.mark.parametrize("third", ["confidence,0.5", "split,train"])
def test_a_third_column_is_refused_with_the_names_it_found(tmp_path, third):
    name, value = third.split(",")
    text = f"filename,label,{name}\n0.png,1,{value}\n1.png,0,{value}\n"
    with pytest.raises(UserError, match=f"got filename, label, {name}"):
        read_csv(tmp_path, text, "0.png", "1.png")


def test_vectors_are_not_called_classes(tmp_path):
    source = read_csv(tmp_path, "image,x,z\n0.png,1,2.5\n1.png,0,1\n", "0.png", "1.png")
    np.testing.assert_array_equal(source.labels, [[1, 2.5], [0, 1]])
    info = prepare(
        str(tmp_path / "a"),
        str(tmp_path / "cache"),
        PictureOptions(resolution=4),
        labels=str(tmp_path / "labels.csv"),
    )
    assert describe_labels(info) == "Labels: vectors of 2 numbers"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("0.png,café\n1.png,x\n".encode("latin-1"), "UTF-8"),
        ("0.png,a\n1.png,x\n".encode("utf-16-le"), "UTF-8"),
        ("0.png,a\n".encode("utf-16")[:-1], "UTF-16"),
    ],
)
def test_text_in_another_encoding_is_named(tmp_path, data, words):
    folder = folder_of(tmp_path / "a", "0.png", "1.png")
    (tmp_path / "l.csv").write_bytes(data)
    with pytest.raises(UserError, match=f"expected text in .*{words}") as caught:
        open_source(folder, labels=str(tmp_path / "l.csv"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("label", [r'"\ud800"', r'"a\udce9"', "1" * 5000, "1e400"])
def test_labels_that_cannot_be_written_are_refused_in_one_line(tmp_path, label):
    folder = folder_of(tmp_path / "a", "0.png", "1.png")
    (tmp_path / "l.json").write_text(f'{{"0.png": {label}, "1.png": "x"}}')
    with pytest.raises(UserError) as caught:
        open_source(folder, labels=str(tmp_path / "l.json"))
    assert str(caught.value).isprintable()


# In words


def test_classes_in_words_are_counted_and_cut():
    assert describe_classes(("cat", "dog"), [10, 7]) == "Classes: 2, cat (10 pictures), dog (7)"
    many = describe_classes((), [3] * 1000)
    assert many.startswith("Classes: 1,000, 0 (3 pictures), 1 (3), ")
    assert many.endswith(", … 1,000 classes")
    assert len(many) < 200
    assert "\n" not in describe_classes(("a\nb", "x" * 999), [1, 1])


def test_what_train_prints_is_the_same_for_pictures_cache_and_tfrecords(tmp_path, capsys):
    folder = folder_of(tmp_path / "a", "cat/1.png", "cat/2.png", "dog/1.png")
    options = PictureOptions(resolution=4)
    first = prepare(folder, str(tmp_path / "cache"), options, labels="wanted")
    cached = prepare(folder, str(tmp_path / "cache"), options, labels="wanted")
    records = prepare(first.folder, str(tmp_path / "cache"), options, labels="wanted")
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
    expected = np.zeros((count, size), np.float32)
    expected[np.arange(count), classes] = 1
    np.testing.assert_array_equal(np.load(info.labels_path), expected)


def test_the_file_of_labels_is_what_numpy_writes(tmp_path):
    source = make_source(np.zeros((3, 4, 4, 3), np.uint8), labels=one_hot([1, 0, -1], 2))
    options = PictureOptions(4, allow_upscaling=False)
    info = write_dataset(source, options, str(tmp_path / "set"), processes=1, shuffle=False)
    saved = io.BytesIO()
    np.save(saved, np.array([[0, 1], [1, 0], [0, 0]], np.float32))
    with open(info.labels_path, "rb") as file:
        assert file.read() == saved.getvalue()
