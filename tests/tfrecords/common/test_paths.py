import os
import socket

import pytest

from tests.helpers.source_helpers import assert_user_error
from tfrecords.common.errors import UserError
from tfrecords.common.paths import check_regular_file, dataset_name, join, read_bytes, read_whole
from tfrecords.format.record_file import RecordFile


def make_no_files(folder):
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(folder / "socket"))
    os.symlink("pipe", folder / "link")
    (folder / "folder").mkdir()
    named = {folder / "pipe": "a pipe", folder / "socket": "a socket", folder / "link": "a pipe"}
    return named | {folder / "folder": "a folder", "/dev/zero": "a device"}


@pytest.mark.parametrize("read", [check_regular_file, read_bytes, RecordFile])
def test_what_is_no_file_is_refused_before_opening_it_waits_forever(tmp_path, monkeypatch, read):
    monkeypatch.chdir(tmp_path)  # a socket's path may have 107 bytes at most
    for path, words in make_no_files(tmp_path).items():
        assert_user_error(f"expected a file, got {words}", read, str(path))
    check_regular_file("nothing")  # is left to who opens it
    check_regular_file("gs://bucket/file")


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_file_that_is_too_large_is_refused_by_its_size(tmp_path, scheme):
    (tmp_path / "file").write_bytes(b"text")
    assert read_bytes(f"{scheme}{tmp_path}/file", 2) == b"te"
    assert read_whole(f"{scheme}{tmp_path}/file", 4) == b"text"
    with pytest.raises(UserError, match="file: expected at most 3 bytes, got 4 bytes"):
        read_whole(f"{scheme}{tmp_path}/file", 3)


def test_a_dataset_is_called_by_its_folder_without_what_the_cache_adds():
    assert dataset_name("a/photos-64px-0123abcd/") == dataset_name("gs://a/photos/") == "photos"
    assert dataset_name("photos-64px") == "photos-64px"
    assert (join("gs://a/b/", "c"), join("a/b", "c")) == ("gs://a/b/c", "a/b/c")
