import os
from functools import partial

import pytest
from absl import flags

from tests.helpers.source_helpers import assert_user_error
from tfrecords.common import command_line
from tfrecords.common.command_line import (
    check_flag_files,
    not_with,
    only_with,
    read_path,
    read_text,
)
from tfrecords.common.errors import UserError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts = {"good": "# a comment\n--seed=3\n\n--flagfile=more\n", "more": "--total_kimg=9\n"}
    texts |= {"itself": "--flagfile=itself\n", "ring": "--flagfile=other\n", "exact": "#" * 2**20}
    texts |= {"other": "--seed=3\n--flagfile=ring\n", "leads-nowhere": "--flagfile=gone\n"}
    texts |= {"latin": b"--data=caf\xe9\n", "huge": "#" * (2**20 + 1)}
    for name, text in texts.items():
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")


@pytest.mark.parametrize("arguments", ["", "--seed=3", "-flagfile good", "--flagfile more -s=4"])
@pytest.mark.parametrize("more", ["", " --flagfile=good --flagfile=good --flagfile=exact"])
def test_files_of_flags_may_name_others_and_come_twice(folder, arguments, more):
    check_flag_files((arguments + more).split())


@pytest.mark.parametrize(
    "path",
    [
        *("gone", "", "latin", "itself", "ring", "leads-nowhere", "huge", "folder", "pipe"),
        *("/dev/zero", "good/below", "x" * 5000, "a\0b", "\udcff"),
    ],
)
def test_what_is_no_file_of_flags_is_refused(folder, path):
    for arguments in ([f"--flagfile={path}"], ["--seed=1", "-flagfile", path], ["--flagfile"]):
        with pytest.raises(UserError, match=r"^--flagfile: expected .*") as caught:
            check_flag_files(arguments)
        assert "\n" not in str(caught.value)


def test_a_path_in_the_home_folder_is_there_and_not_in_a_folder_called_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert read_path("~/runs/a") == str(tmp_path / "runs/a")
    (tmp_path / "~/runs/b").mkdir(parents=True)  # as commands of before made them
    assert read_path("~/runs/b") == "~/runs/b"


def test_texts_and_paths_are_those_that_a_file_system_can_hold():
    assert read_text(f"{'x' * 998} x") == f"{'x' * 998} x"
    assert read_path("a" * 255 + "/b") == "a" * 255 + "/b"
    texts = [(read_text, text) for text in ("", " ", "a\nb", "\x1f", "x" * 1001, "\ud800")]
    paths = [(read_path, path) for path in ("x" * 4097, "é" * 128, "a\0b", "/dev/null")]
    for read, bad in texts + paths:
        with pytest.raises(ValueError, match=r"^expected .*, got "):
            read(bad)


def test_a_flag_that_does_nothing_beside_the_others_is_refused(monkeypatch):
    values = flags.FlagValues()
    video = flags.DEFINE_string("video", None, "", flag_values=values)
    flags.DEFINE_integer("fps", 30, "", flag_values=values)
    monkeypatch.setattr(command_line.flags, "FLAGS", values)
    only, without = (
        partial(only_with, ["fps"], video, "walk", "zoom"),
        partial(not_with, ["fps"], video),
    )
    for arguments, refusing, message in (
        ("--video=walk --fps=9", [without], "without --video, got both"),
        ("--video=spin --fps=9", [only, without], "--fps: expected"),
        ("--fps=9", [only], "expected --video=walk or zoom with it, got it alone"),
        ("--video=walk --fps=30", [], ""),  # its default
    ):
        values.unparse_flags()
        values(["command", *arguments.split()])
        for check in (only, without):
            if check in refusing:
                assert_user_error(message, check)
            else:
                check()
