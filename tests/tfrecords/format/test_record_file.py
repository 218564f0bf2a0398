import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.built_dataset import cut, flip, write_records
from tests.helpers.source_helpers import assert_user_error
from tfrecords.format.record_file import BadRecordError, RecordFile, frame, read_first_record

RECORDS = [b"a" * n for n in (5, 0, 300, 5, 5, 7)]


@pytest.fixture
def path(tmp_path):
    write_records(tmp_path / "records", RECORDS)
    return tmp_path / "records"


def test_frames_are_what_tensorflow_writes(path, tmp_path):
    theirs = tmp_path / "theirs"
    with tf.io.TFRecordWriter(str(theirs)) as writer:
        for record in RECORDS:
            writer.write(record)
    assert path.read_bytes() == theirs.read_bytes()


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_records_are_read_in_any_order(path, scheme):
    for number in (None, 7, 6):  # a wrong number is not believed
        file = RecordFile(f"{scheme}{path}", number)
        assert [file.read(index) for index in range(5, -1, -1)] == RECORDS[::-1]
        assert len(file) == 6
        file.close()
    assert read_first_record(f"{scheme}{path}") == RECORDS[0]


def test_records_of_one_length_are_found_without_reading_them(tmp_path, monkeypatch):
    path = tmp_path / "records"
    path.write_bytes(frame(b"abc") * 100)
    reads, read = [], RecordFile._read
    monkeypatch.setattr(RecordFile, "_read", lambda *args: reads.append(args) or read(*args))
    file = RecordFile(str(path), 100)
    np.testing.assert_array_equal(file.offsets, 19 * np.arange(101))
    assert len(reads) == 1
    assert len(RecordFile(str(path))) == 100
    assert len(reads) == 3


@pytest.mark.parametrize("where", [0, 9, 12, 14, 315])  # length, its checksum, record, checksum
def test_a_flipped_byte_spoils_its_record_and_no_other(path, where):
    file = RecordFile(str(path))
    start = int(file.offsets[2])
    flip(path, start + where)
    if where != 9:
        with pytest.raises(BadRecordError, match=f"record 2, at byte {start}, is not what was"):
            file.read(2)
    assert [file.read(index) for index in (0, 1, 3, 4, 5)] == [*RECORDS[:2], *RECORDS[3:]]
    if where in (0, 9):  # whoever walks the headers meets it
        assert_user_error(f"the one at byte {start} is cut or damaged", RecordFile, str(path))


@pytest.mark.parametrize("missing", [1, 3, 20, 400])
def test_a_cut_file_is_an_error_and_a_bad_record_where_it_is_open(path, missing):
    file = RecordFile(str(path))
    cut(path, missing)
    with pytest.raises(BadRecordError):
        file.read(5)
    assert_user_error(r"the one at byte \d+ is cut or damaged", RecordFile, str(path))


def test_missing_empty_and_damaged_files_are_errors(path, tmp_path):
    flip(path, 14)
    assert_user_error("record 0, at byte 0, is not what was written", read_first_record, str(path))
    path.write_bytes(b"")
    for function in (RecordFile, read_first_record):
        assert_user_error("the file is empty", function, str(path))
        for scheme in ("", "file://"):
            assert_user_error("absent: cannot be read", function, f"{scheme}{tmp_path}/absent")
