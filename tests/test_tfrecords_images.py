import io

import numpy as np
import pytest
from PIL import Image

from tfrecords.errors import UserError
from tfrecords.images import convert_channels, parse_background, read_picture, smaller_side


def encode(image, **options):
    file = io.BytesIO()
    image.save(file, options.pop("format", "PNG"), **options)
    return file.getvalue()


def noise(height, width, channels=3):
    shape = (height, width, channels)
    return np.random.default_rng(3).integers(0, 256, shape, np.uint8)


def test_a_picture_of_the_right_size_is_read_unchanged():
    pixels = noise(16, 16)
    data = encode(Image.fromarray(pixels))
    np.testing.assert_array_equal(read_picture(data, 16, 3), pixels)


@pytest.mark.parametrize(
    ("mode", "colour", "rgb", "tolerance"),
    [
        ("1", 1, (255, 255, 255), 0),
        ("L", 100, (100, 100, 100), 0),
        ("LA", (100, 255), (100, 100, 100), 0),
        ("RGB", (200, 100, 50), (200, 100, 50), 0),
        ("RGBA", (200, 100, 50, 255), (200, 100, 50), 0),
        ("I;16", 100 * 257, (100, 100, 100), 0),
        ("CMYK", (55, 155, 205, 0), (200, 100, 50), 2),
    ],
)
def test_every_mode_gives_its_colour_in_rgb_and_grey(mode, colour, rgb, tolerance):
    kind = {"CMYK": {"format": "JPEG", "quality": 100, "subsampling": 0}}.get(mode, {})
    data = encode(Image.new(mode, (8, 8), colour), **kind)
    assert Image.open(io.BytesIO(data)).mode == mode
    image = read_picture(data, 8, 3).astype(int)
    assert image.shape == (8, 8, 3)
    assert np.abs(image - rgb).max() <= tolerance
    grey = read_picture(data, 8, 1).astype(int)
    luma = round(0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2])
    assert grey.shape == (8, 8, 1)
    assert np.abs(grey - luma).max() <= max(1, tolerance)


def test_a_palette_is_looked_up():
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 10, 200, 30])
    assert (read_picture(encode(image), 8, 3) == (10, 200, 30)).all()


def test_16_bit_grey_keeps_its_whole_range():
    values = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    image = read_picture(encode(Image.fromarray(values)), 8, 1)[..., 0]
    np.testing.assert_array_equal(image, np.rint(values / 257).astype(np.uint8))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("background", [(255, 255, 255), (10, 60, 200)])
def test_alpha_is_composited_on_the_background(mode, background):
    channels = len(mode)
    pixels = noise(16, 16, channels)
    data = encode(Image.fromarray(pixels, mode))
    alpha = pixels[..., -1:] / 255
    expected = pixels[..., :-1] * alpha + np.array(background) * (1 - alpha)
    image = read_picture(data, 16, 3, background=background)
    assert np.abs(image - expected).max() <= 1


def test_transparent_palette_entries_and_colours_show_the_background():
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 10, 200, 30])
    keyed = Image.new("RGB", (8, 8), (1, 2, 3))
    for data in (encode(palette, transparency=1), encode(keyed, transparency=(1, 2, 3))):
        assert (read_picture(data, 8, 3, background=(9, 8, 7)) == (9, 8, 7)).all()


def test_the_colour_under_full_transparency_does_not_bleed_into_edges():
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[:, :7] = (255, 255, 255, 255)  # white, beside transparent black
    image = read_picture(encode(Image.fromarray(pixels)), 4, 3)
    assert (image == 255).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_orientation_turns_the_picture_upright(orientation, kind):
    upright = np.zeros((16, 16, 3), np.uint8)
    upright[:8, :8] = (255, 0, 0)
    upright[:8, 8:] = (0, 255, 0)
    upright[8:, :8] = (0, 0, 255)
    # How a camera stores the picture, for each value of the tag.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright),
        7: np.rot90(upright.swapaxes(0, 1), 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    data = encode(Image.fromarray(stored), format=kind, exif=exif, **options)
    assert np.abs(read_picture(data, 16, 3).astype(int) - upright).max() <= 4


@pytest.mark.parametrize(("height", "width"), [(16, 31), (31, 16)])
def test_the_middle_square_is_kept(height, width):
    pixels = noise(height, width)
    top, left = (height - 16) // 2, (width - 16) // 2
    image = read_picture(encode(Image.fromarray(pixels)), 16, 3)
    np.testing.assert_array_equal(image, pixels[top : top + 16, left : left + 16])


def test_downscaling_is_antialiased():
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 254
    image = read_picture(encode(Image.fromarray(stripes)), 32, 3).astype(int)
    assert np.abs(image[:, 4:-4] - 127).max() <= 1  # the filter is cut off at the border


def test_upscaling_is_refused_unless_allowed():
    data = encode(Image.new("RGB", (20, 9), (1, 2, 3)))
    with pytest.raises(UserError, match=r"^small\.png: expected at least 16 px, .* has 9: take"):
        read_picture(data, 16, 3, name="small.png")
    assert (read_picture(data, 16, 3, allow_upscaling=True) == (1, 2, 3)).all()


def test_unreadable_pictures_name_the_file_and_the_reason(tmp_path):
    path = tmp_path / "broken.jpg"
    path.write_bytes(encode(Image.fromarray(noise(64, 64)), format="JPEG")[:900])
    with pytest.raises(UserError, match=r"broken\.jpg: cannot be read: .*truncated") as caught:
        read_picture(str(path), 16, 3)
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="notes: cannot be read: not a picture"):
        read_picture(b"hello", 16, 3, name="notes")
    with pytest.raises(UserError, match="nowhere"):
        read_picture(str(tmp_path / "nowhere.png"), 16, 3)


def test_smaller_side_reads_the_header_only(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encode(Image.new("RGB", (40, 30)))[:60])
    assert smaller_side(str(path)) == 30


def test_backgrounds_are_read_as_css_colours():
    assert parse_background("#10c0ff") == (16, 192, 255)
    assert parse_background("white") == (255, 255, 255)
    with pytest.raises(UserError, match="expected a colour like #ffffff, got 'chalk'"):
        parse_background("chalk")


def test_channels_are_converted_by_luma():
    image = np.full((4, 4, 3), (255, 0, 0), np.uint8)
    assert (convert_channels(image, 1) == 76).all()
    assert convert_channels(image, 1).shape == (4, 4, 1)
    assert convert_channels(image, 3) is image
