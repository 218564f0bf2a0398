import io
import os
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.helpers.made_source import encode, options
from tests.helpers.picture_files import JPEG_XL_HEAD
from tests.helpers.places import ROOT
from tests.helpers.source_helpers import assert_gives, assert_refused, assert_user_error, bounded
from tfrecords.common.errors import UserError
from tfrecords.pictures import kinds
from tfrecords.pictures.images import prepare_picture
from tfrecords.pictures.kinds import KINDS, check_picture_name, encode_picture, find_kind, sniff
from tfrecords.sources.by_name import open_source

PICTURE = Image.new("RGB", (64, 64), (200, 30, 30))
# Files that hold a picture, whatever they are called.
READ = {"a.jfif": "JPEG", "b.jpe": "JPEG", "c.avif": "AVIF", "d.JPG": "JPEG", "e": "PNG"}
READ |= {"f.png": "JPEG", "g.ppm": "PPM", "h.jp2": "JPEG2000", "i.tga": "TGA", "j.qoi": "QOI"}
READ |= {"k.orig": "WEBP", "l.txt": "GIF", "m.HEIC": "JPEG", "n.20240101": "BMP", "o.x": "TIFF"}
# What is a picture and is not read here, and what is said of it.
NOT_READ = {
    "p.jxl": (JPEG_XL_HEAD, "JPEG XL cannot be read here"),
    "q": (JPEG_XL_HEAD, "JPEG XL cannot be read here"),
    "r.svg": (b"<svg xmlns=''/>", "SVG cannot be read here"),
    "s.psd": (b"8BPS\0\1" + bytes(30), "Photoshop cannot be read here"),
    "t.NEF": (b"II*\0" + bytes(30), "camera raw cannot be read here: develop it"),
    "u.exr": (b"v/1\1" + bytes(30), "OpenEXR cannot be read here"),
}
OTHERS = {"README": b"BMW and GIF8 and P5 are words\n", "notes.md": b"P6 is a format\n"}
OTHERS |= {"classes.csv": b"a.jfif,cat\n", "dataset.json": b"{}", "empty": b""}
OTHERS |= {"features.npy": b"\x93NUMPY\1\0" + bytes(100), ".DS_Store": encode(PICTURE)}
OTHERS |= {"Thumbs.db": b"\xd0\xcf\x11\xe0" + bytes(100), "sums.md5": b"d41d8cd9  a.jfif\n"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kinds") / "pictures"
    folder.mkdir()
    contents = {name: encode(PICTURE, kind) for name, kind in READ.items()} | OTHERS
    for name, data in {**contents, **{name: data for name, (data, _) in NOT_READ.items()}}.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize("place", ["folder", "remote", "zip", "tar", "gztar"])
def test_what_a_source_holds_is_judged_by_content(folder, tmp_path, place):
    path = {"folder": str(folder), "remote": f"file://{folder}"}.get(place)
    if place == "folder":
        path = shutil.copytree(folder, tmp_path / "copy")
        os.mkfifo(path / "pipe")  # to open it would wait forever
    source = open_source(str(path or shutil.make_archive(tmp_path / "a", place, folder)))
    names = [os.path.basename(source.picture_name(index)) for index in range(source.num_pictures)]
    assert names == sorted(READ)
    read = source.open()
    for index, name in enumerate(names):
        image = prepare_picture(read(index), options(4), name).astype(int)
        assert np.abs(image - (200, 30, 30)).max() <= 12, name
    said = {os.path.basename(name): reason for name, reason in source.rejected}
    assert sorted(said) == sorted(NOT_READ)
    for name, (_, reason) in NOT_READ.items():
        assert said[name].startswith(reason), name


def test_heic_is_read_with_its_decoder_and_named_with_the_extra_without_it(tmp_path, monkeypatch):
    pytest.importorskip("pillow_heif").register_heif_opener()
    for name in ("a.heic", "b", "c.png"):
        (tmp_path / name).write_bytes(encode(PICTURE, "HEIF"))
    assert open_source(str(tmp_path)).num_pictures == 3
    monkeypatch.setattr(kinds, "_can_import", lambda package: False)
    source = open_source(str(tmp_path))
    assert len(source.rejected) == 2
    # By its ending the third is a picture; who decodes it finds out.
    with pytest.raises(UserError, match=r"^c\.png: HEIC/HEIF .*pip install pillow-heif$"):
        prepare_picture(source.open()(0), options(4), "c.png")


def test_a_known_ending_is_not_opened_and_unread_pictures_are_named(tmp_path):
    # 100,000 files would be opened twice; the content of each is judged when it is read.
    assert find_kind("a.png", lambda: pytest.fail("it was opened")).name == "PNG"
    (tmp_path / "a.jxl").write_bytes(JPEG_XL_HEAD)
    assert_refused(r"found none in it; skipped: a\.jxl: JPEG XL cannot be", tmp_path)
    data = encode(PICTURE, "TIFF", tiffinfo={50706: b"\1\4\0\0"})  # calls itself TIFF
    words = "cannot be read: a camera raw file: develop it"
    assert_user_error(words, prepare_picture, data, options(4), "x")


def test_first_bytes_tell_each_format_that_pillow_writes_and_no_text():
    for kind in KINDS:
        if kind.magic and kind.decoder and kind.is_read():
            assert sniff(encode(PICTURE, kind.decoder)) is kind
    assert sniff(encode(PICTURE, "JPEG2000", no_jp2=True)).name == "JPEG 2000"
    for data in (*OTHERS.values(), np.random.default_rng(0).bytes(512)):
        assert data == OTHERS[".DS_Store"] or sniff(data) is None
    assert kinds.kind_by_ending("a.png.txt") is kinds.kind_by_ending("png") is None


def test_a_look_at_what_a_zip_holds_unpacks_little_of_it(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2):
            archive.writestr(f"{kind} picture", encode(PICTURE), kind)
            if kind:
                archive.writestr(f"{kind}", bytes(2**24), kind)
    with bounded(4):
        source = open_source(str(tmp_path / "a.zip"))
    assert_gives(source, [encode(PICTURE)] * 3)


def test_the_packages_that_messages_name_are_extras():
    text = (ROOT / "pyproject.toml").read_text()
    assert all(f'["{kind.package}>=' in text for kind in KINDS if kind.package)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("ending", "kind", "most"), [("png", "PNG", 0), ("JPG", "JPEG", 2), ("webp", "WEBP", 0)]
)
def test_a_picture_is_written_as_its_ending_says(ending, kind, most, channels):
    picture = np.add.outer(np.arange(40), np.arange(30))[..., None].repeat(channels, -1)
    data = encode_picture(picture.astype(np.uint8), f"a.{ending}")
    image = Image.open(io.BytesIO(data))
    assert image.format == kind
    pixels = np.asarray(image.convert("RGB" if channels == 3 else "L")).reshape(picture.shape)
    assert np.abs(pixels.astype(int) - picture).max() <= most


def test_other_endings_and_too_large_pictures_are_refused():
    for name in ("x.txt", "x", "x.gif", "x.png.", ".", "", "png"):
        assert_user_error(r"^out: expected .*NAME\.png", check_picture_name, name, "out")
    check_picture_name("a/.png", "out")
    for name, most in (("a.webp", 16_383), ("a.jpg", 65_500), ("a.jpeg", 65_500)):
        encode_picture(np.zeros((1, most, 1), np.uint8), name)
        with pytest.raises(UserError, match=f"expected at most {most:,} px a side"):
            encode_picture(np.zeros((1, most + 1, 1), np.uint8), name)


def test_names_of_files_are_told_from_names_of_folders():
    assert all(map(kinds.is_file_name, ("x.txt", "a/b.jpg", "x.MP4", "x.html")))
    assert not any(map(kinds.is_file_name, ("pictures", "lr-0.001", "run.2", "x.txt/", "a.b/c")))
