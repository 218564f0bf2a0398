import contextlib
import json
import pathlib
import re
import shutil
import threading

import numpy as np
import pytest
from PIL import Image

from tests.helpers.made_source import contents, encode, make_source, noise
from tests.helpers.places import TESTS
from tfrecords import cache
from tfrecords.cache import find, find_converted, prepare
from tfrecords.common.errors import UserError
from tfrecords.pictures.defaults import fill_defaults
from tfrecords.pictures.source import PictureOptions
from tfrecords.writing.journal import open_journal
from tfrecords.writing.writer import write_dataset

GOLDEN = TESTS / "golden" / "tfrecords" / "shuffle0"


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        Image.new("RGB", (20, 20), (number, 0, 0)).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def convert(pictures, tmp_path):
    """Prepares the pictures with some options."""
    return lambda *options, **named: prepare(
        str(pictures), str(tmp_path / "cache"), PictureOptions(*options, **named)
    )


def test_a_dataset_folder_is_used_in_place(tmp_path, capsys):
    info = prepare(str(GOLDEN), str(tmp_path / "cache"), PictureOptions(), labels="none")
    assert info.files[4] == (str(GOLDEN / "shuffle0-r02.tfrecords"),)
    assert not (tmp_path / "cache").exists()
    assert capsys.readouterr().out == ""


def test_pictures_are_converted_once(convert, tmp_path, capsys):
    first = convert(8)
    line = capsys.readouterr().out
    assert re.fullmatch(r"Converting 3 pictures of .*, once, about [\d.]+ KiB\n", line)
    (folder,) = (tmp_path / "cache").iterdir()
    fingerprint = json.loads((folder / "dataset.json").read_text())["fingerprint"]
    assert folder.name == f"pictures-8px-{fingerprint[:8]}"
    assert (first.name, first.num_images, first.resolution) == ("pictures", 3, 8)
    assert first.encoding == "png"

    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert convert(8) == first
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert re.fullmatch(f"Using {folder}, converted from .*\n", capsys.readouterr().out)


def test_changed_pictures_or_options_are_converted_again(convert, pictures, tmp_path):
    for options in ({}, {"background": (0, 0, 0)}, {"fit": "stretch"}):
        convert(8, **options)
    Image.new("RGB", (20, 20)).save(pictures / "new.png")
    assert convert(8).num_images == 4
    assert len(list((tmp_path / "cache").iterdir())) == 4


def test_the_resolution_is_chosen_by_the_pictures_and_the_choice_is_told(convert, pictures, capsys):
    Image.new("RGB", (9, 9)).save(pictures / "small.png")
    info = convert()
    assert (info.resolution, info.num_images) == (16, 4)  # where half may be enlarged
    line = "Taking 16 px, the largest power of two that half of the pictures reach (4 of 4 looked "
    assert capsys.readouterr().out.startswith(line)


def test_of_two_processes_that_convert_the_second_uses_the_firsts(convert, monkeypatch):
    def overtaken(*arguments, **named):
        write_dataset(*arguments, **named)
        raise UserError("it holds files")

    monkeypatch.setattr(cache, "write_dataset", overtaken)
    assert convert(8).num_images == 3


def test_another_process_that_converts_is_waited_for(convert, tmp_path, monkeypatch, capsys):
    cached = pathlib.Path(convert(8).folder)
    expected = contents(cached)
    shutil.rmtree(cached)
    monkeypatch.setattr(cache, "_WAIT_SECONDS", 0.02)
    with contextlib.ExitStack() as stack:
        stack.enter_context(open_journal(f"{cached}.partial", {}))
        timer = threading.Timer(0.3, stack.close)
        timer.start()
        convert(8)
        timer.join()
    assert contents(cached) == expected
    assert capsys.readouterr().out.count("Waiting for another process") == 1


def test_pictures_that_are_skipped_are_told_of(convert, pictures, capsys):
    (pictures / "torn.png").write_bytes(b"torn")
    info = convert(8)
    assert (info.num_images, info.num_rejected) == (3, 1)
    out = capsys.readouterr().out
    assert f"Skipped 1 of 4 pictures, see {info.folder}/rejected.jsonl" in out


def test_what_will_be_converted_is_told_before(tmp_path, capsys):
    named = {"labels": "wanted", "labels_note": " (used)", "encoding": "raw"}
    found = find("shapes", PictureOptions(4, 1), **named)
    assert find_converted(found, str(tmp_path)) is None
    assert not list(tmp_path.iterdir())
    info = cache.convert(found, str(tmp_path))
    assert find_converted(found, str(tmp_path)) == info
    for one in (info, found.info):
        assert (one.name, one.num_images, one.num_channels) == ("shapes", 3888, 1)
        assert (one.resolution, one.label_size, one.encoding) == (4, 6, "raw")
        assert one.label_names == info.label_names
    assert re.match("Classes: 6, .* \\(used\\)\n", capsys.readouterr().out)


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
        prepare(str(GOLDEN), str(tmp_path), wanted, labels=labels)


def test_what_is_missing_or_unfinished_is_refused(tmp_path):
    with open_journal(str(tmp_path / "unfinished"), {}):
        pass
    for name, words in (("absent", "no such folder"), ("unfinished", "conversion has not ended")):
        with pytest.raises(UserError, match=words):
            prepare(str(tmp_path / name), str(tmp_path), PictureOptions(8))


def open_same():
    return lambda index: np.zeros((16, 16), np.uint8)


def test_sources_that_cannot_tell_sizes_are_read(capsys):
    images = [*noise(3, 40), *noise(2, 9), encode(Image.new("RGB", (33, 38))), "torn"]
    filled = fill_defaults(make_source(images), PictureOptions())
    assert (filled.resolution, filled.allow_upscaling) == (32, True)
    assert "(6 of 7 looked at)" in capsys.readouterr().out
    with pytest.raises(UserError, match="expected pictures that can be read, got none"):
        fill_defaults(make_source(["torn"]), PictureOptions())
    many = make_source(noise(1, 16), num_pictures=10**6, open=open_same)
    assert fill_defaults(many, PictureOptions()).resolution == 16
    assert "(1,000 of 1,000,000 looked at)" in capsys.readouterr().out
