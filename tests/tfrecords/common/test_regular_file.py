"""What is no file is refused before it is opened: opening a pipe waits for ever."""

import os
import socket

import pytest

from tfrecords.common.errors import UserError
from tfrecords.common.paths import check_regular_file, read_bytes
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
def test_what_is_no_file_is_refused_before_it_is_opened(tmp_path, monkeypatch, read):
    monkeypatch.chdir(tmp_path)  # a socket's path may have 107 bytes at most
    for path, words in make_no_files(tmp_path).items():
        with pytest.raises(UserError, match=f"expected a file, got {words}"):
            read(str(path))


def test_files_pass_and_what_is_not_there_is_left_to_who_opens_it(tmp_path):
    (tmp_path / "file").write_bytes(b"text")
    check_regular_file(tmp_path / "file")
    check_regular_file(str(tmp_path / "nothing"))
    check_regular_file("gs://bucket/file")
    assert read_bytes(str(tmp_path / "file")) == b"text"
