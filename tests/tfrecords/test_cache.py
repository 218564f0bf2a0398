import contextlib
import json
import pathlib
import re
import threading

import numpy as np
import pytest
from PIL import Image

from tests.helpers.made_source import contents, encode, make_source, noise, options
from tests.helpers.places import TESTS
from tfrecords import cache
from tfrecords.cache import prepare
from tfrecords.common.errors import UserError
from tfrecords.pictures.defaults import fill_defaults
from tfrecords.pictures.images import prepare_picture
from tfrecords.pictures.source import PictureOptions
from tfrecords.sources.by_name import open_source
from tfrecords.writing import writer
from tfrecords.writing.journal import open_journal
from tfrecords.writing.writer import write_dataset

GOLDEN = TESTS / "golden" / "tfrecords"


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        Image.new("RGB", (20, 20), (number, 0, 0)).save(folder / f"{number}.png")
    return folder


def test_a_dataset_folder_is_used_in_place(tmp_path, capsys):
    info = prepare(str(GOLDEN / "shuffle0"), str(tmp_path / "cache"), PictureOptions())
    assert info.files[4] == (str(GOLDEN / "shuffle0" / "shuffle0-r02.tfrecords"),)
    assert not (tmp_path / "cache").exists()
    assert capsys.readouterr().out == ""


def test_pictures_are_converted_once(pictures, tmp_path, capsys):
    first = prepare(str(pictures), str(tmp_path / "cache"), PictureOptions(8))
    line = capsys.readouterr().out
    assert line.startswith("Converting 3 pictures of ")
    assert re.search(r", once, about [\d.]+ KiB\n$", line)
    assert line.count("\n") == 1
    (folder,) = (tmp_path / "cache").iterdir()
    fingerprint = json.loads((folder / "dataset.json").read_text())["fingerprint"]
    assert folder.name == f"pictures-8px-{fingerprint[:8]}"
    assert (first.name, first.num_images, first.resolution) == ("pictures", 3, 8)
    assert first.encoding == "png"

    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert prepare(str(pictures), str(tmp_path / "cache"), PictureOptions(8)) == first
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    line = capsys.readouterr().out
    assert line.startswith(f"Using {folder}")
    assert line.count("\n") == 1


def test_changed_pictures_or_options_are_converted_again(pictures, tmp_path):
    arguments = (str(pictures), str(tmp_path / "cache"))
    prepare(*arguments, PictureOptions(8))
    prepare(*arguments, PictureOptions(8, background=(0, 0, 0)))
    prepare(*arguments, PictureOptions(8, fit="stretch"))
    Image.new("RGB", (20, 20)).save(pictures / "new.png")
    assert prepare(*arguments, PictureOptions(8)).num_images == 4
    assert len(list((tmp_path / "cache").iterdir())) == 4


def test_the_resolution_is_chosen_by_the_pictures_and_the_choice_is_told(
    pictures, tmp_path, capsys
):
    Image.new("RGB", (9, 9)).save(pictures / "small.png")
    info = prepare(str(pictures), str(tmp_path / "cache"), PictureOptions())
    line = capsys.readouterr().out.splitlines()[0]
    assert line == (
        "Taking 16 px, the largest power of two that half of the pictures reach (4 of 4 looked at)"
    )
    assert (info.resolution, info.num_images) == (16, 4)  # where half may be enlarged


def test_sources_that_cannot_tell_sizes_are_read(capsys):
    images = [*noise(3, 40), *noise(2, 9), encode(Image.new("RGB", (33, 38))), "torn"]
    settled = fill_defaults(make_source(images), PictureOptions())
    assert (settled.resolution, settled.allow_upscaling) == (32, True)
    assert "(6 of 7 looked at)" in capsys.readouterr().out
    with pytest.raises(UserError, match="expected pictures that can be read, got none"):
        fill_defaults(make_source(["torn"]), PictureOptions())
    many = make_source(noise(1, 16), num_pictures=10**6, open=OpenSame())
    assert fill_defaults(many, PictureOptions()).resolution == 16
    assert "(1,000 of 1,000,000 looked at)" in capsys.readouterr().out


class OpenSame:
    def __call__(self):
        return lambda index: np.zeros((16, 16), np.uint8)


def test_an_interrupted_conversion_goes_on(pictures, tmp_path, monkeypatch, capsys):
    cached = str(tmp_path / "cache")
    whole = prepare(str(pictures), str(tmp_path / "undisturbed"), PictureOptions(8))
    monkeypatch.setattr(writer, "_CHUNK_PICTURES", 1)
    monkeypatch.setattr(writer.os, "sched_getaffinity", lambda _: {0})
    calls = []

    def convert(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return prepare_picture(*arguments)

    monkeypatch.setattr("tfrecords.writing.convert.prepare_picture", convert)
    with pytest.raises(KeyboardInterrupt):
        prepare(str(pictures), cached, PictureOptions(8))
    capsys.readouterr()
    info = prepare(str(pictures), cached, PictureOptions(8))
    assert "resuming after 2 pictures" in capsys.readouterr().out
    assert len(calls) == 4
    assert contents(pathlib.Path(info.folder)) == contents(pathlib.Path(whole.folder))


def test_of_two_processes_that_convert_the_second_uses_the_firsts(pictures, tmp_path, monkeypatch):
    def overtaken(source, options, out_dir, **named):
        write_dataset(source, options, out_dir, **named)
        return write_dataset(source, options, out_dir, **named)

    monkeypatch.setattr(cache, "write_dataset", overtaken)
    info = prepare(str(pictures), str(tmp_path / "cache"), PictureOptions(8))
    assert info.num_images == 3


def test_another_process_that_converts_is_waited_for(pictures, tmp_path, monkeypatch, capsys):
    first = prepare(str(pictures), str(tmp_path / "first"), PictureOptions(8))
    monkeypatch.setattr(cache, "_WAIT_SECONDS", 0.02)
    partial = tmp_path / "cache" / f"{pathlib.Path(first.folder).name}.partial"
    stack = contextlib.ExitStack()
    stack.enter_context(open_journal(str(partial), {}))
    threading.Timer(0.3, stack.close).start()
    info = prepare(str(pictures), str(tmp_path / "cache"), PictureOptions(8))
    assert info.num_images == 3
    assert capsys.readouterr().out.count("Waiting for another process") == 1


def test_pictures_that_are_left_out_are_told_of(pictures, tmp_path, capsys):
    (pictures / "torn.png").write_bytes(b"torn")
    info = prepare(str(pictures), str(tmp_path / "cache"), PictureOptions(8))
    assert (info.num_images, info.num_rejected) == (3, 1)
    out = capsys.readouterr().out
    assert f"Skipped 1 of 4 pictures, see {info.folder}/rejected.jsonl" in out


def test_shapes_and_errors(tmp_path):
    info = prepare("shapes", str(tmp_path), PictureOptions(4, 1), encoding="raw")
    assert (info.num_images, info.num_channels, info.label_size) == (3888, 1, 6)
    assert info.encoding == "raw"
    assert info.label_names == open_source("shapes", resolution=4).label_names
    with pytest.raises(UserError, match="no such folder"):
        prepare(str(tmp_path / "absent"), str(tmp_path), PictureOptions())
    unfinished = tmp_path / "unfinished"
    with open_journal(str(unfinished), {}):
        pass
    with pytest.raises(UserError, match="conversion has not ended"):
        prepare(str(unfinished), str(tmp_path), options())


@pytest.mark.parametrize(
    ("wanted", "labels", "message"),
    [
        (PictureOptions(64), None, "resolution 64, found 4, 8, 16, 32 px"),
        (PictureOptions(num_channels=1), None, "--channels=rgb"),
        (PictureOptions(), "folders", "labels"),
    ],
)
def test_tfrecords_that_lack_what_is_asked_for_are_refused(wanted, labels, message, tmp_path):
    with pytest.raises(UserError, match=message):
        prepare(str(GOLDEN / "shuffle0"), str(tmp_path), wanted, labels=labels)
    assert prepare(str(GOLDEN / "shuffle0"), str(tmp_path), PictureOptions(), labels="none")
