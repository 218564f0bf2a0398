"""Files of flags: what is none is refused in one line, before absl opens it."""

import os

import pytest

from tfrecords.common.command_line import check_flag_files
from tfrecords.common.errors import UserError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good").write_text("# a comment\n--seed=3\n\n--flagfile=more\n")
    (tmp_path / "more").write_text("--total_kimg=9\n")
    (tmp_path / "latin").write_bytes("--data=caf\xe9\n".encode("latin-1"))
    (tmp_path / "itself").write_text("--flagfile=itself\n")
    (tmp_path / "ring").write_text("--flagfile=other\n")
    (tmp_path / "other").write_text("--seed=3\n--flagfile=ring\n")
    (tmp_path / "leads-nowhere").write_text("--flagfile=gone\n")
    (tmp_path / "huge").write_text("#" * (2**20 + 1))
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--seed=3",),
        ("--flagfile=good", "--flagfile=good", "--flagfile=more"),
        ("-flagfile", "good"),
        ("--flagfile", "more", "--seed=4"),
    ],
)
def test_files_of_flags_may_name_others_and_come_twice(folder, arguments):
    check_flag_files(arguments)


@pytest.mark.parametrize(
    "path",
    [
        *("gone", "", "latin", "itself", "ring", "leads-nowhere", "huge", "folder", "pipe"),
        *("/dev/zero", "good/below", "x" * 5000, "a\0b", "\udcff"),
    ],
)
def test_what_is_no_file_of_flags_is_refused(folder, path):
    for arguments in ([f"--flagfile={path}"], ["--seed=1", "-flagfile", path]):
        with pytest.raises(UserError, match=r"^--flagfile: expected .*, got ") as caught:
            check_flag_files(arguments)
        assert "\n" not in str(caught.value)


def test_a_flagfile_without_a_name_is_refused(folder):
    with pytest.raises(UserError, match=r"^--flagfile: expected "):
        check_flag_files(["--flagfile"])
