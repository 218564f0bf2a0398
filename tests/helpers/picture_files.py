"""Picture files that no library here writes: deep PNG and TIFF, and color profiles."""

import struct
import zlib

import numpy as np

P3 = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
ADOBE = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))
PROPHOTO = ((0.7977, 0.2880, 0), (0.1352, 0.7119, 0), (0.0313, 0.0001, 0.8249))

JPEG_XL_HEAD = b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50)

_COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # of a PNG, by channels


def deep_png(pixels, bits=16, clear=None, profile=None):
    """A PNG of (height, width) or (height, width, channels) whole numbers of some bits.

    `clear` is the gray or the color that is transparent; `profile` the color profile.
    """
    height, width = pixels.shape[:2]
    rows = pixels.reshape(height, -1)
    if bits == 16:
        lines = [row.astype(">u2").tobytes() for row in rows]
    else:
        as_bits = np.unpackbits(rows[..., None].astype(np.uint8), axis=2)[..., -bits:]
        lines = [np.packbits(row).tobytes() for row in as_bits]
    color = _COLOR_TYPES[1 if pixels.ndim == 2 else pixels.shape[2]]
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0))]
    if clear is not None:
        chunks.append((b"tRNS", struct.pack(f">{np.size(clear)}H", *np.atleast_1d(clear))))
    if profile:
        chunks.append((b"iCCP", b"profile\0\0" + zlib.compress(profile)))
    chunks.append((b"IDAT", zlib.compress(b"".join(b"\0" + line for line in lines))))
    chunks.append((b"IEND", b""))
    return _png(chunks)


def deep_tiff(pixels, order="<", white_is_zero=False, orientation=1, packed=False):
    """A TIFF of numbers of any type, (height, width) or (height, width, 3).

    Packed, two numbers of 12 bits take three bytes.
    """
    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else 3
    bits, form = pixels.dtype.itemsize * 8, {"u": 1, "i": 2, "f": 3}[pixels.dtype.kind]
    data = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    if packed:
        first, second = pixels.reshape(-1, 2).astype(int).T
        data = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], -1)
        bits, data = 12, data.astype(np.uint8).tobytes()
    photometric = 2 if channels == 3 else int(not white_is_zero)
    after = 8 + 2 + 12 * 11 + 4
    lists = b""
    values = {256: width, 257: height, 258: [bits] * channels, 259: 1, 262: photometric}
    values |= {273: after + 12 * (channels > 1), 274: orientation, 277: channels, 278: height}
    values |= {279: len(data), 339: [form] * channels}
    entries = b""
    for tag, value in values.items():
        short = tag in (258, 339)
        numbers = value if isinstance(value, list) else [value]
        packed = struct.pack(f"{order}{len(numbers)}{'H' if short else 'I'}", *numbers)
        if len(packed) > 4:
            packed, lists = struct.pack(f"{order}I", after + len(lists)), lists + packed
        kind = 3 if short else 4
        entries += struct.pack(f"{order}HHI", tag, kind, len(numbers)) + packed.ljust(4, b"\0")
    head = b"II*\0" if order == "<" else b"MM\0*"
    return head + struct.pack(f"{order}IH", 8, len(values)) + entries + bytes(4) + lists + data


def rgb_profile(primaries, gamma=2.2):
    """A color profile of three primaries, as XYZ, and one curve."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, int(gamma * 256))
    tags = []
    for letter, primary in zip((b"r", b"g", b"b"), primaries, strict=True):
        tags += [(letter + b"XYZ", _xyz(primary)), (letter + b"TRC", curve)]
    return _profile(b"mntrRGB XYZ ", tags)


def gray_profile(gamma):
    """A gray profile."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, int(gamma * 256))
    return _profile(b"mntrGRAYXYZ ", [(b"kTRC", curve)])


def cmyk_profile():
    """A profile of inks: a table of 2 steps each, in Lab, whose yellow is a strong orange."""
    inks = np.stack(np.meshgrid(*[[0, 1]] * 4, indexing="ij"), -1).reshape(-1, 4)
    light = 255 * (1 - inks[:, 3]) * (1 - 0.25 * inks[:, :3].sum(1))
    lab = np.stack([light, 128 + 60 * inks[:, 1] + 40 * inks[:, 2], 128 + 70 * inks[:, 2]], -1)
    identity = b"".join(struct.pack(">i", 65536 * (i % 4 == 0)) for i in range(9))
    straight = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + straight * 4
    table += lab.round().astype(np.uint8).tobytes() + straight * 3
    return _profile(b"prtrCMYKLab ", [(b"A2B0", table)])


def _xyz(values):
    return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _profile(kind, tags):
    white = (0.9642, 1, 0.8249)
    text = b"desc\0\0\0\0" + struct.pack(">I", 2) + b"t\0" + bytes(78)
    tags = [(b"desc", text), (b"cprt", b"text\0\0\0\0none"), (b"wtpt", _xyz(white)), *tags]
    table, data, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, value in tags:
        table += name + struct.pack(">II", start + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    head = struct.pack(">I4sI", start + len(data), b"", 0x02100000) + kind
    head += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _xyz(white)[8:]
    return head + bytes(48) + table + data


def png_of_size(width, height):
    """A PNG whose header claims a size, and whose data are few."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return _png([(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")])


def _png(chunks):
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
