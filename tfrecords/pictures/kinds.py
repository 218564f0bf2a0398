"""What a file is: its first bytes decide, and its ending where they say nothing."""

from __future__ import annotations

import functools
import importlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass

from PIL import features

# As many bytes of a file as `sniff` looks at.
HEAD_BYTES = 512


@dataclass(frozen=True)
class Kind:
    """A kind of picture file.

    Attributes:
        name: for people.
        endings: of its files, small letters.
        magic: what its files begin with; None where their first bytes say nothing.
        decoder: Pillow's name for it; None where it is not read.
        feature: what Pillow must have been built with to read it.
        package: what must be installed beside Pillow to read it.
        advice: what to do with its files where they are not read.
    """

    name: str
    endings: tuple[str, ...]
    magic: re.Pattern[bytes] | None
    decoder: str | None = None
    feature: str | None = None
    package: str | None = None
    advice: str = "save it as PNG or JPEG"

    def is_read(self) -> bool:
        """Says whether pictures of this kind can be read here."""
        if self.decoder is None or (self.feature and not features.check(self.feature)):
            return False
        return not self.package or _can_import(self.package)

    def reason(self) -> str:
        """Returns why its files are left out, and what to do."""
        if self.package:
            return f"{self.name} needs another package: pip install {self.package}"
        return f"{self.name} cannot be read here: {self.advice}"


def _kind(
    name: str,
    endings: str,
    magic: bytes | None,
    decoder: str | None = None,
    feature: str | None = None,
    **named: str,
) -> Kind:
    pattern = re.compile(magic, re.DOTALL) if magic else None
    return Kind(name, tuple(endings.split()), pattern, decoder, feature, **named)


_RAW_ADVICE = "develop it and save it as PNG or JPEG"

# The first whose magic fits is taken.
KINDS = (
    _kind("PNG", ".png .apng", rb"\x89PNG\r\n\x1a\n", "PNG"),
    _kind("JPEG", ".jpg .jpeg .jpe .jfif .jif .mpo", rb"\xff\xd8\xff", "JPEG"),
    _kind("WebP", ".webp", rb"RIFF....WEBP", "WEBP"),
    # The size of its second header: two letters alone begin many a text.
    _kind("BMP", ".bmp .dib", rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", "BMP"),
    _kind("GIF", ".gif", rb"GIF8[79]a", "GIF"),
    _kind(
        "camera raw",
        ".cr2 .cr3 .crw .nef .nrw .dng .arw .srf .sr2 .raf .orf .rw2 .pef .srw .x3f .3fr .iiq .erf",
        rb"II\*\0....CR|....ftypcrx |FUJIFILMCCD-RAW|IIR[OS]|MMOR|IIU\0|FOVb",
        advice=_RAW_ADVICE,
    ),
    _kind("TIFF", ".tif .tiff", rb"II\*\0|MM\0\*|II\+\0|MM\0\+", "TIFF"),
    _kind("AVIF", ".avif .avifs", rb"....ftyp(avi[fs]|mif1.{0,40}?avif)", "AVIF", "avif"),
    _kind(
        "HEIC/HEIF",
        ".heic .heif .hif .heics .heifs",
        rb"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1)",
        "HEIF",
        package="pillow-heif",
    ),
    _kind(
        "JPEG 2000",
        ".jp2 .j2k .j2c .jpc .jpf .jpx",
        rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51\0",
        "JPEG2000",
        "jpg_2000",
    ),
    _kind("PNM", ".ppm .pgm .pbm .pnm .pfm", rb"P[1-6fF]\s+(#[^\n]*\s+)*\d+\s+\d+\s", "PPM"),
    _kind("QOI", ".qoi", rb"qoif", "QOI"),
    _kind("TGA", ".tga", None, "TGA"),
    _kind("JPEG XL", ".jxl", rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n"),
    _kind("JPEG XR", ".jxr .wdp .hdp", rb"II\xbc[\0\x01]"),
    _kind("SVG", ".svg .svgz", rb"(\xef\xbb\xbf)?\s*(<[?!].{0,400}?)?<svg[\s>]"),
    _kind("Photoshop", ".psd .psb", rb"8BPS\0[\x01\x02]"),
    _kind("GIMP", ".xcf", rb"gimp xcf "),
    _kind("OpenEXR", ".exr", rb"v/1\x01"),
    _kind("Radiance HDR", ".hdr .rgbe", rb"#\?(RADIANCE|RGBE)\n"),
    _kind("DICOM", ".dcm", rb".{128}DICM"),
    _kind("FITS", ".fits .fit .fts", rb"SIMPLE  = "),
    _kind("icon", ".ico .cur .icns", None),
    _kind("DDS", ".dds", rb"DDS \x7c\0\0\0"),
    _kind("old bitmap", ".pcx .sgi .xbm .xpm .ras", None),
    _kind("BPG", ".bpg", rb"BPG\xfb"),
    _kind("FLIF", ".flif", rb"FLIF"),
)
_BY_ENDING = {ending: kind for kind in KINDS for ending in kind.endings}
_CONTAINERS = ("TIFF", "HEIC/HEIF")  # of which camera raw files are made


def kind_by_ending(path: str) -> Kind | None:
    """Returns the kind of picture that a file's ending names, or None."""
    return _BY_ENDING.get(os.path.splitext(path)[1].lower())


def sniff(head: bytes) -> Kind | None:
    """Returns the kind of picture that a file begins like, or None.

    Args:
        head: the first `HEAD_BYTES` of the file, fewer if it is shorter.
    """
    head = head[:HEAD_BYTES]
    return next((kind for kind in KINDS if kind.magic and kind.magic.match(head)), None)


def find_kind(path: str, read_head: Callable[[], bytes]) -> Kind | None:
    """Says which kind of picture a file is, or None for what is no picture.

    A file with an ending that is read here is a picture without a look at it, as opening
    100,000 of them takes time: whoever decodes it goes by its content.

    Args:
        path: of the file, for its ending.
        read_head: reads its first `HEAD_BYTES`.
    """
    named = kind_by_ending(path)
    if named is not None and named.is_read():
        return named
    found = sniff(read_head())
    if named is not None and (found is None or found.name in _CONTAINERS):
        return named
    return found


def decoders() -> tuple[str, ...]:
    """Returns the formats that Pillow may try: fewer decoders are fewer ways to crash."""
    return tuple(kind.decoder for kind in KINDS if kind.decoder and kind.is_read())


@functools.cache
def _can_import(package: str) -> bool:
    try:
        importlib.import_module(package.replace("-", "_")).register_heif_opener()
    except (ImportError, OSError):  # it is not installed, or a library of it is missing
        return False
    return True
