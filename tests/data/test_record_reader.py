"""Records by number with few requests: in runs from a disk, in blocks from elsewhere."""

import collections

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.data import record_reader
from pgan_tf.data.dataset import make_dataset
from pgan_tf.data.record_reader import RecordReader
from pgan_tf.data.records import find_records
from tests.helpers.built_dataset import build, draw
from tfrecords.common.positioned import PositionedFile
from tfrecords.format.dataset_info import read_dataset_info

COUNT = 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return build(tmp_path_factory.mktemp("set"), draw(COUNT, 16), shard_bytes=20_000, json=True)


@pytest.fixture
def requests(monkeypatch):
    """Counts what a remote file system is asked for, by file and position."""
    asked, gfile = collections.Counter(), tf.io.gfile.GFile

    class Counted(gfile):
        def read(self, length=-1):
            asked[self.name, self.tell()] += 1
            return super().read(length)

    monkeypatch.setattr(tf.io.gfile, "GFile", Counted)
    return asked


def test_each_block_of_a_remote_file_is_asked_for_once(folder, requests, monkeypatch):
    """Whatever the order, through all epochs, from all threads."""
    monkeypatch.setattr(record_reader, "BLOCK_BYTES", 4096)
    here, there = (read_dataset_info(f"{scheme}{folder}") for scheme in ("", "file://"))
    named = {"global_batch_size": 4, "label_size": 0, "seed": 1, "memory_bytes": 0}
    expected = list(make_dataset(here, 16, **named).take(COUNT).as_numpy_iterator())
    dataset = make_dataset(there, 16, **named)
    requests.clear()
    for got, want in zip(dataset.take(COUNT).as_numpy_iterator(), expected, strict=True):
        np.testing.assert_array_equal(got[0], want[0])
    assert set(requests.values()) == {1}
    assert len(requests) == sum(-(-tf.io.gfile.stat(one).length // 4096) for one in there.files[16])
    assert len(there.files[16]) > 1


def test_what_is_kept_of_remote_files_has_a_limit(folder, requests, monkeypatch):
    monkeypatch.setattr(record_reader, "BLOCK_BYTES", 4096)
    monkeypatch.setattr(record_reader, "_KEPT_BYTES", 2 * 4096)
    reader = RecordReader(find_records(read_dataset_info(f"file://{folder}"), 16))
    requests.clear()
    for _ in range(2):
        for number in range(COUNT):
            assert reader.read(np.array([number]))[0]
    assert set(requests.values()) == {2}


def test_neighbors_on_a_disk_are_read_as_one_run(folder, monkeypatch):
    reader = RecordReader(find_records(read_dataset_info(str(folder)), 16))
    asked, read = [], PositionedFile.read
    monkeypatch.setattr(PositionedFile, "read", lambda *args: asked.append(args) or read(*args))
    together = reader.read(np.arange(COUNT)[::-1])
    assert len(asked) == len(read_dataset_info(str(folder)).files[16])
    assert together[::-1] == [reader.read(np.array([number]))[0] for number in range(COUNT)]


def test_files_open_at_a_time_have_a_limit(folder, monkeypatch):
    monkeypatch.setattr(record_reader, "_MOST_OPEN", 1)
    reader = RecordReader(find_records(read_dataset_info(str(folder)), 16))
    assert None not in reader.read(np.random.default_rng(0).permutation(COUNT))
    assert len(reader._files) == 1
