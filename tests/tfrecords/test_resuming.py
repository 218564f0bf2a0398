import dataclasses
import errno
import os
import pathlib
import shutil

import pytest
import tensorflow as tf

from tests.helpers.made_source import contents, make_source, noise, options
from tfrecords.common.errors import UserError
from tfrecords.format.dataset_info import is_dataset_folder, read_dataset_info
from tfrecords.pictures.source import one_hot
from tfrecords.writing import journal, out_folder, shards, writer


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(writer, "_CHUNK_PICTURES", 4)


def write_dataset(*arguments, **named):
    """Here, unless a test is about other processes, which take time to start."""
    return writer.write_dataset(*arguments, **{"processes": 1, **named})


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("a bug")])
def test_what_ends_half_way_goes_on_with_the_same_files(tmp_path, error, small_chunks, capsys):
    images = list(noise(20, 16))
    images[2] = "torn"
    undisturbed = tmp_path / "undisturbed" / "out"
    write_dataset(make_source(images), options(16), str(undisturbed), shuffle=False)
    out = tmp_path / "out"
    with pytest.raises(type(error)):
        write_dataset(
            make_source([*images[:10], error, *images[11:]]), options(16), str(out), shuffle=False
        )
    assert not out.exists()
    with pytest.raises(UserError, match="conversion has not ended"):
        read_dataset_info(f"{out}.partial")
    assert is_dataset_folder(f"{out}.partial")
    interrupted = isinstance(error, KeyboardInterrupt)
    assert ("run the same command again to resume" in capsys.readouterr().err) == interrupted
    # Of the first two chunks nothing is read any more.
    gone = [RuntimeError("read again")] * 8
    write_dataset(make_source([*gone, *images[8:]]), options(16), str(out), shuffle=False)
    assert "resuming after 8 pictures" in capsys.readouterr().out
    assert contents(out) == contents(undisturbed)
    assert not pathlib.Path(f"{out}.partial").exists()


def test_other_pictures_or_options_start_afresh(tmp_path, small_chunks, capsys):
    images = list(noise(10, 16))
    out = str(tmp_path / "out")
    with pytest.raises(RuntimeError):
        write_dataset(make_source([*images, RuntimeError()]), options(16), out, shuffle=False)
    changes = (
        (make_source(images), options(16)),
        (make_source(images, identity=["other"]), options(16)),
        (make_source(images, identity=["other"]), options(16, fit="stretch")),
    )
    for source, changed in changes:
        with pytest.raises(RuntimeError):
            write_dataset(
                dataclasses.replace(
                    source, open=make_source([*images[:8], RuntimeError(), *images]).open
                ),
                changed,
                out,
                shuffle=False,
            )
        assert "starting over" in capsys.readouterr().out
    assert write_dataset(*changes[2], out, shuffle=False).num_images == 10
    assert "resuming after 8" in capsys.readouterr().out


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_partial_starts_afresh(tmp_path, small_chunks, capsys, damage):
    images = list(noise(10, 16))
    undisturbed = tmp_path / "undisturbed" / "out"
    write_dataset(make_source(images), options(16), str(undisturbed), shuffle=False)
    out = tmp_path / "out"
    with pytest.raises(RuntimeError):
        broken = make_source([*images[:9], RuntimeError()])
        write_dataset(broken, options(16), str(out), shuffle=False)
    part = tmp_path / "out.partial" / "r03-00000.part"
    if damage == "cut":
        os.truncate(part, part.stat().st_size - 1)
    else:
        part.unlink()
    write_dataset(make_source(images), options(16), str(out), shuffle=False)
    assert "starting over" in capsys.readouterr().out
    assert contents(out) == contents(undisturbed)


def test_what_the_journal_does_not_tell_of_is_cut_off(tmp_path, small_chunks, capsys):
    images = list(noise(10, 16))
    undisturbed = tmp_path / "undisturbed" / "out"
    write_dataset(make_source(images), options(16), str(undisturbed), shuffle=False)
    for good in (5, 9):
        broken = make_source([*images[:good], RuntimeError(), *images[good + 1 :]])
        with pytest.raises(RuntimeError):
            write_dataset(broken, options(16), str(tmp_path / "out"), shuffle=False)
        for path in (tmp_path / "out.partial").iterdir():
            with path.open("ab") as file:
                file.write(b'{"next": 10, "files"')  # half a line, or half a record
    capsys.readouterr()
    write_dataset(make_source(images), options(16), str(tmp_path / "out"), shuffle=False)
    assert "resuming after 8 pictures" in capsys.readouterr().out
    assert contents(tmp_path / "out") == contents(undisturbed)


@pytest.mark.parametrize("step", ["rename", "remove"])
def test_an_end_between_the_last_steps_is_made_good(tmp_path, monkeypatch, step, capsys):
    source = make_source(noise(5, 16), labels=one_hot([0, 1, 0, 1, 0], 2))
    undisturbed = tmp_path / "undisturbed" / "out"
    write_dataset(source, options(16), str(undisturbed), shard_bytes=2000)
    with monkeypatch.context() as patch:
        if step == "rename":
            patch.setattr(writer, "put_in_place", lambda *_: 1 / 0)
        else:
            patch.setattr(writer.os, "remove", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            write_dataset(source, options(16), str(tmp_path / "out"), shard_bytes=2000)
    capsys.readouterr()
    assert write_dataset(source, options(16), str(tmp_path / "out"), shard_bytes=2000)
    assert "starting over" not in capsys.readouterr().out
    assert contents(tmp_path / "out") == contents(undisturbed)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "undisturbed"]


def test_two_at_once_are_refused(tmp_path):
    source = make_source(noise(3))
    out = tmp_path / "out"
    busy = pytest.raises(UserError, match="another process is converting into it")
    with journal.open_journal(f"{out}.partial", {}), busy:
        write_dataset(source, options(), str(out))
    assert write_dataset(source, options(), str(out)).num_images == 3


def test_a_partial_folder_of_other_things_is_left_alone(tmp_path):
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "out.partial" / "diary.txt").write_text("dear")
    with pytest.raises(UserError, match=r"found diary\.txt: move it away"):
        write_dataset(make_source(noise(3)), options(), str(tmp_path / "out"))
    assert (tmp_path / "out.partial" / "diary.txt").read_text() == "dear"


def test_a_disk_that_fills_up_is_an_error_and_goes_on_later(tmp_path, monkeypatch, small_chunks):
    source = make_source(noise(20, 16))
    undisturbed = tmp_path / "undisturbed" / "out"
    write_dataset(source, options(16), str(undisturbed))
    out = tmp_path / "out"
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
            write_dataset(source, options(16), str(out))
    assert not out.exists()
    write_dataset(source, options(16), str(out))
    assert contents(out) == contents(undisturbed)


def test_a_remote_folder_is_made_by_way_of_a_local_one(tmp_path, monkeypatch):
    monkeypatch.setattr(out_folder.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    source = make_source(noise(5, 16), labels=one_hot([0, 1, 0, 1, 0], 2))
    local = tmp_path / "local" / "out"
    write_dataset(source, options(16), str(local))
    out = tmp_path / "bucket" / "out"

    def fail(old, new, overwrite):
        if new.endswith("r04.tfrecords"):
            raise tf.errors.UnavailableError(None, None, "no connection")
        shutil.copy(old, out)

    with monkeypatch.context() as patch:
        patch.setattr(tf.io.gfile, "copy", fail)
        with pytest.raises(UserError, match=r"no connection: .*; the same command"):
            write_dataset(source, options(16), f"file://{out}")
    with pytest.raises(UserError, match="conversion has not ended"):
        read_dataset_info(str(out))
    info = write_dataset(source, options(16), f"file://{out}")
    assert info.num_images == 5
    assert contents(out) == contents(local)
    assert list((tmp_path / "tmp").iterdir()) == []
    with pytest.raises(UserError, match="it holds files"):
        write_dataset(source, options(16), f"file://{out}")


def test_what_was_converted_when_files_were_called_as_their_folder_stays(
    tmp_path, small_chunks, capsys
):
    images, out = list(noise(10, 16)), tmp_path / "out"
    with pytest.raises(RuntimeError):
        write_dataset(make_source([*images, RuntimeError()], name="out"), options(16), str(out))
    capsys.readouterr()
    whole = dataclasses.replace(make_source([*images, "torn"]), name="pictures")
    info = write_dataset(whole, options(16), str(out))
    assert "resuming after 8 pictures" in capsys.readouterr().out
    assert info.name == "out"
    before = contents(out)
    assert write_dataset(dataclasses.replace(whole, name="other"), options(16), str(out)) == info
    assert contents(out) == before
