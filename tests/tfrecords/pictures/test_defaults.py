import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from tests.helpers.made_source import encode, make_source, noise, options
from tests.helpers.picture_files import deep_png, deep_tiff
from tests.tfrecords.pictures.test_depth import COLORS, RAMP
from tfrecords.common.errors import UserError
from tfrecords.format.dataset_json import read_details
from tfrecords.format.identity import compute_fingerprint
from tfrecords.pictures.defaults import choose_resolution, fill_defaults
from tfrecords.pictures.images import prepare_picture
from tfrecords.writing.writer import write_dataset

BLACK = encode(np.zeros((8, 8, 3), np.uint8))


def made(*pictures):
    return dataclasses.replace(make_source(pictures), opens_fast=True)


@pytest.mark.parametrize(
    ("pixels", "level"),
    [
        (RAMP.astype("u2") // 20, 255),
        (RAMP.astype("u2"), 4095),
        (RAMP.astype("u2") * 16, 65535),
        (RAMP.astype("i4") * 100, 2**19 - 1),
        (RAMP.astype("f4") / 4095, 1),
        (RAMP.astype("f4") / 4095 * 255.5, 1023),
    ],
)
def test_the_white_level_is_that_of_all_pictures_and_told(pixels, level, capsys):
    darker = deep_tiff(pixels // 7 if pixels.dtype.kind != "f" else pixels / 7)
    filled = fill_defaults(made(BLACK, darker, deep_tiff(pixels)), options(8))
    assert filled.white_level == level
    line = capsys.readouterr().out
    assert line.startswith(f"Taking {level:,g} for white in pictures of more than 8 bits: of 2 ")
    # The dark one stays a seventh as bright as the other.
    bright, dark = (prepare_picture(one, filled).max() for one in (deep_tiff(pixels), darker))
    assert abs(bright / 7 - dark) <= 1


def test_a_given_white_level_is_taken_and_kept_with_the_dataset(tmp_path, capsys):
    source = made(deep_png(COLORS))
    filled = fill_defaults(source, options(8, white_level=1000.0))
    assert capsys.readouterr().out.startswith("Taking 1,000 for white")
    write_dataset(source, filled, str(tmp_path / "out"), processes=1)
    assert read_details(str(tmp_path / "out"))["options"]["white_level"] == 1000


def test_floating_and_whole_numbers_of_two_ranges_are_not_mixed():
    source = made(deep_tiff(RAMP.astype("u2")), deep_tiff(RAMP.astype("f4") / 4095))
    with pytest.raises(UserError, match=r"whole numbers up to 4,095 and floating .* up to 1: give"):
        fill_defaults(source, options(8))


def test_8_bit_pictures_need_no_white_level_and_keep_their_fingerprint(capsys):
    source = made(BLACK)
    filled = fill_defaults(source, options(8))
    assert (filled.white_level, capsys.readouterr().out) == (None, "")
    # What was found before there were white levels.
    assert json.dumps(filled.to_json(), sort_keys=True) == (
        '{"allow_upscaling": false, "background": [255, 255, 255], "fit": "crop", '
        '"num_channels": 3, "resolution": 8}'
    )
    levels = (None, 65535, 4095)
    prints = {one: compute_fingerprint(source, options(8, white_level=one)) for one in levels}
    assert prints[None] == prints[65535] != prints[4095]


def open_same():
    return lambda index: np.zeros((16, 16), np.uint8)


def test_smaller_pictures_are_enlarged_only_if_nobody_asked_for_the_resolution(capsys):
    images = [*noise(3, 40), *noise(2, 9), encode(Image.new("RGB", (33, 38))), "torn"]
    source = make_source(images)
    chosen = fill_defaults(source, options(None, allow_upscaling=None))
    assert (chosen.resolution, chosen.allow_upscaling) == (32, True)
    assert "half of the pictures reach (6 of 7 looked at)" in capsys.readouterr().out
    assert fill_defaults(source, options(8, allow_upscaling=None)) == options(8)
    alike = make_source(images, sample_sizes=lambda: [(40, 40)])
    many = make_source(noise(1), num_pictures=10**6, open=open_same)
    assert [fill_defaults(one, options(None)).resolution for one in (alike, many)] == [32, 16]
    out = capsys.readouterr().out
    assert "Taking 32 px, the pictures have 40 px" in out
    assert "(1,000 of 1,000,000 looked at)" in out
    with pytest.raises(UserError, match="expected pictures that can be read, got none"):
        fill_defaults(make_source(["torn"]), options(None))


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        *(([64], 64), ([63], 32), ([64, 100, 256, 300], 256), ([64, 100, 255, 300], 128)),
        *(([3000] * 3, 1024), ([2], 4), ([16, 16, 8], 16), ([16, 8, 8], 8)),
    ],
)
def test_the_resolution_is_what_half_of_the_pictures_reach(sides, expected):
    assert choose_resolution([(side, side + 7) for side in sides]) == expected
