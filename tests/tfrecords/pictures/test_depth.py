import numpy as np
import pytest
from PIL import Image

from tests.helpers.made_source import encode, options
from tests.helpers.picture_files import deep_png, deep_tiff
from tfrecords.common.errors import UserError
from tfrecords.pictures import depth
from tfrecords.pictures.images import prepare_picture

RAMP = np.arange(64).reshape(8, 8) * 65  # 0 to 4095
EIGHT_BITS = np.rint(RAMP / 4095 * 255)
COLORS = np.stack([RAMP, RAMP[::-1], RAMP.T], -1)


def prepare(picture, **fields):
    notes = []
    return prepare_picture(picture, options(8, **fields), "x", notes.append), notes


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_the_transparent_gray_of_a_png_counts_at_every_depth(bits):
    top = 2**bits - 1
    pixels = np.repeat([[top], [0]], 4, axis=0) * np.ones((1, 8), int)
    image, _ = prepare(deep_png(pixels, bits, clear=top), background=(10, 200, 30))
    assert (image[:4] == (10, 200, 30)).all()
    assert (image[4:] == 0).all()


@pytest.mark.parametrize("bits", [8, 16])
def test_the_transparent_color_of_a_png_counts_in_all_its_bits(bits):
    pixels = np.full((8, 8, 3), (2**bits - 1, 0, 7))
    pixels[4:, :, 2] = 8  # in 16 bits the same upper byte
    image, _ = prepare(deep_png(pixels, bits, clear=pixels[0, 0]), background=(10, 200, 30))
    assert (image[:4] == (10, 200, 30)).all()
    assert (image[4:] == (255, 0, 8 >> (bits - 8))).all()


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_12_bits_in_a_16_bit_png_fill_8(channels):
    pixels = {1: RAMP, 3: COLORS}.get(channels)
    if channels in (2, 4):
        pixels = np.concatenate([COLORS[..., : channels - 1], np.full((8, 8, 1), 65535)], -1)
    image, notes = prepare(deep_png(pixels), white_level=4095)
    expected = np.rint(np.atleast_3d(pixels)[..., : 3 if channels > 2 else 1] / 4095 * 255)
    np.testing.assert_array_equal(image, np.broadcast_to(expected, (8, 8, 3)))
    assert notes == []


GRAYS = {kind: deep_tiff(RAMP.astype(kind)) for kind in ("u2", "i2", "i4", "f4")}
GRAYS |= {f"{kind}, big": deep_tiff(RAMP.astype(kind), ">") for kind in ("u2", "i4", "f4")}
GRAYS["inverted"] = deep_tiff(4095 - RAMP.astype("u2"), white_is_zero=True)
GRAYS["turned"] = deep_tiff(RAMP[::-1, ::-1].astype("u2"), orientation=3)
for packer in ("tiff_lzw", "tiff_deflate"):
    GRAYS[packer] = encode(Image.fromarray(RAMP.astype("u2")), "TIFF", compression=packer)


@pytest.mark.parametrize("kind", GRAYS)
def test_numbers_of_every_type_in_a_tiff_are_scaled_by_the_white_level(kind):
    image, notes = prepare(GRAYS[kind], white_level=4095)
    np.testing.assert_array_equal(image, np.broadcast_to(EIGHT_BITS[..., None], (8, 8, 3)))
    assert notes == []


@pytest.mark.parametrize("level", [None, 1023])
def test_files_that_tell_their_range_go_by_it(level):
    gray = b"P5 8 8 4095\n" + RAMP.astype(">u2").tobytes()
    rgb = b"P6 8 8 4095\n" + COLORS.astype(">u2").tobytes()
    for data in (deep_tiff(RAMP.astype("u2"), packed=True), gray):
        np.testing.assert_array_equal(prepare(data, white_level=level)[0][..., 0], EIGHT_BITS)
    assert np.abs(prepare(rgb, white_level=level)[0] - COLORS / 4095 * 255).max() <= 1


@pytest.mark.parametrize(
    ("pixels", "level", "reason"),
    [
        (RAMP.astype("f4") * np.nan, 4095, "not finite"),
        ((RAMP - 2000).astype("i2"), 4095, "go down to -2000, expected 0 to 4095"),
        ((RAMP - 17).astype("i2"), 4095, "go down to -17, expected 0 to 4095"),
        (RAMP.astype("f4"), None, "floating point numbers .* give --white_level"),
    ],
)
def test_what_has_no_place_in_the_range_is_rejected(pixels, level, reason):
    with pytest.raises(UserError, match=rf"^x: cannot be read: .*{reason}"):
        prepare(deep_tiff(pixels), white_level=level)


@pytest.mark.parametrize(
    ("pixels", "level", "notes"),
    [
        (RAMP, 4095, []),
        (RAMP, 1023, [depth.BRIGHTER]),
        (RAMP, None, [depth.DARK]),
        (RAMP, 65535.0, []),
        (np.full((8, 8), 256 * 63), None, [depth.DARK]),
        (np.full((8, 8), 256 * 64), None, []),  # a quarter of what 16 bits hold
    ],
)
def test_pictures_that_are_too_bright_or_dark_are_told(pixels, level, notes):
    for data in (deep_tiff(pixels.astype("u2")), deep_png(np.stack([pixels] * 3, -1))):
        assert prepare(data, white_level=level)[1] == notes
    assert prepare(deep_tiff((RAMP - 16).astype("i2")), white_level=4095)[0].min() == 0
