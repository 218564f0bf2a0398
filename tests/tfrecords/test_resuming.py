"""Conversions that end half way resume with the same files."""

import errno
import os
import shutil

import pytest
import tensorflow as tf

from tests.helpers.made_source import contents, make_source, noise, options
from tfrecords.common.errors import UserError
from tfrecords.format.dataset_info import is_dataset_folder, read_dataset_info
from tfrecords.writing import journal, out_folder, shards, writer

IMAGES = [*noise(2, 16), "torn", *noise(17, 16, seed=1)]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(writer, "_CHUNK_PICTURES", 4)


def convert(images, out, **fields):
    settings = {"shuffle": False, "processes": 1, "shard_bytes": 5000}
    return writer.write_dataset(make_source(images, **fields), options(16), str(out), **settings)


BUG = RuntimeError("a bug")


def stop(at, out, error=BUG, **fields):
    """Converts up to a picture that ends the conversion."""
    with pytest.raises(type(error)):
        convert([*IMAGES[:at], error, *IMAGES[at + 1 :]], out, **fields)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The files of a conversion that was not interrupted."""
    folder = tmp_path_factory.mktemp("undisturbed") / "out"
    convert(IMAGES, folder)
    return contents(folder)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def partial(tmp_path):
    return tmp_path / "out.partial"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), BUG])
def test_what_ends_half_way_resumes_with_the_same_files(expected, out, partial, error, capsys):
    stop(10, out, error)
    assert not out.exists()
    with pytest.raises(UserError, match="conversion has not ended"):
        read_dataset_info(str(partial))
    assert is_dataset_folder(str(partial))
    told = f"8 of 20 pictures are in {partial}: run the same command again to resume"
    assert (told in capsys.readouterr().err) == isinstance(error, KeyboardInterrupt)
    # Of the first two chunks nothing is read any more.
    convert([RuntimeError("read again")] * 8 + IMAGES[8:], out)
    assert "resuming after 8 pictures" in capsys.readouterr().out
    assert contents(out) == expected
    assert not partial.exists()


def test_other_pictures_or_options_start_over(expected, out, capsys):
    stop(10, out)
    assert "resuming" not in capsys.readouterr().out
    stop(10, out, identity=["other"])
    assert "other pictures or with other options: starting over" in capsys.readouterr().out
    convert(IMAGES, out)
    assert "starting over" in capsys.readouterr().out
    assert contents(out) == expected


def lie_about_records(partial):
    path = partial / "journal.jsonl"
    text = path.read_text()
    assert "[[2, " in text
    path.write_text(text.replace('[[2, "2.png", "torn"]]', "[]"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda partial: os.truncate(partial / "r03-00000.part", 1000),
        lambda partial: (partial / "r03-00000.part").unlink(),
        lie_about_records,
    ],
    ids=["cut", "missing", "lie"],
)
def test_a_damaged_partial_starts_over(expected, out, partial, capsys, damage):
    stop(10, out)
    damage(partial)
    convert(IMAGES, out)
    assert "starting over" in capsys.readouterr().out
    assert contents(out) == expected


def test_what_the_journal_does_not_tell_of_is_cut_off(expected, out, partial, capsys):
    for good in (5, 9):
        stop(good, out)
        for path in partial.iterdir():
            with path.open("ab") as file:
                file.write(b'{"next": 10, "files"')  # half a line, or half a record
    capsys.readouterr()
    convert(IMAGES, out)
    assert "resuming after 8 pictures" in capsys.readouterr().out
    assert contents(out) == expected


@pytest.mark.parametrize(
    ("step", "place"), [("put_in_place", writer), ("remove", writer.os)], ids=["rename", "remove"]
)
def test_an_end_between_the_last_steps_is_made_good(
    expected, out, monkeypatch, step, place, capsys
):
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(place, step, lambda *_: 1 / 0)
        convert(IMAGES, out)
    capsys.readouterr()
    convert(IMAGES, out)
    assert "starting over" not in capsys.readouterr().out
    assert contents(out) == expected
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_two_at_once_are_refused(expected, out, partial):
    busy = pytest.raises(UserError, match="another process is converting into it")
    with journal.open_journal(str(partial), {}), busy:
        convert(IMAGES, out)
    convert(IMAGES, out)
    assert contents(out) == expected


def test_a_partial_folder_of_other_things_stays(out, partial):
    partial.mkdir()
    (partial / "diary.txt").write_text("dear")
    with pytest.raises(UserError, match=r"found diary\.txt: move it away"):
        convert(IMAGES, out)
    assert (partial / "diary.txt").read_text() == "dear"


def test_a_disk_that_fills_up_is_an_error_and_resumes_later(expected, out, monkeypatch):
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
    convert(IMAGES, out)
    assert contents(out) == expected


def test_a_remote_folder_is_made_by_way_of_a_local_one(tmp_path, expected, monkeypatch):
    monkeypatch.setattr(out_folder.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    out = tmp_path / "bucket" / "out"

    def fail(old, new, overwrite):
        if new.endswith("-r04-00002-of-00004.tfrecords"):
            raise tf.errors.UnavailableError(None, None, "no connection")
        shutil.copy(old, out)

    with monkeypatch.context() as patch:
        patch.setattr(tf.io.gfile, "copy", fail)
        with pytest.raises(UserError, match=r"no connection: .*; the same command"):
            convert(IMAGES, f"file://{out}")
    with pytest.raises(UserError, match="conversion has not ended"):
        read_dataset_info(str(out))
    assert convert([RuntimeError("read again")] * 20, f"file://{out}").num_images == 19
    assert contents(out) == expected
    assert list((tmp_path / "tmp").iterdir()) == []
    with pytest.raises(UserError, match="it holds files"):
        convert(IMAGES, f"file://{out}")


def test_what_an_older_version_named_after_out_resumes(expected, out, partial, capsys):
    stop(10, out)
    path = partial / "journal.jsonl"
    path.write_text(path.read_text().replace('{"key": {', '{"key": {"name": "out", ', 1))
    capsys.readouterr()
    convert(IMAGES, out)
    assert "resuming after 8 pictures" in capsys.readouterr().out
    assert contents(out) == expected
    # A finished one of another name is the same, too.
    assert convert(IMAGES, out, name="other", labels=None).name == "out"
    assert contents(out) == expected
