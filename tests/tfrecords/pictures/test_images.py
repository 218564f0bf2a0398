import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from tests.helpers.made_source import encode, options
from tfrecords.common.errors import UserError
from tfrecords.pictures.images import MAX_PIXELS, parse_background, prepare_picture, smaller_side
from tfrecords.pictures.kinds import decoders


def prepare(picture, resolution, num_channels=3, name="picture", **fields):
    return prepare_picture(picture, options(resolution, num_channels, **fields), name)


def noise(height, width, channels=3):
    shape = (height, width, channels)
    return np.random.default_rng(3).integers(0, 256, shape, np.uint8)


def test_a_picture_of_the_right_size_is_read_unchanged():
    pixels = noise(16, 16)
    data = encode(Image.fromarray(pixels))
    np.testing.assert_array_equal(prepare(data, 16, 3), pixels)


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
    kind = {"CMYK": {"kind": "JPEG", "quality": 100, "subsampling": 0}}.get(mode, {})
    data = encode(Image.new(mode, (8, 8), colour), **kind)
    assert Image.open(io.BytesIO(data)).mode == mode
    image = prepare(data, 8, 3).astype(int)
    assert image.shape == (8, 8, 3)
    assert np.abs(image - rgb).max() <= tolerance
    grey = prepare(data, 8, 1).astype(int)
    luma = round(0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2])
    assert grey.shape == (8, 8, 1)
    assert np.abs(grey - luma).max() <= max(1, tolerance)


def test_a_palette_is_looked_up():
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 10, 200, 30])
    assert (prepare(encode(image), 8, 3) == (10, 200, 30)).all()


def test_16_bit_grey_keeps_its_whole_range():
    values = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    image = prepare(encode(Image.fromarray(values)), 8, 1)[..., 0]
    np.testing.assert_array_equal(image, np.rint(values / 257).astype(np.uint8))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("background", [(255, 255, 255), (10, 60, 200)])
def test_alpha_is_composited_on_the_background(mode, background):
    channels = len(mode)
    pixels = noise(16, 16, channels)
    data = encode(Image.fromarray(pixels, mode))
    alpha = pixels[..., -1:] / 255
    expected = pixels[..., :-1] * alpha + np.array(background) * (1 - alpha)
    image = prepare(data, 16, 3, background=background)
    assert np.abs(image - expected).max() <= 1


def test_transparent_palette_entries_and_colours_show_the_background():
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 10, 200, 30])
    keyed = Image.new("RGB", (8, 8), (1, 2, 3))
    for data in (encode(palette, transparency=1), encode(keyed, transparency=(1, 2, 3))):
        assert (prepare(data, 8, 3, background=(9, 8, 7)) == (9, 8, 7)).all()


def test_the_colour_under_full_transparency_does_not_bleed_into_edges():
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[:, :7] = (255, 255, 255, 255)  # white, beside transparent black
    image = prepare(encode(Image.fromarray(pixels)), 4, 3)
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
    settings = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(
        kind, {}
    )
    data = encode(Image.fromarray(stored), kind=kind, exif=exif, **settings)
    assert np.abs(prepare(data, 16, 3).astype(int) - upright).max() <= 4


@pytest.mark.parametrize(("height", "width"), [(16, 31), (31, 16)])
def test_the_middle_square_is_kept(height, width):
    pixels = noise(height, width)
    top, left = (height - 16) // 2, (width - 16) // 2
    image = prepare(encode(Image.fromarray(pixels)), 16, 3)
    np.testing.assert_array_equal(image, pixels[top : top + 16, left : left + 16])


def test_downscaling_is_antialiased():
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 254
    image = prepare(encode(Image.fromarray(stripes)), 32, 3).astype(int)
    assert np.abs(image[:, 4:-4] - 127).max() <= 1  # the filter is cut off at the border


def test_upscaling_is_refused_unless_allowed():
    data = encode(Image.new("RGB", (20, 9), (1, 2, 3)))
    with pytest.raises(UserError, match=r"^small\.png: expected at least 16 px, .* has 9: take"):
        prepare(data, 16, 3, name="small.png")
    assert (prepare(data, 16, 3, allow_upscaling=True) == (1, 2, 3)).all()


def test_letterbox_keeps_all_of_the_picture_and_adds_bars():
    pixels = np.full((20, 40, 3), (200, 100, 50), np.uint8)
    image = prepare(encode(pixels), 16, fit="letterbox", background=(1, 2, 3))
    assert (image[4:12] == (200, 100, 50)).all()
    assert (image[:4] == (1, 2, 3)).all()
    assert (image[12:] == (1, 2, 3)).all()
    upright = prepare(encode(pixels.swapaxes(0, 1)), 16, fit="letterbox", background=(1, 2, 3))
    np.testing.assert_array_equal(upright, image.swapaxes(0, 1))
    grey = prepare(encode(pixels), 16, 1, fit="letterbox", background=(255, 0, 0))
    assert (grey[:4] == 76).all()  # the background's luma


def test_stretch_keeps_all_of_the_picture_without_bars():
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:, 16:] = (200, 100, 50)
    image = prepare(encode(pixels), 16, fit="stretch")
    assert (image[:, :5] == 0).all()
    assert (image[:, -5:] == (200, 100, 50)).all()


def test_what_counts_as_too_small_depends_on_the_fit():
    data = encode(noise(8, 16))
    assert prepare(data, 16, fit="letterbox").shape == (16, 16, 3)  # nothing is enlarged
    for fit in ("crop", "stretch"):
        with pytest.raises(UserError, match="its smaller side has 8"):
            prepare(data, 16, fit=fit)
    with pytest.raises(UserError, match="its longer side has 16"):
        prepare(data, 32, fit="letterbox")


@pytest.mark.parametrize("kind", decoders())
def test_every_format_is_read(kind):
    if kind == "HEIF":
        pytest.importorskip("pillow_heif")
    settings = {
        "JPEG": {"quality": 100},
        "WEBP": {"lossless": True},
        "AVIF": {"quality": 100},
        "HEIF": {"quality": 100, "chroma": 444},
    }.get(kind, {})
    data = encode(np.full((64, 64, 3), (200, 100, 50), np.uint8), kind, **settings)
    assert np.abs(prepare(data, 8).astype(int) - (200, 100, 50)).max() <= 2


def test_other_formats_are_not_tried():
    with pytest.raises(UserError, match="not a picture: expected PNG, JPEG, WebP, BMP, GIF, TIFF"):
        prepare(encode(noise(8, 8), "PCX"), 8)


def test_of_an_animation_the_first_picture_is_read():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert (prepare(data, 8) == (255, 0, 0)).all()


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1), (8, 8, 3), (8, 8, 4)])
def test_arrays_go_the_same_way_as_files(shape):
    pixels = np.random.default_rng(5).integers(0, 256, shape, np.uint8)
    data = encode(pixels[..., 0] if shape[-1] == 1 else pixels)
    for settings in ({}, {"num_channels": 1}, {"fit": "letterbox", "background": (9, 8, 7)}):
        settings = {"resolution": 4, **settings}
        expected = prepare(data, **settings)
        np.testing.assert_array_equal(prepare(pixels, **settings), expected)


def test_arrays_of_other_kinds_are_errors():
    for pixels in (np.zeros((8, 8, 3)), np.zeros(8, np.uint8), np.zeros((0, 8, 3), np.uint8)):
        with pytest.raises(UserError, match="x: cannot be read: expected uint8 pixels, got"):
            prepare(pixels, 4, name="x")


def test_unreadable_pictures_name_the_file_and_the_reason():
    cut = encode(noise(64, 64), "JPEG")[:900]
    with pytest.raises(UserError, match=r"broken\.jpg: cannot be read: .*truncated") as caught:
        prepare(cut, 16, name="broken.jpg")
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="notes: cannot be read: not a picture"):
        prepare(b"hello", 16, name="notes")
    with pytest.raises(UserError, match="nothing: cannot be read: not a picture"):
        prepare(b"", 16, name="nothing")


def png_of_size(width, height):
    """A PNG file whose header claims a size, and whose data are few."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


@pytest.mark.parametrize("width", [2**14 + 1, 2**17, 2**31 - 1])
def test_absurd_sizes_are_refused_by_the_header(width):
    tracemalloc.start()
    with pytest.raises(UserError, match=r"bomb\.png: cannot be read: .*too many.* 134,217,728"):
        prepare(png_of_size(width, width // 2), 16, name="bomb.png")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**21
    with pytest.raises(UserError, match=r"truncated|broken"):  # this many would be decoded
        prepare(png_of_size(2**13, 2**13), 16)
    assert MAX_PIXELS < 2 * Image.MAX_IMAGE_PIXELS  # else Pillow's refusal came first


def test_smaller_side_reads_the_header_only(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encode(Image.new("RGB", (40, 30)))[:60])
    assert smaller_side(str(path)) == 30
    assert smaller_side(path.read_bytes()) == 30
    with pytest.raises(UserError, match=r"x\.png: cannot be read"):
        smaller_side(b"", "x.png")


def test_backgrounds_are_read_as_css_colours():
    assert parse_background("#10c0ff") == (16, 192, 255)
    assert parse_background("white") == (255, 255, 255)
    with pytest.raises(UserError, match="expected a color, such as #ffffff or white, got 'chalk'"):
        parse_background("chalk")
