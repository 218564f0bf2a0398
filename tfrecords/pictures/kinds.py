"""Kinds of picture files: how to recognize them, which can be read, and how to write them."""

import functools
import importlib
import io
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin, features

from tfrecords.common.errors import UserError
from tfrecords.pictures.alpha import in_colors, straight_on_white
from tfrecords.pictures.depth import in_8_bits

HEAD_BYTES = 512  # bytes at the start of a file that `sniff` needs


@dataclass(frozen=True)
class Kind:
    """A kind of picture file."""

    name: str  # name for messages
    endings: str  # file name endings in lower case, separated by spaces
    magic: bytes | None  # pattern of the first bytes; None if these do not identify it
    decoder: str | None = None  # Pillow's name for it; None if it is never read
    feature: str | None = None  # feature that Pillow must have been built with to read it
    package: str | None = None  # package needed in addition to Pillow to read it
    advice: str = "save it as PNG or JPEG"  # what to do if it is not read

    def is_read(self) -> bool:
        """Whether pictures of this kind can be read in this installation."""
        can_decode = self.decoder and (not self.feature or features.check(self.feature))
        return bool(can_decode and (not self.package or _can_import(self.package)))

    def reason(self) -> str:
        """Returns why files of this kind are skipped, and what to do."""
        if self.package:
            return f"{self.name} needs another package: pip install {self.package}"
        return f"{self.name} cannot be read here: {self.advice}"


# The longest patterns, and the endings of camera raw files.
_HEIF = rb"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1)"
_JPEG_2000 = rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51\0"
_RAW = rb"II\*\0....CR|....ftypcrx |FUJIFILMCCD-RAW|IIR[OS]|MMOR|IIU\0|FOVb"
_RAWS = ".cr2 .cr3 .crw .nef .nrw .dng .arw .srf .sr2 .raf .orf .rw2 .pef .srw .x3f .3fr .iiq .erf"

# The first kind whose magic matches is used.
KINDS = (
    Kind("PNG", ".png .apng", rb"\x89PNG\r\n\x1a\n", "PNG"),
    Kind("JPEG", ".jpg .jpeg .jpe .jfif .jif .mpo", rb"\xff\xd8\xff", "JPEG"),
    Kind("WebP", ".webp", rb"RIFF....WEBP", "WEBP"),
    # Includes the size of the second header, since many texts start with these two letters.
    Kind("BMP", ".bmp .dib", rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", "BMP"),
    Kind("GIF", ".gif", rb"GIF8[79]a", "GIF"),
    Kind("camera raw", _RAWS, _RAW, advice="develop it and save it as PNG or JPEG"),
    Kind("TIFF", ".tif .tiff", rb"II\*\0|MM\0\*|II\+\0|MM\0\+", "TIFF"),
    Kind("AVIF", ".avif .avifs", rb"....ftyp(avi[fs]|mif1.{0,40}?avif)", "AVIF", "avif"),
    Kind("HEIC/HEIF", ".heic .heif .hif .heics .heifs", _HEIF, "HEIF", package="pillow-heif"),
    Kind("JPEG 2000", ".jp2 .j2k .j2c .jpc .jpf .jpx", _JPEG_2000, "JPEG2000", "jpg_2000"),
    Kind("PNM", ".ppm .pgm .pbm .pnm .pfm", rb"P[1-6fF]\s+(#[^\n]*\s+)*\d+\s+\d+\s", "PPM"),
    Kind("QOI", ".qoi", rb"qoif", "QOI"),
    Kind("TGA", ".tga", None, "TGA"),
    Kind("JPEG XL", ".jxl", rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n"),
    Kind("JPEG XR", ".jxr .wdp .hdp", rb"II\xbc[\0\x01]"),
    Kind("SVG", ".svg .svgz", rb"(\xef\xbb\xbf)?\s*(<[?!].{0,400}?)?<svg[\s>]"),
    Kind("Photoshop", ".psd .psb", rb"8BPS\0[\x01\x02]"),
    Kind("GIMP", ".xcf", rb"gimp xcf "),
    Kind("OpenEXR", ".exr", rb"v/1\x01"),
    Kind("Radiance HDR", ".hdr .rgbe", rb"#\?(RADIANCE|RGBE)\n"),
    Kind("DICOM", ".dcm", rb".{128}DICM"),
    Kind("FITS", ".fits .fit .fts", rb"SIMPLE  = "),
    Kind("icon", ".ico .cur .icns", None),
    Kind("DDS", ".dds", rb"DDS \x7c\0\0\0"),
    Kind("old bitmap", ".pcx .sgi .xbm .xpm .ras", None),
    Kind("BPG", ".bpg", rb"BPG\xfb"),
    Kind("FLIF", ".flif", rb"FLIF"),
)
_BY_ENDING = {ending: kind for kind in KINDS for ending in kind.endings.split()}
_CONTAINERS = ("TIFF", "HEIC/HEIF")  # used by camera raw files

# Pillow's name, its settings (only JPEG is lossy), and the largest side in pixels.
FORMATS: dict[str, tuple[str, dict[str, Any], int]] = {
    ".png": ("PNG", {}, 2**31 - 1),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}, 65_500),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}, 65_500),
    ".webp": ("WEBP", {"lossless": True}, 16_383),
}


_NO_TEXTS: Mapping[str, str] = {}


def kind_by_ending(path: str) -> Kind | None:
    """Returns the kind of picture by a file's ending, or None."""
    return _BY_ENDING.get(os.path.splitext(path)[1].lower())


def sniff(head: bytes) -> Kind | None:
    """Returns the kind of picture by a file's first bytes, or None."""
    head = head[:HEAD_BYTES]
    known = (kind for kind in KINDS if kind.magic and re.match(kind.magic, head, re.DOTALL))
    return next(known, None)


def find_kind(path: str, read_head: Callable[[], bytes]) -> Kind | None:
    """Returns the kind of a picture file, or None. `read_head` returns the first `HEAD_BYTES`."""
    named = kind_by_ending(path)
    if named and named.is_read():  # not opened, since opening 100,000 files takes time
        return named
    found = sniff(read_head())
    return named if named and (not found or found.name in _CONTAINERS) else found


def decoders() -> tuple[str, ...]:
    """Returns the formats that Pillow may try. Fewer decoders mean fewer ways to crash."""
    return tuple(kind.decoder for kind in KINDS if kind.decoder and kind.is_read())


@functools.cache
def _can_import(package: str) -> bool:
    try:
        importlib.import_module(package.replace("-", "_")).register_heif_opener()
    except (ImportError, OSError):  # not installed, or one of its libraries is missing
        return False
    return True


def check_picture_name(path: str, argument: str) -> None:
    """Raises a UserError that starts with `argument` unless the ending is one of `FORMATS`."""
    if _ending(path) not in FORMATS:
        names = " or ".join(f"NAME{ending}" for ending in FORMATS)
        raise UserError(f"{argument}: expected a picture to make, {names}, got {path!r}")


def is_file_name(path: str) -> bool:
    """Returns whether a path ends like a file name, as `x.txt` does and `lr-0.001` does not."""
    return re.fullmatch(r"\.[a-z][a-z0-9]{1,4}", _ending(path)) is not None


def encode_picture(
    picture: np.ndarray, path: str = ".png", xmp: str = "", texts: Mapping[str, str] = _NO_TEXTS
) -> bytes:
    """Encodes (height, width, channels) uint8 as a file. UserError for a wrong ending or size.

    Of other channels than gray, RGB or RGBA it shows what `in_colors` does. Gray may be uint16: PNG
    keeps it, the others round to 8 bits. JPEG has no transparency: such pictures are laid on white.
    `xmp` is an XML text to put into the file, `texts` are others by keyword, of PNG only.
    """
    check_picture_name(path, "picture")
    kind, settings, most = FORMATS[_ending(path)]
    if max(picture.shape[:2]) > most:
        size = f"{picture.shape[1]:,} x {picture.shape[0]:,}"
        raise UserError(f"{path}: expected at most {most:,} px a side, got {size}: write NAME.png")
    file = io.BytesIO()
    picture = in_colors(picture)
    if kind == "JPEG":
        picture = straight_on_white(picture)
    if kind != "PNG" or picture.shape[-1] != 1:
        picture = in_8_bits(picture)
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    if kind == "PNG":
        chunks = PngImagePlugin.PngInfo()
        for keyword, text in texts.items():
            chunks.add_itxt(keyword, text)
        if xmp:
            chunks.add_itxt("XML:com.adobe.xmp", xmp)
        settings = {**settings, "pnginfo": chunks}
    elif xmp:
        settings = {**settings, "xmp": xmp.encode()}
    image.save(file, kind, **settings)
    return file.getvalue()


def _ending(path: str) -> str:
    name = os.path.basename(path).lower()
    return name if name in FORMATS else os.path.splitext(name)[1]
