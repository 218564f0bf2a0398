import contextlib
import json
import pathlib
import re
import shutil
import threading

import pytest
from PIL import Image

from tests.helpers.made_source import contents
from tests.helpers.places import TESTS
from tests.helpers.source_helpers import assert_user_error
from tfrecords import cache
from tfrecords.cache import find, find_converted, prepare
from tfrecords.common.errors import UserError
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


def test_pictures_are_converted_once(convert, pictures, tmp_path, capsys):
    (pictures / "torn.png").write_bytes(b"torn")
    first = convert(8)
    (folder,) = (tmp_path / "cache").iterdir()
    out = capsys.readouterr().out
    assert re.match(r"Converting 4 pictures of .*, once, about [\d.]+ KiB\n", out)
    assert f"Skipped 1 of 4 pictures, see {folder}/rejected.jsonl" in out
    fingerprint = json.loads((folder / "dataset.json").read_text())["fingerprint"]
    assert folder.name == f"pictures-8px-{fingerprint[:8]}"
    assert (first.name, first.num_images, first.num_rejected) == ("pictures", 3, 1)
    assert (first.resolution, first.encoding) == (8, "png")

    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert convert(8) == first
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert re.fullmatch(f"Using {folder}, converted from .*\n", capsys.readouterr().out)


def test_changed_pictures_or_options_are_converted_again(convert, pictures, tmp_path):
    for options in ({}, {"background": (0, 0, 0)}, {"fit": "stretch"}):
        convert(8, **options)
    Image.new("RGB", (20, 20)).save(pictures / "new.png")
    assert convert().resolution == 16  # which half of them reach
    assert convert(8).num_images == 4
    assert len(list((tmp_path / "cache").iterdir())) == 5


def test_of_two_processes_that_convert_the_second_uses_the_firsts(convert, monkeypatch):
    def overtaken(*arguments, **named):
        write_dataset(*arguments, **named)
        raise UserError("it holds files")

    monkeypatch.setattr(cache, "write_dataset", overtaken)
    assert convert(8).num_images == 3


def test_another_process_that_converts_is_waited_for(convert, monkeypatch, capsys):
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


def test_a_dataset_that_lacks_what_is_asked_for_is_refused(tmp_path):
    for options, labels, words in (
        (PictureOptions(64), None, "resolution 64, found 4, 8, 16, 32 px"),
        (PictureOptions(num_channels=1), None, "--channels=rgb"),
        (PictureOptions(), "folders", "labels"),
    ):
        assert_user_error(words, prepare, str(GOLDEN), str(tmp_path), options, labels=labels)
