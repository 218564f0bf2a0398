"""Conversions that end half way resume with the same files."""

import errno
import os
import shutil

import pytest
import tensorflow as tf

from tests.helpers.made_source import contents, make_source, noise, options
from tests.helpers.source_helpers import assert_user_error
from tfrecords.common.errors import UserError
from tfrecords.format.dataset_info import is_dataset_folder, read_dataset_info
from tfrecords.writing import journal, out_folder, shards, writer

pytestmark = pytest.mark.usefixtures("small_chunks")
IMAGES = [*noise(2, 16), "torn", *noise(17, 16, seed=1)]
BUG, READ_AGAIN = RuntimeError("a bug"), RuntimeError("read again")


def convert(images, out, **fields):
    settings = {"shuffle": False, "processes": 1, "shard_bytes": 5000}
    return writer.write_dataset(make_source(images, **fields), options(16), str(out), **settings)


def stop(at, out, error=BUG, **fields):
    """Converts up to a picture that ends the conversion; returns the folder with what is done."""
    with pytest.raises(type(error)):
        convert([*IMAGES[:at], error, *IMAGES[at + 1 :]], out, **fields)
    return out.with_name("out.partial")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def expected(tmp_path_factory):
    """The files of a conversion that was not interrupted."""
    folder = tmp_path_factory.mktemp("undisturbed") / "out"
    convert(IMAGES, folder)
    return contents(folder)


@pytest.fixture
def finish(expected, out, capsys):
    """Converts to the end, which gives the same files, and tells of what was there."""

    def finish(line, images=IMAGES):
        capsys.readouterr()
        convert(images, out)
        assert line in capsys.readouterr().out
        assert contents(out) == expected
        assert [path.name for path in out.parent.iterdir()] == ["out"]

    return finish


@pytest.mark.parametrize("error", [KeyboardInterrupt(), BUG])
def test_what_ends_half_way_resumes_with_the_same_files(out, error, finish, capsys):
    partial = stop(10, out, error)
    assert not out.exists()
    assert is_dataset_folder(str(partial))
    assert_user_error("conversion has not ended", read_dataset_info, str(partial))
    told = f"8 of 20 pictures are in {partial}: run the same command again to resume"
    assert (told in capsys.readouterr().err) == isinstance(error, KeyboardInterrupt)
    # Of the first two chunks nothing is read any more.
    finish("resuming after 8 pictures", [READ_AGAIN] * 8 + IMAGES[8:])


def forget_the_rejected(partial):
    path = partial / "journal.jsonl"
    path.write_text(path.read_text().replace('[[2, "2.png", "torn"]]', "[]"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda partial: os.truncate(partial / "r03-00000.part", 1000),
        lambda partial: (partial / "r03-00000.part").unlink(),
        forget_the_rejected,
        lambda partial: stop(10, partial.with_name("out"), identity=["other pictures"]),
    ],
)
def test_other_pictures_and_damaged_files_start_over(out, finish, damage):
    damage(stop(10, out))
    finish("starting over")


def test_what_the_journal_does_not_tell_of_is_cut_off(out, finish):
    half = b'{"next": 10, "files"'  # of a line, or of a record
    elsewhere = b'{"next": 12, "files": {"../x": [9, 9]}, "rejected": []}\n'
    for good, added in ((5, half), (9, elsewhere)):
        for path in stop(good, out).iterdir():
            path.write_bytes(path.read_bytes() + added)
    finish("resuming after 8 pictures")


@pytest.mark.parametrize(
    ("place", "step", "line"),
    [(writer, "put_in_place", "resuming after 20 pictures"), (writer.os, "remove", "")],
)
def test_an_end_between_the_last_steps_is_made_good(out, monkeypatch, place, step, line, finish):
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(place, step, lambda *_: 1 / 0)
        convert(IMAGES, out)
    finish(line)


def test_two_at_once_and_a_partial_folder_of_other_things_are_refused(out, finish):
    diary = out.with_name("out.partial") / "diary.txt"
    diary.parent.mkdir()
    diary.write_text("dear")
    assert_user_error(r"found diary\.txt: move it away", convert, IMAGES, out)
    diary.unlink()
    busy = pytest.raises(UserError, match="another process is converting into it")
    with journal.open_journal(f"{out}.partial", {}), busy:
        convert(IMAGES, out)
    finish("starting over")


def test_a_disk_that_fills_up_is_an_error_and_resumes_later(out, monkeypatch, finish):
    room = 7000

    def write(file, data):
        nonlocal room
        if room < len(data):
            file.write(data[:room])  # as a full disk does: what fits is written
            room = 0
            raise OSError(errno.ENOSPC, "No space left on device")
        room -= len(data)
        file.write(data)

    with monkeypatch.context() as patch:
        patch.setattr(shards, "write_all", write)
        with pytest.raises(UserError, match="No space left on device: make room; the same command"):
            convert(IMAGES, out)
    assert not out.exists()
    finish("resuming after 4 pictures")


def test_a_remote_folder_is_made_by_way_of_a_local_one(tmp_path, expected, monkeypatch):
    monkeypatch.setattr(out_folder.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    out = tmp_path / "bucket" / "out"

    def fail(old, new, overwrite):
        if new.endswith("-r04-00002-of-00004.tfrecords"):
            raise tf.errors.UnavailableError(None, None, "no connection")
        shutil.copy(old, out)

    with monkeypatch.context() as patch:
        patch.setattr(tf.io.gfile, "copy", fail)
        assert_user_error(r"no connection: .*; the same command", convert, IMAGES, f"file://{out}")
    assert_user_error("conversion has not ended", read_dataset_info, str(out))
    assert convert([READ_AGAIN] * 20, f"file://{out}").num_images == 19
    assert contents(out) == expected
    assert list((tmp_path / "tmp").iterdir()) == []
    assert_user_error("it holds files", convert, IMAGES, f"file://{out}")


def test_what_an_older_version_named_after_out_resumes(expected, out, finish):
    path = stop(10, out) / "journal.jsonl"
    path.write_text(path.read_text().replace('{"key": {', '{"key": {"name": "out", ', 1))
    finish("resuming after 8 pictures")
    # A finished one of another name is the same, too.
    assert convert(IMAGES, out, name="other").name == "out"
    assert contents(out) == expected
