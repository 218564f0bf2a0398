import io

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
    image, _ = prepare(deep_png(pixels, bits, clear=pixels[0, 0]), background=(10, 200, 30))
    assert (image == (10, 200, 30)).all()
    if bits == 16:  # the same upper bytes are another color
        pixels[..., 2] = 8
        image, _ = prepare(deep_png(pixels, bits, clear=(2**bits - 1, 0, 7)))
        assert (image == (255, 0, 0)).all()


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_12_bits_in_a_16_bit_png_fill_8(channels):
    pixels = {1: RAMP, 3: COLORS}.get(channels)
    if channels in (2, 4):
        pixels = np.concatenate([COLORS[..., : channels - 1], np.full((8, 8, 1), 65535)], -1)
    image, notes = prepare(deep_png(pixels), white_level=4095)
    expected = np.rint(np.atleast_3d(pixels)[..., : 3 if channels > 2 else 1] / 4095 * 255)
    np.testing.assert_array_equal(image, np.broadcast_to(expected, (8, 8, 3)))
    assert notes == []


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["u2", "i2", "i4", "f4", "color", "turned"])
def test_numbers_of_every_type_in_a_tiff_are_scaled_by_the_white_level(kind, order):
    data, expected = {
        "color": (COLORS.astype("u2"), np.rint(COLORS / 4095 * 255)),
        "turned": (RAMP.astype("u2"), EIGHT_BITS[::-1, ::-1, None]),
    }.get(kind) or (RAMP.astype(kind), EIGHT_BITS[..., None])
    turn = 3 if kind == "turned" else 1
    image, notes = prepare(deep_tiff(data, order, orientation=turn), white_level=4095)
    np.testing.assert_array_equal(image, np.broadcast_to(expected, (8, 8, 3)))
    assert notes == []


def test_compressed_and_inverted_tiffs_are_read_as_they_are_meant():
    data = deep_tiff(RAMP.astype("u2"), white_is_zero=True)
    np.testing.assert_array_equal(prepare(data, white_level=4095)[0][..., 0], 255 - EIGHT_BITS)
    for compression in ("tiff_lzw", "tiff_deflate"):
        data = encode(Image.fromarray(RAMP.astype(np.uint16)), "TIFF", compression=compression)
        np.testing.assert_array_equal(prepare(data, white_level=4095)[0][..., 0], EIGHT_BITS)


def test_files_that_tell_their_range_go_by_it():
    gray = b"P5 8 8 4095\n" + RAMP.astype(">u2").tobytes()
    rgb = b"P6 8 8 4095\n" + COLORS.astype(">u2").tobytes()
    packed = deep_tiff(RAMP.astype("u2"), packed=True)
    for level in (None, 1023):
        np.testing.assert_array_equal(prepare(packed, white_level=level)[0][..., 0], EIGHT_BITS)
        np.testing.assert_array_equal(prepare(gray, white_level=level)[0][..., 0], EIGHT_BITS)
        assert np.abs(prepare(rgb, white_level=level)[0] - COLORS / 4095 * 255).max() <= 1


def test_what_has_no_place_in_the_range_is_rejected_or_told():
    for pixels, reason in (
        (RAMP.astype("f4") * np.nan, "not finite"),
        ((RAMP - 2000).astype("i2"), "go down to -2000, expected 0 to 4095"),
    ):
        with pytest.raises(UserError, match=rf"^x: cannot be read: .*{reason}"):
            prepare(deep_tiff(pixels), white_level=4095)
    assert prepare(deep_tiff((RAMP - 16).astype("i2")), white_level=4095)[0].min() == 0
    with pytest.raises(UserError, match="go down to -17, expected 0 to 4095"):
        prepare(deep_tiff((RAMP - 17).astype("i2")), white_level=4095)
    with pytest.raises(UserError, match=r"floating point numbers .* give --white_level"):
        prepare(deep_tiff(RAMP.astype("f4")))
    image, notes = prepare(deep_tiff(RAMP.astype("u2")), white_level=1023)
    assert image.max() == 255
    assert notes == [depth.BRIGHTER]
    for data in (deep_tiff(RAMP.astype("u2")), deep_png(COLORS)):
        assert prepare(data)[1] == [depth.DARK]
        assert prepare(data, white_level=65535.0)[1] == []
    for brightest, notes in ((63, [depth.DARK]), (64, [])):  # a quarter of 256
        assert prepare(deep_png(np.full((8, 8, 3), 256 * brightest)))[1] == notes


def test_full_range_color_is_read_as_before():
    pixels = np.random.default_rng(0).integers(0, 65536, (8, 8, 3))
    expected = np.asarray(Image.open(io.BytesIO(deep_png(pixels))))
    np.testing.assert_array_equal(prepare(deep_png(pixels))[0], expected)
    np.testing.assert_array_equal(expected, pixels >> 8)
