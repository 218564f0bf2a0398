import json
import pathlib
import re
import shutil

import numpy as np
import pytest

from tests.helpers.made_source import make_source, noise, options
from tests.helpers.places import TESTS
from tfrecords.common.errors import UserError
from tfrecords.format import dataset_info
from tfrecords.format.dataset_info import is_dataset_folder, read_dataset_info, read_labels
from tfrecords.format.record import encode_image
from tfrecords.format.record_file import RecordFile, frame
from tfrecords.pictures.source import one_hot
from tfrecords.writing.writer import write_dataset

GOLDEN = TESTS / "golden" / "tfrecords"


@pytest.fixture
def folder(tmp_path):
    """A copy of the published converter's 10 gray pictures with 4 labels."""
    return pathlib.Path(shutil.copytree(GOLDEN / "gray_labels", tmp_path / "gray_labels"))


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


def write_records(path, records):
    path.write_bytes(b"".join(map(frame, records)))


def check_refused(folder, message):
    with pytest.raises(UserError, match=message) as caught:
        read_dataset_info(str(folder))
    assert "\n" not in str(caught.value)


def test_the_published_format_is_read(folder):
    info = read_dataset_info(str(folder))
    assert (info.name, info.num_images, info.resolution) == ("gray_labels", 10, 16)
    assert (info.num_channels, info.encoding, info.num_rejected) == (1, "raw", 0)
    assert info.files == {
        2**log2: (str(folder / f"gray_labels-r{log2:02}.tfrecords"),) for log2 in (2, 3, 4)
    }
    assert info.num_records == {4: (10,), 8: (10,), 16: (10,)}
    assert (info.label_size, info.label_names, info.folder) == (4, (), str(folder))
    labels = read_labels(info)
    assert labels.dtype == np.float32
    np.testing.assert_array_equal(labels, np.load(info.labels_path))


def test_without_labels_the_rows_are_empty():
    info = read_dataset_info(str(GOLDEN / "shuffle0"))
    assert (info.num_images, info.resolution, info.num_channels) == (12, 32, 3)
    assert (info.label_size, info.labels_path) == (0, None)
    assert (read_labels(info).shape, dataset_info.read_classes(info)) == ((12, 0), None)
    assert dataset_info.describe_labels(info) == "No labels"


def test_shards_are_found_in_order(folder):
    whole = folder / "gray_labels-r04.tfrecords"
    records = list(map(RecordFile(str(whole)).read, range(10)))
    whole.unlink()
    names = [f"gray_labels-r04-0000{shard}-of-00003.tfrecords" for shard in range(3)]
    for shard in (2, 0, 1):
        write_records(folder / names[shard], records[shard::3])
    info = read_dataset_info(str(folder))
    assert [pathlib.Path(path).name for path in info.files[16]] == names
    assert (info.num_images, info.num_records[16]) == (10, (4, 3, 3))
    (folder / names[1]).unlink()
    check_refused(folder, f"expected 3 files of 16 px, found {names[0]}, {names[2]}: make")


def test_records_without_dataset_json_are_counted(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (7, 4, 4, 1), np.uint8)
    images[3:5] = 0  # so that the records differ in length
    records = [encode_image(image, "png") for image in images]
    assert len(set(map(len, records))) > 1
    write_records(tmp_path / "x-r02.tfrecords", records)
    info = read_dataset_info(str(tmp_path))
    assert (info.encoding, info.num_images, info.num_records) == ("png", 7, {4: (7,)})
    # A field that readers skip makes the second as long as two.
    record = encode_image(images[0])
    length = len(record) + 16
    longer = record + bytes([0x7A, length - 2]) + bytes(length - 2)
    write_records(tmp_path / "x-r02.tfrecords", [record, longer])
    assert read_dataset_info(str(tmp_path)).num_images == 2


def test_a_dataset_folder_is_told_from_others(folder, tmp_path):
    assert is_dataset_folder(str(folder))
    assert not is_dataset_folder(str(tmp_path))
    assert not is_dataset_folder(str(tmp_path / "absent"))
    check_refused(tmp_path, r"expected files like NAME-r05\.tfrecords, found none")
    check_refused(tmp_path / "absent", "no such folder")
    (tmp_path / "journal.jsonl").touch()
    assert is_dataset_folder(str(tmp_path))
    check_refused(tmp_path, "its conversion has not ended: run the same command again")


@pytest.mark.parametrize("log2", [2, 4])
def test_a_missing_a_cut_and_an_empty_file_are_errors(folder, log2):
    path = folder / f"gray_labels-r{log2:02}.tfrecords"
    data = path.read_bytes()
    for cut in (-1, -40, 6):
        path.write_bytes(data[:cut])
        check_refused(folder, rf"r0{log2}\.tfrecords: .*the one at byte \d+ is cut")
    path.write_bytes(data[: len(data) // 10 * 9])
    check_refused(folder, r"expected \d+ pictures of \d+ px, got")
    path.write_bytes(b"")
    check_refused(folder, rf"r0{log2}\.tfrecords: .*the file is empty")
    (folder / "gray_labels-r03.tfrecords").unlink()
    check_refused(folder, r"1 file of 8 px, found no gray_labels-r03\.tfrecords")


def test_records_of_another_size_kind_or_dataset_are_errors(folder):
    path = folder / "gray_labels-r03.tfrecords"
    for shape, encoding in (((8, 8, 3), "raw"), ((4, 4, 1), "raw"), ((8, 8, 1), "png")):
        write_records(path, [encode_image(np.zeros(shape, np.uint8), encoding)] * 10)
        check_refused(folder, re.escape(f"shape (8, 8, 1), raw, got {shape}, {encoding}"))
    write_records(path, [b"hello"] * 10)
    check_refused(folder, "expected records of this format")
    shutil.copy(folder / "gray_labels-r02.tfrecords", folder / "other-r02.tfrecords")
    check_refused(folder, "expected one dataset, found gray_labels and other")
    for name in folder.glob("gray*"):
        name.unlink()
    (folder / "other-r02.tfrecords").rename(folder / "a\x1b-r02.tfrecords")
    check_refused(folder, "expected a name in UTF-8 without control characters")


def npy(shape="(10, 4)", kind="<f4", data=bytes(160)):
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


@pytest.mark.filterwarnings("ignore:overflow")
def test_labels_run_no_pickle_and_take_memory_for_the_bytes_that_are_there(folder):
    path = folder / "gray_labels-rxx.labels"
    for shape in ("(10, 10**12)", "(10, 2199023255552)", f"({2**40}, {2**40}, {2**40})"):
        path.write_bytes(npy(shape))
        check_refused(folder, "labels: expected a .npy file of numbers")
    with path.open("wb") as file:
        np.save(file, np.array([["a", {}]] * 10, dtype=object), allow_pickle=True)
    check_refused(folder, "expected a .npy file of numbers")
    bad = [npy("(-10, -4)"), npy(kind="|O"), npy(kind="<U8", shape="(10, 1)"), npy()[:-1]]
    bad += [npy(kind="c8", shape="(10, 2)"), npy("(" * 500 + "4" + ")" * 500), npy("(40,)")]
    for data in [*bad, npy()[:20], b""]:
        path.write_bytes(data)
        check_refused(folder, r"labels: expected ")
    path.write_bytes(npy("(9, 4)", data=bytes(144)))
    check_refused(folder, "expected a row for each of 10 pictures, got 9")
    path.write_bytes(npy())
    assert read_dataset_info(str(folder)).label_size == 4


def test_classes_are_those_of_one_hot_rows(folder):
    info = read_dataset_info(str(folder))
    rows = np.eye(4, dtype=np.float32)[[3, 1, 0, 2, 2, 2, 2, 2, 2, 2]]
    rows[1] = 0
    two = np.minimum(rows + rows[0], 1)  # classes at once
    for labels, expected in ((rows, [3, -1, 0, *[2] * 7]), (rows / 2, None), (two, None)):
        np.save(folder / "labels.npy", labels)
        (folder / "labels.npy").rename(info.labels_path)
        classes = dataset_info.read_classes(info)
        assert (classes if classes is None else classes.tolist()) == expected
    assert dataset_info.describe_labels(info) == "Labels: vectors of 4 numbers"


def test_dataset_json_names_the_classes_and_is_checked(folder):
    path = folder / "dataset.json"
    details = {"version": 1, "name": "digits", "num_images": 10, "label_names": list("abcd")}
    path.write_text(json.dumps(details))
    assert read_dataset_info(str(folder)).label_names == tuple("abcd")
    path.write_text(json.dumps({**details, "num_images": 11}))
    check_refused(folder, "expected 11 pictures of 4 px, got 10")
    path.write_text(json.dumps({**details, "label_names": list("abc")}))
    check_refused(folder, r"labels of 3 classes, as dataset\.json names them, got 4")


def test_files_are_checked_by_their_sizes_without_reading_them(copied, monkeypatch):
    info = read_dataset_info(str(copied))
    assert len(info.files[8]) > 1
    assert {sum(counts) for counts in info.num_records.values()} == {12}
    last = pathlib.Path(info.files[8][-1])
    whole = last.read_bytes()
    for changed in (whole + whole, whole[:-1]):  # walking the records would count the first
        last.write_bytes(changed)
        check_refused(copied, rf"{last.name}: expected {len(whole):,} bytes, got")
    last.write_bytes(whole)
    reads, read = [], RecordFile._read
    monkeypatch.setattr(RecordFile, "_read", lambda *args: reads.append(args) or read(*args))
    assert read_dataset_info(str(copied)) == info
    files = sum(map(len, info.files.values()))
    assert len(reads) == 2 * files  # the header and the record of each first picture


def test_files_that_dataset_json_tells_nothing_or_too_much_of_are_errors(copied):
    smallest = copied / "made-r02.tfrecords"
    data = bytearray(smallest.read_bytes())
    data[30] ^= 1
    smallest.write_bytes(data)
    check_refused(copied, "record 0, at byte 0, is not what was written")
    smallest.rename(copied / "made-r04.tfrecords")
    check_refused(copied, r"made-r02\.tfrecords: missing, dataset\.json")
    shutil.copy(copied / "made-r04.tfrecords", smallest)
    check_refused(copied, r"made-r04\.tfrecords: dataset\.json does not list it")


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path, monkeypatch):
    def refuse(folder):
        raise PermissionError(13, "not yours")

    monkeypatch.setattr("tfrecords.common.paths.os.listdir", refuse)
    for function in (read_dataset_info, is_dataset_folder):
        with pytest.raises(UserError, match="cannot be read: not yours"):
            function(str(tmp_path))
