import json
import pathlib

import pytest
from PIL import Image

from tfrecords import cache
from tfrecords.cache import prepare
from tfrecords.errors import UserError
from tfrecords.sources import open_source
from tfrecords.writer import write_dataset

GOLDEN = pathlib.Path(__file__).parent / "golden" / "tfrecords"


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        Image.new("RGB", (20, 20), (number, 0, 0)).save(folder / f"{number}.png")
    return folder


def test_a_dataset_folder_is_used_in_place(tmp_path, capsys):
    info = prepare(str(GOLDEN / "shuffle0"), str(tmp_path / "cache"))
    assert info.files[4] == (str(GOLDEN / "shuffle0" / "shuffle0-r02.tfrecords"),)
    assert not (tmp_path / "cache").exists()
    assert capsys.readouterr().out == ""


def test_pictures_are_converted_once(pictures, tmp_path, capsys):
    first = prepare(str(pictures), str(tmp_path / "cache"), 8)
    line = capsys.readouterr().out
    assert line.startswith("Converting 3 pictures of ")
    assert line.count("\n") == 1
    (folder,) = (tmp_path / "cache").iterdir()
    fingerprint = json.loads((folder / "dataset.json").read_text())["fingerprint"]
    assert folder.name == f"pictures-8px-{fingerprint[:8]}"
    assert (first.name, first.num_images, first.resolution) == ("pictures", 3, 8)

    assert prepare(str(pictures), str(tmp_path / "cache"), 8) == first
    line = capsys.readouterr().out
    assert line.startswith(f"Using {folder}")
    assert line.count("\n") == 1


def test_changed_pictures_or_options_are_converted_again(pictures, tmp_path):
    arguments = (str(pictures), str(tmp_path / "cache"), 8)
    prepare(*arguments)
    prepare(*arguments, background=(0, 0, 0))
    Image.new("RGB", (20, 20)).save(pictures / "new.png")
    assert prepare(*arguments).num_images == 4
    assert len(list((tmp_path / "cache").iterdir())) == 3


def test_of_two_processes_that_convert_the_second_uses_the_firsts(pictures, tmp_path, monkeypatch):
    def overtaken(source, out_dir, **options):
        write_dataset(source, out_dir, **options)
        return write_dataset(source, out_dir, **options)

    monkeypatch.setattr(cache, "write_dataset", overtaken)
    assert prepare(str(pictures), str(tmp_path / "cache"), 8).num_images == 3


def test_shapes_and_errors(tmp_path):
    info = prepare("shapes", str(tmp_path), 4, 1)
    assert (info.num_images, info.num_channels, info.label_size) == (3888, 1, 6)
    assert info.label_names == open_source("shapes", 4, 1).label_names
    with pytest.raises(UserError, match="no such folder"):
        prepare(str(tmp_path / "absent"), str(tmp_path))


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"resolution": 64}, "resolution 64, found 4, 8, 16, 32 px"),
        ({"num_channels": 1}, "--channels=rgb"),
        ({"labels": True}, "labels"),
    ],
)
def test_tfrecords_that_lack_what_is_asked_for_are_refused(wanted, message, tmp_path):
    with pytest.raises(UserError, match=message):
        prepare(str(GOLDEN / "shuffle0"), str(tmp_path), **wanted)
