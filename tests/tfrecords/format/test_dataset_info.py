import json
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.made_source import make_source, noise, options
from tests.helpers.places import TESTS
from tfrecords.common.errors import UserError
from tfrecords.format.dataset_info import is_dataset_folder, read_dataset_info, read_labels
from tfrecords.format.record import encode_image
from tfrecords.format.record_file import RecordFile
from tfrecords.pictures.source import one_hot
from tfrecords.writing.writer import write_dataset

GOLDEN = TESTS / "golden" / "tfrecords"


@pytest.fixture
def folder(tmp_path):
    """A copy of the published converter's 10 grey pictures with 4 labels."""
    return pathlib.Path(shutil.copytree(GOLDEN / "gray_labels", tmp_path / "gray_labels"))


def write_records(path, records):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


def test_the_published_format_is_read(folder):
    info = read_dataset_info(str(folder))
    assert (info.name, info.num_images, info.resolution, info.num_channels) == (
        "gray_labels",
        10,
        16,
        1,
    )
    assert info.files == {
        resolution: (str(folder / f"gray_labels-r{log2:02}.tfrecords"),)
        for log2, resolution in ((2, 4), (3, 8), (4, 16))
    }
    assert info.num_records == {4: (10,), 8: (10,), 16: (10,)}
    assert (info.encoding, info.num_rejected) == ("raw", 0)
    assert (info.label_size, info.label_names) == (4, ())
    labels = read_labels(info)
    assert labels.dtype == np.float32
    np.testing.assert_array_equal(labels, np.load(info.labels_path))


def test_without_labels_the_rows_are_empty():
    info = read_dataset_info(str(GOLDEN / "shuffle0"))
    assert (info.num_images, info.resolution, info.num_channels) == (12, 32, 3)
    assert (info.label_size, info.labels_path) == (0, None)
    assert read_labels(info).shape == (12, 0)


def test_shards_are_found_in_order(folder):
    whole = folder / "gray_labels-r04.tfrecords"
    records = [record.numpy() for record in tf.data.TFRecordDataset(str(whole))]
    whole.unlink()
    for shard in (2, 0, 1):
        path = folder / f"gray_labels-r04-0000{shard}-of-00003.tfrecords"
        write_records(path, records[shard::3])
    info = read_dataset_info(str(folder))
    names = [pathlib.Path(path).name for path in info.files[16]]
    assert names == [f"gray_labels-r04-0000{shard}-of-00003.tfrecords" for shard in range(3)]
    assert info.num_images == 10
    assert info.num_records[16] == (4, 3, 3)
    (folder / names[1]).unlink()
    with pytest.raises(UserError, match="expected 3 files of 16 px"):
        read_dataset_info(str(folder))


def test_pngs_without_dataset_json_are_counted(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (7, 4, 4, 1), np.uint8)
    images[3:5] = 0  # so that the records differ in length
    records = [encode_image(image, "png") for image in images]
    assert len({len(record) for record in records}) > 1
    write_records(tmp_path / "x-r02.tfrecords", records)
    info = read_dataset_info(str(tmp_path))
    assert (info.encoding, info.num_images, info.num_records) == ("png", 7, {4: (7,)})


def test_a_length_that_is_a_multiple_of_the_firsts_by_chance_is_counted(tmp_path):
    image = np.zeros((4, 4, 1), np.uint8)
    record = encode_image(image)
    # Another field, which readers skip, makes the second as long as two.
    write_records(tmp_path / "x-r02.tfrecords", [record, record + longer(len(record) + 16)])
    assert read_dataset_info(str(tmp_path)).num_images == 2


def longer(length):
    """Returns an unknown field of `length` bytes in all, 128 or less."""
    return bytes([0x7A, length - 2]) + bytes(length - 2)


def test_a_dataset_folder_is_told_from_others(folder, tmp_path):
    assert is_dataset_folder(str(folder))
    assert not is_dataset_folder(str(tmp_path))
    assert not is_dataset_folder(str(tmp_path / "absent"))
    with pytest.raises(UserError, match=r"expected files like NAME-r05\.tfrecords, found none"):
        read_dataset_info(str(tmp_path))
    with pytest.raises(UserError, match="no such folder"):
        read_dataset_info(str(tmp_path / "absent"))


def test_a_missing_resolution_is_an_error(folder):
    (folder / "gray_labels-r03.tfrecords").unlink()
    with pytest.raises(UserError, match=r"1 file of 8 px, found no gray_labels-r03\.tfrecords"):
        read_dataset_info(str(folder))


@pytest.mark.parametrize("log2", [2, 4])
@pytest.mark.parametrize("cut", [-1, -40, 6])
def test_a_file_cut_short_is_an_error(folder, log2, cut):
    path = folder / f"gray_labels-r{log2:02}.tfrecords"
    data = path.read_bytes()
    path.write_bytes(data[:cut])
    with pytest.raises(UserError, match=rf"r0{log2}\.tfrecords: .*the one at byte \d+ is cut"):
        read_dataset_info(str(folder))


def test_an_empty_file_is_an_error(folder):
    (folder / "gray_labels-r03.tfrecords").write_bytes(b"")
    with pytest.raises(UserError, match=r"r03\.tfrecords: .*the file is empty"):
        read_dataset_info(str(folder))


def test_missing_records_and_label_rows_are_errors(folder):
    labels = folder / "gray_labels-rxx.labels"
    rows = np.load(labels)
    with labels.open("wb") as file:
        np.save(file, rows[:9])
    with pytest.raises(UserError, match="expected a row for each of 10 pictures, got 9"):
        read_dataset_info(str(folder))
    path = folder / "gray_labels-r04.tfrecords"
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 10 * 9])
    with pytest.raises(UserError, match="expected 10 pictures of 16 px, got 9"):
        read_dataset_info(str(folder))


def test_labels_never_run_a_pickle(folder):
    with (folder / "gray_labels-rxx.labels").open("wb") as file:
        np.save(file, np.array([["a", {}]] * 10, dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match=r"expected a \.npy file of numbers"):
        read_dataset_info(str(folder))


def test_records_of_another_size_or_kind_are_errors(folder):
    path = folder / "gray_labels-r03.tfrecords"
    write_records(path, [encode_image(np.zeros((8, 8, 3), np.uint8))] * 10)
    with pytest.raises(UserError, match=r"shape \(8, 8, 1\), raw, got \(8, 8, 3\), raw"):
        read_dataset_info(str(folder))
    write_records(path, [encode_image(np.zeros((8, 8, 1), np.uint8), "png")] * 10)
    with pytest.raises(UserError, match=r"shape \(8, 8, 1\), raw, got \(8, 8, 1\), png"):
        read_dataset_info(str(folder))
    write_records(path, [b"hello"] * 10)
    with pytest.raises(UserError, match="expected records of this format"):
        read_dataset_info(str(folder))


def test_two_datasets_in_one_folder_are_an_error(folder):
    shutil.copy(folder / "gray_labels-r02.tfrecords", folder / "other-r02.tfrecords")
    with pytest.raises(UserError, match="expected one dataset, found gray_labels and other"):
        read_dataset_info(str(folder))


def test_dataset_json_names_the_classes_and_is_checked(folder):
    path = folder / "dataset.json"
    details = {"version": 1, "name": "digits", "num_images": 10, "label_names": list("abcd")}
    path.write_text(json.dumps(details))
    info = read_dataset_info(str(folder))
    assert info.label_names == tuple("abcd")
    path.write_text(json.dumps({**details, "num_images": 11}))
    with pytest.raises(UserError, match="expected 11 pictures of 4 px, got 10"):
        read_dataset_info(str(folder))
    path.write_text(json.dumps({**details, "version": 3}))
    with pytest.raises(UserError, match="expected version 2, got 3"):
        read_dataset_info(str(folder))


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """A dataset that we wrote, of several files."""
    out = tmp_path_factory.mktemp("ours") / "out"
    source = make_source(noise(12, 8), labels=one_hot([0, 1] * 6, 2))
    write_dataset(source, options(), str(out), processes=1, shard_bytes=2500)
    return out


@pytest.fixture
def copied(ours, tmp_path):
    return pathlib.Path(shutil.copytree(ours, tmp_path / "out"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"version": 2}',
        '{"version": 2, "name": "x", "num_images": "12", "label_names": [], "files": []}',
        '{"version": 2, "name": "x", "num_images": 12, "label_names": [], "files": [{}]}',
        '{"version": 2, "name": "x", "num_images": 12, "label_names": [], "files": [7]}',
        "\x00\xff",
    ],
)
def test_a_damaged_dataset_json_is_an_error(copied, text):
    (copied / "dataset.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=r"dataset\.json: expected JSON of a dataset") as caught:
        read_dataset_info(str(copied))
    assert "\n" not in str(caught.value)


def test_files_are_checked_by_their_sizes_without_reading_them(copied, monkeypatch):
    info = read_dataset_info(str(copied))
    assert len(info.files[8]) > 1
    assert {sum(counts) for counts in info.num_records.values()} == {12}
    # Walking the records would count what was appended.
    last = pathlib.Path(info.files[8][-1])
    whole = last.read_bytes()
    last.write_bytes(whole + whole)
    with pytest.raises(UserError, match=rf"{last.name}: expected {len(whole):,} bytes, got"):
        read_dataset_info(str(copied))
    last.write_bytes(whole[:-1])
    with pytest.raises(UserError, match=rf"{last.name}: expected {len(whole):,} bytes, got"):
        read_dataset_info(str(copied))
    last.write_bytes(whole)

    reads, read = [], RecordFile._read
    monkeypatch.setattr(RecordFile, "_read", lambda *args: reads.append(args) or read(*args))
    assert read_dataset_info(str(copied)) == info
    files = sum(map(len, info.files.values()))
    assert len(reads) == 2 * files  # the header and the record of each first picture


def test_files_that_dataset_json_tells_nothing_or_too_much_of_are_errors(copied):
    smallest = copied / "made-r02.tfrecords"
    shutil.copy(smallest, copied / "made-r04.tfrecords")
    with pytest.raises(UserError, match=r"made-r04\.tfrecords: dataset\.json does not list it"):
        read_dataset_info(str(copied))
    (copied / "made-r04.tfrecords").unlink()
    smallest.unlink()
    with pytest.raises(UserError, match=r"made-r02\.tfrecords: missing, dataset\.json"):
        read_dataset_info(str(copied))


def test_a_damaged_first_record_is_an_error(copied):
    path = copied / "made-r02.tfrecords"
    data = bytearray(path.read_bytes())
    data[30] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match="record 0, at byte 0, is not what was written"):
        read_dataset_info(str(copied))


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path, monkeypatch):
    def refuse(folder):
        raise PermissionError(13, "not yours")

    monkeypatch.setattr("tfrecords.common.paths.os.listdir", refuse)
    for function in (read_dataset_info, is_dataset_folder):
        with pytest.raises(UserError, match="cannot be read: not yours"):
            function(str(tmp_path))
