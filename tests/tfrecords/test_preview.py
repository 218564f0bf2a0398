"""What is said of pictures before they are converted, and what is refused then already."""

import collections
import shutil

import pytest

from tests.helpers.source_helpers import save
from tfrecords.cache import convert, find
from tfrecords.common.errors import UserError
from tfrecords.pictures.source import PictureOptions
from tfrecords.preview import describe_data


@pytest.fixture
def describe(tmp_path, monkeypatch):
    """Describes the folder `pictures`, at 8 px unless said otherwise."""
    monkeypatch.chdir(tmp_path)
    return lambda side=8, **options: describe_data(
        find("pictures", PictureOptions(side, **options)), "cache"
    )


def test_kind_number_size_and_classes_are_said_and_nothing_is_written(describe, tmp_path):
    for number in range(3):
        save(tmp_path / f"pictures/cat/{number}.png", (20 + number, 40), number)
        save(tmp_path / f"pictures/dog/{number}.png", (30, 30), number)
    about, classes, conversion = describe()
    assert about == "Data: pictures, a folder: 6 pictures, the smallest with 20 px"
    assert classes == "With --conditional: Classes: 2, cat (3 pictures), dog (3)"
    assert conversion.startswith("Conversion: once, before training, to 8 px in cache, about ")
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]


def test_what_would_be_skipped_is_said_and_where_nothing_is_left_refused(describe, tmp_path):
    save(tmp_path / "pictures/large.png", (16, 16))
    save(tmp_path / "pictures/small.png", (4, 4))
    (tmp_path / "pictures/torn.png").write_bytes(b"torn")
    *_, skipped = describe()
    assert skipped.startswith("Skipped will be: 2 known already (3 pictures tried), such as")
    with pytest.raises(UserError) as of_conversion:
        convert(find("pictures", PictureOptions(64)), "cache")
    with pytest.raises(UserError) as before:
        describe(64)
    assert str(before.value) == str(of_conversion.value)
    assert "all 3 were rejected" in str(before.value)


def test_a_full_disk_is_said_before(describe, tmp_path, monkeypatch):
    save(tmp_path / "pictures/one.png", (8, 8))
    usage = collections.namedtuple("usage", "total used free")(100, 95, 5)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(UserError, match="free disk, got 5 bytes"):
        describe()


def test_what_was_converted_is_found_again(describe, tmp_path):
    save(tmp_path / "pictures/one.png", (8, 8))
    made = convert(find("pictures", PictureOptions(8)), "cache")
    cached = made.folder.rpartition("/")[2]
    assert describe()[-1] == f"Conversion: was done before, in cache/{cached}"
    save(tmp_path / "pictures/one.png", (8, 8), seed=1)
    assert describe()[-1].startswith("Conversion: once")
