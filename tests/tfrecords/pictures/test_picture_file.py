import io

import numpy as np
import pytest
from PIL import Image

from tests.helpers.places import TESTS
from tfrecords.common.errors import UserError
from tfrecords.inspecting.contact_sheet import show
from tfrecords.pictures.kinds import check_picture_name, encode_picture, is_file_name

GOLDEN = str(TESTS / "golden" / "tfrecords" / "shuffle0")
SMOOTH = np.add.outer(np.arange(40), np.arange(30))[..., None].repeat(3, -1).astype(np.uint8)


@pytest.mark.parametrize(
    ("ending", "kind", "most"), [("png", "PNG", 0), ("JPG", "JPEG", 2), ("webp", "WEBP", 0)]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_is_written_as_its_ending_says(ending, kind, most, channels):
    picture = SMOOTH[..., :channels]
    image = Image.open(io.BytesIO(encode_picture(picture, f"a.{ending}")))
    assert image.format == kind
    pixels = np.asarray(image.convert("RGB" if channels == 3 else "L")).reshape(picture.shape)
    assert np.abs(pixels.astype(int) - picture).max() <= most


@pytest.mark.parametrize("name", ["x.txt", "x", "x.gif", "x.png.", ".", "", "png"])
def test_other_endings_are_refused_with_the_known_ones(name):
    expected = r"^out: expected .*NAME\.png or NAME\.jpg or NAME\.jpeg or NAME\.webp, got"
    with pytest.raises(UserError, match=expected):
        check_picture_name(name, "out")


def test_a_picture_that_is_too_large_for_its_format_is_an_error():
    with pytest.raises(UserError, match=r"^a\.webp: expected at most 16,383 px a side, got 20,000"):
        encode_picture(np.zeros((1, 20_000, 1), np.uint8), "a.webp")


def test_names_of_files_are_told_from_names_of_folders():
    assert all(map(is_file_name, ("x.txt", "a/b.jpg", "x.MP4", "x.html")))
    assert not any(map(is_file_name, ("pictures", "lr-0.001", "run.2", "x.txt/", "a.b/c")))


def test_show_writes_the_format_of_its_name_or_nothing(tmp_path):
    show(GOLDEN, str(tmp_path / "sheet.jpg"), count=4)
    assert Image.open(tmp_path / "sheet.jpg").format == "JPEG"
    with pytest.raises(UserError, match=r"NAME\.webp, got .*sheet\.xyz"):
        show(GOLDEN, str(tmp_path / "sheet.xyz"), count=4)
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.jpg"]
