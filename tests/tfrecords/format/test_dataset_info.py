import json
import pathlib
import re
import shutil

import numpy as np
import pytest

from tests.helpers.built_dataset import cut, flip, read_records, write_records
from tests.helpers.made_source import make_source, noise, options
from tests.helpers.places import TESTS
from tests.helpers.source_helpers import assert_user_error
from tfrecords.format import dataset_info
from tfrecords.format.dataset_info import is_dataset_folder, read_dataset_info, read_labels
from tfrecords.format.record import encode_image
from tfrecords.format.record_file import RecordFile
from tfrecords.pictures.source import one_hot
from tfrecords.writing.writer import write_dataset

GOLDEN = TESTS / "golden" / "tfrecords"
R02, R03, R04 = (f"gray_labels-r0{log2}.tfrecords" for log2 in (2, 3, 4))


@pytest.fixture
def folder(tmp_path):
    """A copy of the published converter's 10 gray pictures with 4 labels."""
    return pathlib.Path(shutil.copytree(GOLDEN / "gray_labels", tmp_path / "gray_labels"))


@pytest.fixture
def ours(tmp_path):
    """A dataset that we wrote, of several files."""
    source = make_source(noise(12, 8), labels=one_hot([0, 1] * 6, 2))
    write_dataset(source, options(), str(tmp_path / "out"), processes=1, shard_bytes=2500)
    return tmp_path / "out"


def check_refused(folder, message):
    assert_user_error(message, read_dataset_info, str(folder))


def test_the_published_format_is_read(folder):
    info = read_dataset_info(str(folder))
    assert (info.name, info.num_images, info.resolution) == ("gray_labels", 10, 16)
    assert (info.num_channels, info.encoding, info.num_rejected) == (1, "raw", 0)
    assert info.files == {
        2**log2: (f"{folder}/gray_labels-r{log2:02}.tfrecords",) for log2 in (2, 3, 4)
    }
    assert info.num_records == {4: (10,), 8: (10,), 16: (10,)}
    assert (info.label_size, info.label_names) == (4, ())
    np.testing.assert_array_equal(read_labels(info), np.load(info.labels_path))
    bare = read_dataset_info(str(GOLDEN / "shuffle0"))
    assert (bare.num_images, bare.num_channels, bare.labels_path) == (12, 3, None)
    assert (read_labels(bare).shape, dataset_info.read_classes(bare)) == ((12, 0), None)


def test_shards_are_found_in_order(folder):
    records = read_records(folder / R04)
    (folder / R04).unlink()
    names = [f"gray_labels-r04-0000{shard}-of-00003.tfrecords" for shard in range(3)]
    for shard in (2, 0, 1):
        write_records(folder / names[shard], records[shard::3])
    info = read_dataset_info(str(folder))
    assert [pathlib.Path(path).name for path in info.files[16]] == names
    assert info.num_records[16] == (4, 3, 3)
    (folder / names[1]).unlink()
    check_refused(folder, f"expected 3 files of 16 px, found {names[0]}, {names[2]}: make")


def test_records_without_dataset_json_are_counted(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (7, 4, 4, 1), np.uint8)
    images[3:5] = 0  # so that the records differ in length
    write_records(tmp_path / "x-r02.tfrecords", [encode_image(image, "png") for image in images])
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
    for other, message in ((tmp_path, "found none"), (tmp_path / "absent", "no such folder")):
        assert not is_dataset_folder(str(other))
        check_refused(other, message)
    (tmp_path / "journal.jsonl").touch()
    assert is_dataset_folder(str(tmp_path))
    check_refused(tmp_path, "its conversion has not ended: run the same command again")


def rewrite(name, shape, encoding="raw"):
    records = [encode_image(np.zeros(shape, np.uint8), encoding)] * 10
    return lambda folder: write_records(folder / name, records)


def drop_a_record(folder):
    write_records(folder / R02, read_records(folder / R02)[:9])


def rename_all(folder):
    for path in folder.iterdir():
        path.rename(folder / path.name.replace("gray", "a\x1b"))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        *((lambda d, n=name: cut(d / n, 40), f"{name}: .* byte .* is cut") for name in (R02, R04)),
        (lambda d: (d / R02).write_bytes(b""), f"{R02}: .*the file is empty"),
        (lambda d: (d / R03).unlink(), f"1 file of 8 px, found no {R03}"),
        (drop_a_record, "expected 10 pictures of 8 px|expected 9 pictures of 8 px, got 10"),
        (rewrite(R03, (8, 8, 3)), re.escape("shape (8, 8, 1), raw, got (8, 8, 3), raw")),
        (rewrite(R03, (4, 4, 1)), re.escape("shape (8, 8, 1), raw, got (4, 4, 1), raw")),
        (rewrite(R03, (8, 8, 1), "png"), re.escape("raw, got (8, 8, 1), png")),
        (lambda d: write_records(d / R03, [b"hello"] * 10), "expected records of this format"),
        (lambda d: shutil.copy(d / R02, d / "other-r02.tfrecords"), "found gray_labels and other"),
        (rename_all, "expected a name in UTF-8 without control characters"),
    ],
)
def test_files_that_are_damaged_or_do_not_belong_together_are_refused(folder, damage, message):
    damage(folder)
    check_refused(folder, message)


def npy(shape="(10, 4)", kind="<f4", data=bytes(160)):
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize(
    ("data", "message"),
    [
        *((npy(f"(10, {size})"), "a .npy file of numbers") for size in ("10**12", 2**41)),
        *((npy(kind="|O"), "a .npy file of numbers"), (npy()[:-1], "a .npy file of numbers")),
        *((npy("(-10, -4)"), ""), (npy("(" * 500 + "4" + ")" * 500), ""), (b"", "")),
        *((npy(kind="c8", shape="(10, 2)"), "one-hot rows"), (npy("(40,)"), "one-hot rows")),
        (npy("(9, 4)", data=bytes(144)), "a row for each of 10 pictures, got 9"),
    ],
)
def test_labels_run_no_pickle_and_take_memory_for_the_bytes_that_are_there(folder, data, message):
    (folder / "gray_labels-rxx.labels").write_bytes(data)
    check_refused(folder, f"labels: expected {message}")


def test_classes_are_those_of_one_hot_rows(folder):
    info = read_dataset_info(str(folder))
    rows = np.eye(4, dtype=np.float32)[[3, 1, 0, 2, 2, 2, 2, 2, 2, 2]]
    rows[1] = 0
    two = np.minimum(rows + rows[0], 1)  # classes at once
    for labels, expected in ((rows, [3, -1, 0, *[2] * 7]), (rows / 2, None), (two, None)):
        with open(info.labels_path, "wb") as file:
            np.save(file, labels)
        classes = dataset_info.read_classes(info)
        assert (classes if classes is None else classes.tolist()) == expected
    assert dataset_info.describe_labels(info) == "Labels: vectors of 4 numbers"


def test_dataset_json_of_the_first_version_names_the_classes_and_is_checked(folder):
    details = {"version": 1, "name": "digits", "num_images": 10, "label_names": list("abcd")}
    for changes, message in (
        ({"num_images": 11}, "expected 11 pictures of 4 px, got 10"),
        ({"label_names": list("abc")}, r"labels of 3 classes, as dataset\.json names them, got 4"),
    ):
        (folder / "dataset.json").write_text(json.dumps(details | changes))
        check_refused(folder, message)
    (folder / "dataset.json").write_text(json.dumps(details))
    assert read_dataset_info(str(folder)).label_names == tuple("abcd")


def test_files_are_checked_by_their_sizes_without_reading_them(ours, monkeypatch):
    info = read_dataset_info(str(ours))
    assert {sum(counts) for counts in info.num_records.values()} == {12}
    last = pathlib.Path(info.files[8][-1])
    whole = last.read_bytes()
    for changed in (whole + whole, whole[:-1]):  # walking the records would count the first
        last.write_bytes(changed)
        check_refused(ours, rf"{last.name}: expected {len(whole):,} bytes, got")
    last.write_bytes(whole)
    reads, read = [], RecordFile._read
    monkeypatch.setattr(RecordFile, "_read", lambda *args: reads.append(args) or read(*args))
    assert read_dataset_info(str(ours)) == info
    files = sum(map(len, info.files.values()))
    assert len(reads) == 2 * files  # the header and the record of each first picture


def test_files_that_dataset_json_tells_nothing_or_too_much_of_are_errors(ours):
    smallest = ours / "made-r02.tfrecords"
    flip(smallest, 30)
    check_refused(ours, "record 0, at byte 0, is not what was written")
    smallest.rename(ours / "made-r04.tfrecords")
    check_refused(ours, r"made-r02\.tfrecords: missing, dataset\.json")
    shutil.copy(ours / "made-r04.tfrecords", smallest)
    check_refused(ours, r"made-r04\.tfrecords: dataset\.json does not list it")
