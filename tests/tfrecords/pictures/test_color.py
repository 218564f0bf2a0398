import io

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from tests.helpers import picture_files
from tests.helpers.made_source import encode, make_source, options
from tests.helpers.picture_files import P3, cmyk_profile, gray_profile, rgb_profile
from tfrecords.pictures import color
from tfrecords.pictures.images import prepare_picture
from tfrecords.writing.writer import write_dataset

GREEN = (60, 180, 60)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GREENS = Image.new("RGB", (64, 64), GREEN)
GRAYS = Image.new("L", (64, 64), 100)
INKS = Image.new("CMYK", (64, 64), (55, 155, 205, 20))


def prepare(picture, **fields):
    notes = []
    return prepare_picture(picture, options(8, **fields), "x", notes.append)[0, 0], notes


def by_little_cms(image, profile):
    """What the library makes of a picture: the value that is right."""
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    to = ImageCms.createProfile("sRGB")
    return ImageCms.profileToProfile(image, opened, to, outputMode="RGB").getpixel((0, 0))


@pytest.mark.parametrize(
    ("image", "kind", "profile", "expected", "tolerance"),
    [
        (GREENS, "PNG", rgb_profile(P3), (0, 185, 22), 0),
        (GREENS, "PNG", rgb_profile(picture_files.ADOBE), (0, 181, 42), 0),
        (GREENS, "PNG", rgb_profile(picture_files.PROPHOTO), (0, 198, 0), 0),
        *((GREENS, kind, rgb_profile(P3), (0, 185, 22), 4) for kind in ("JPEG", "TIFF", "WEBP")),
        *((GREENS, kind, rgb_profile(P3), (0, 185, 22), 4) for kind in ("AVIF", "HEIF")),
        *((INKS, kind, cmyk_profile(), (234, 75, 73), 2) for kind in ("JPEG", "TIFF")),
        (GRAYS, "PNG", gray_profile(1.0), (168, 168, 168), 0),
    ],
)
def test_an_embedded_profile_is_converted_to_srgb(image, kind, profile, expected, tolerance):
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    assert by_little_cms(image, profile) == expected
    pixel, notes = prepare(encode(image, kind, quality=100, icc_profile=profile))
    assert np.abs(pixel.astype(int) - expected).max() <= tolerance
    assert notes == []


def test_transparency_and_palettes_live_through_the_conversion():
    half = Image.new("RGBA", (8, 8), (*GREEN, 128))
    pixel, _ = prepare(encode(half, icc_profile=rgb_profile(P3)))
    expected = np.array((0, 185, 22)) * 128 / 255 + 255 * 127 / 255
    assert np.abs(pixel - expected).max() <= 1
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, *GREEN])
    assert tuple(prepare(encode(palette, icc_profile=rgb_profile(P3)))[0]) == (0, 185, 22)
    clear, _ = prepare(encode(palette, icc_profile=rgb_profile(P3), transparency=1))
    assert tuple(clear) == (255, 255, 255)


def test_a_profile_that_is_srgb_changes_nothing_and_costs_nothing(monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    data = encode(Image.fromarray(pixels), icc_profile=SRGB)
    np.testing.assert_array_equal(prepare_picture(data, options(8)), pixels)
    monkeypatch.setattr(ImageCms.ImageCmsTransform, "apply", None)
    np.testing.assert_array_equal(prepare_picture(data, options(8)), pixels)


def test_a_profile_that_cannot_be_used_is_told_and_the_picture_kept(tmp_path, capsys):
    too_large = rgb_profile(P3) + bytes(color.MAX_PROFILE_BYTES)
    damaged = (b"no profile" * 30, rgb_profile(P3)[:200])
    for profile in (*damaged, gray_profile(1.0), cmyk_profile(), too_large):
        pixel, notes = prepare(encode(GREENS, "TIFF", icc_profile=profile))
        assert (tuple(pixel), notes) == (GREEN, [color.DAMAGED])
    assert prepare(encode(INKS, "TIFF", icc_profile=rgb_profile(P3)))[1] == [color.DAMAGED]
    pictures = [encode(GREENS), *(encode(GREENS, icc_profile=bad) for bad in (b"a", b"b"))]
    source, out = make_source(pictures), str(tmp_path / "out")
    write_dataset(source, options(8), out, shuffle=False, processes=1)
    assert capsys.readouterr().out == f"2 pictures, such as 1.png, {color.DAMAGED}\n"


SRGB_COLORS = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
P3_COLORS = (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
D50_COLORS = (0.34567, 0.3585, *SRGB_COLORS[2:])
BLUE = (64, 128, 200)
GRAY = (90, 90, 90)


def png_with(chunks, rgb=BLUE):
    info = PngInfo()
    for name, numbers in chunks.items():
        packed = (round(one * 100_000).to_bytes(4, "big") for one in numbers)
        info.add(name, numbers if isinstance(numbers, bytes) else b"".join(packed))
    return encode(Image.new("RGB", (8, 8), rgb), pnginfo=info)


@pytest.mark.parametrize(
    ("chunks", "before", "after"),
    [
        ({b"gAMA": [0.45455], b"cHRM": SRGB_COLORS}, BLUE, BLUE),
        # sRGB's curve of 64/255, 128/255 and 200/255, which are light itself.
        ({b"gAMA": [1.0]}, BLUE, (137, 188, 229)),
        ({b"gAMA": [0.6]}, BLUE, (89, 153, 213)),  # sRGB's curve of their 1/0.6th powers
        ({b"gAMA": [1.0], b"sRGB": b"\0"}, BLUE, BLUE),  # which wins, as the format says
        # Light times (1.2249, -0.2247, 0), (-0.0420, 1.0419, 0) and (-0.0197, -0.0786, 1.0979).
        ({b"cHRM": P3_COLORS}, BLUE, (32, 130, 206)),
        ({b"cHRM": D50_COLORS}, GRAY, GRAY),  # whatever is white, gray is gray
        ({b"cHRM": D50_COLORS}, BLUE, (48, 127, 198)),  # by Lindbloom's Bradford matrix
    ],
    ids=str,
)
def test_a_png_gives_its_gamma_and_the_colors_of_its_channels(chunks, before, after):
    pixel, notes = prepare(png_with(chunks, before))
    assert notes == []
    assert np.abs(pixel.astype(int) - after).max() <= (before != after), pixel


def test_png_colors_that_no_picture_has_are_told_and_the_picture_kept():
    chunks = [{b"gAMA": [one]} for one in (0, 0.00001, 0.099, 10.001, 40_000)]
    for one in (*chunks, *({b"cHRM": [one] * 8} for one in (0, 0.3, 20_000))):
        pixel, notes = prepare(png_with(one))
        assert (tuple(pixel), notes) == (BLUE, [color.DAMAGED])
