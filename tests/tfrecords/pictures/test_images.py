import numpy as np
import pytest
from PIL import Image

from tests.helpers.made_source import encode, options
from tests.helpers.picture_files import png_of_size
from tests.helpers.source_helpers import assert_user_error, bounded
from tfrecords.common.errors import UserError
from tfrecords.pictures import images
from tfrecords.pictures.images import build_pyramid, prepare_picture, resolutions

LOSSLESS = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}
PALETTE = Image.new("P", (8, 8), 1)
PALETTE.putpalette([0, 0, 0, 10, 200, 30])
BARS = {"fit": "letterbox", "background": (1, 2, 3)}


def prepare(picture, resolution, num_channels=3, name="picture", **fields):
    return prepare_picture(picture, options(resolution, num_channels, **fields), name)


def noise(height, width, channels=3):
    shape = (height, width, channels)
    return np.random.default_rng(3).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize(
    ("image", "rgb", "tolerance"),
    [
        (Image.new("1", (8, 8), 1), (255, 255, 255), 0),
        (Image.new("L", (8, 8), 100), (100, 100, 100), 0),
        (Image.new("LA", (8, 8), (100, 255)), (100, 100, 100), 0),
        (Image.new("RGB", (8, 8), (200, 100, 50)), (200, 100, 50), 0),
        (Image.new("RGBA", (8, 8), (200, 100, 50, 255)), (200, 100, 50), 0),
        (Image.new("I;16", (8, 8), 100 * 257), (100, 100, 100), 0),
        (Image.new("CMYK", (8, 8), (55, 155, 205, 0)), (200, 100, 50), 2),
        (PALETTE, (10, 200, 30), 0),
    ],
)
def test_every_mode_gives_its_color_in_rgb_and_gray(image, rgb, tolerance):
    kind = "JPEG" if image.mode == "CMYK" else "PNG"
    data = encode(image, kind, **LOSSLESS.get(kind, {}))
    luma = round(0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2])
    for channels, expected, most in ((3, rgb, tolerance), (1, luma, max(1, tolerance))):
        pixels = prepare(data, 8, channels).astype(int)
        assert pixels.shape == (8, 8, channels)
        assert np.abs(pixels - expected).max() <= most


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_composited_on_the_background(mode):
    pixels = noise(16, 16, len(mode))
    alpha = pixels[..., -1:] / 255
    for background in ((255, 255, 255), (10, 60, 200)):
        expected = pixels[..., :-1] * alpha + np.array(background) * (1 - alpha)
        image = prepare(encode(Image.fromarray(pixels, mode)), 16, background=background)
        assert np.abs(image - expected).max() <= 1


def test_transparent_colors_show_the_background_and_nothing_of_themselves():
    keyed = Image.new("RGB", (8, 8), (1, 2, 3))
    for data in (encode(PALETTE, transparency=1), encode(keyed, transparency=(1, 2, 3))):
        assert (prepare(data, 8, background=(9, 8, 7)) == (9, 8, 7)).all()
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[:, :7] = (255, 255, 255, 255)  # white, beside transparent black
    assert (prepare(encode(Image.fromarray(pixels)), 4) == 255).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_orientation_turns_the_picture_upright(kind):
    upright = np.zeros((16, 16, 3), np.uint8)
    upright[:8, :8], upright[:8, 8:], upright[8:, :8] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    turned = upright.swapaxes(0, 1)
    # How a camera stores the picture, for each value of the tag from 1 on.
    stored = [upright, upright[:, ::-1], upright[::-1, ::-1], upright[::-1]]
    stored += [turned, np.rot90(upright), np.rot90(turned, 2), np.rot90(upright, -1)]
    for orientation, pixels in enumerate(stored, 1):
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = encode(Image.fromarray(pixels), kind, exif=exif, **LOSSLESS.get(kind, {}))
        assert np.abs(prepare(data, 16).astype(int) - upright).max() <= 4, orientation


def test_the_middle_square_is_kept_unchanged_and_downscaling_is_antialiased():
    for height, width in ((16, 16), (16, 31), (31, 16)):
        pixels = noise(height, width)
        top, left = (height - 16) // 2, (width - 16) // 2
        image = prepare(encode(Image.fromarray(pixels)), 16)
        np.testing.assert_array_equal(image, pixels[top : top + 16, left : left + 16])
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 254
    image = prepare(encode(Image.fromarray(stripes)), 32).astype(int)
    assert np.abs(image[:, 4:-4] - 127).max() <= 1  # the filter is cut off at the border


def test_letterbox_and_stretch_keep_all_of_the_picture():
    pixels = np.full((20, 40, 3), (200, 100, 50), np.uint8)
    image = prepare(encode(pixels), 16, **BARS)
    assert (image[4:12] == (200, 100, 50)).all()
    assert (image[[*range(4), *range(12, 16)]] == (1, 2, 3)).all()
    upright = prepare(encode(pixels.swapaxes(0, 1)), 16, **BARS)
    np.testing.assert_array_equal(upright, image.swapaxes(0, 1))
    gray = prepare(encode(pixels), 16, 1, fit="letterbox", background=(255, 0, 0))
    assert (gray[:4] == 76).all()  # the background's luma
    thin = prepare(encode(noise(64, 1)), 16, **BARS)
    assert (thin != (1, 2, 3)).any(axis=(0, 2)).sum() == 1
    pixels[:, :20] = 0
    stretched = prepare(encode(pixels), 16, fit="stretch")
    assert (stretched[:, :5] == 0).all()
    assert (stretched[:, -5:] == (200, 100, 50)).all()


def test_what_counts_as_too_small_depends_on_the_fit_and_is_refused_unless_allowed():
    data = encode(Image.new("RGB", (16, 8), (1, 2, 3)))
    assert prepare(data, 16, fit="letterbox").shape == (16, 16, 3)  # nothing is enlarged
    sides = {("crop", 16): "smaller", ("stretch", 16): "smaller", ("letterbox", 32): "longer"}
    for (fit, size), side in sides.items():
        assert_user_error(rf"at least {size} px, its {side} side has", prepare, data, size, fit=fit)
    assert (prepare(data, 16, allow_upscaling=True) == (1, 2, 3)).all()


def test_unreadable_pictures_name_the_file_and_the_reason():
    jpeg = encode(noise(64, 64), "JPEG")
    for data, reason in (
        (jpeg[:900], ".*truncated"),
        (jpeg[:20], "a broken or rare JPEG file"),
        *((b"hello", "not a picture: expected PNG"), (b"", "not a picture")),
        (encode(noise(8, 8), "PCX"), "not a picture"),  # other formats are not tried
        (np.zeros((8, 8, 3)), "expected uint8 pixels, got float64"),
        *((np.zeros(shape, "u1"), "expected uint8 pixels") for shape in (8, (0, 8, 3))),
    ):
        with pytest.raises(UserError, match=rf"^a\.jpg: cannot be read: {reason}") as caught:
            prepare(data, 8, name="a.jpg")
        assert "\n" not in str(caught.value)


def test_absurd_sizes_are_refused_by_the_header():
    for width in (2**14 + 1, 2**17, 2**31 - 1):
        with (
            bounded(2),
            pytest.raises(UserError, match=r"cannot be read: .*too many.* 134,217,728"),
        ):
            prepare(png_of_size(width, width // 2), 16)
    with pytest.raises(UserError, match=r"truncated|broken"):  # this many would be decoded
        prepare(png_of_size(2**14, 2**13), 16)
    assert images.MAX_PIXELS < 2 * Image.MAX_IMAGE_PIXELS  # else Pillow's refusal came first


def test_backgrounds_are_read_as_css_colors():
    colors = [images.parse_background(text) for text in ("#10c0ff", "white", "#ffffff80")]
    assert colors == [(16, 192, 255), (255, 255, 255), (255, 255, 255)]
    assert_user_error("expected a color, .* got 'chalk'", images.parse_background, "chalk")


@pytest.mark.parametrize(("size", "channels"), [(4, 1), (32, 3), (256, 3)])
def test_each_level_is_the_mean_over_blocks_of_the_picture(size, channels):
    image = noise(size, size, channels)
    pyramid = build_pyramid(image)
    assert tuple(pyramid) == resolutions(size)
    for resolution, level in pyramid.items():
        block = size // resolution
        blocks = image.astype(np.float64).reshape(resolution, block, resolution, block, channels)
        assert level.dtype == np.uint8
        # Not from the rounded level above: never further off than the rounding.
        assert np.abs(level - blocks.mean(axis=(1, 3))).max() <= 0.5


def test_averages_are_carried_unrounded():
    # Blocks of 2x2 average to 0.25, 0.25, 0.25 and 1.5; their mean 0.5625 rounds to 1.
    # By way of the rounded 0, 0, 0 and 2 it would be 0.5, which rounds to 0.
    low, high = np.array([[1, 0], [0, 0]], np.uint8), np.array([[6, 0], [0, 0]], np.uint8)
    image = np.tile(np.block([[low, low], [low, high]]), (4, 4))[..., np.newaxis]
    pyramid = build_pyramid(image)
    assert sorted(np.unique(pyramid[8])) == [0, 2]
    assert (pyramid[4] == 1).all()


def test_a_pyramid_is_of_a_square_uint8_picture_of_a_power_of_two():
    assert (resolutions(64), resolutions(4)) == ((64, 32, 16, 8, 4), (4,))
    for got, hint in ((100, 64), (2, 4), (0, 4), (-8, 4), (6, 4)):
        assert_user_error(f"power of two, 4 or more, got {got}: take {hint}$", resolutions, got)
    for shape, kind in (((8, 4, 3), "u1"), ((8, 8), "u1"), ((8, 8, 3), "f4")):
        with pytest.raises(ValueError, match="image must be uint8"):
            build_pyramid(np.zeros(shape, kind))
