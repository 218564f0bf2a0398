"""Files that are nearly right: whole ones with a few bytes changed, always the same ones."""

import gzip
import re
import struct
import zlib

import numpy as np

from tfrecords.format.record_file import frame

_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF)
_NUMBERS += (2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
_TOKENS = (
    *("null", "true", "-1", "1e999", "NaN", "-0", "9" * 5000, '"\\ud800"', '"../../x"', '""', "[]"),
    *("{}", "[" * 5000, '{"a":' * 5000, '"' + "a" * 100_000 + '"', '"\\u001b[2J"', "[[[[[]]]]]"),
)


def change(name, data, random):
    """Returns a good file's bytes changed as suits its name: `random` decides."""
    layers = next((_LAYERS[ending] for ending in _LAYERS if name.endswith(ending)), [as_it_is])
    return layers[random.integers(len(layers))](data, random)


def as_it_is(data, random, kinds=()):
    """Makes one to three changes; most are of some kinds, if there are any."""
    kinds = [cut, overwrite, number, repeat, move, *kinds * 8]
    for _ in range(random.integers(1, 4)):
        data = kinds[random.integers(len(kinds))](data, random)
    return data


def as_text(data, random):
    return as_it_is(data, random, (token,))


def inside_gzip(data, random):
    return gzip.compress(as_it_is(gzip.decompress(data), random), 1)


def png_with_checksums(data, random):
    """Changes a chunk, or the compressed pixels, and corrects what says that they are whole."""
    chunks, at = [], 8
    while at < len(data):
        size = int.from_bytes(data[at : at + 4])
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += size + 12
    which = random.integers(len(chunks))
    kind, body = chunks[which]
    unpacked = kind == b"IDAT" and random.integers(2)
    body = as_it_is(zlib.decompress(body) if unpacked else body, random)
    chunks[which] = kind, zlib.compress(body) if unpacked else body
    return data[:8] + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def records_with_checksums(data, random):
    records, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 8], "little")
        records.append(data[at + 12 : at + 12 + size])
        at += size + 16
    which = random.integers(len(records))
    records[which] = as_it_is(records[which], random)
    return b"".join(map(frame, records))


def mat_unpacked(data, random):
    """Changes the first compressed part."""
    size = int.from_bytes(data[132:136], "little")
    part = zlib.compress(as_it_is(zlib.decompress(data[136 : 136 + size]), random))
    return data[:132] + struct.pack("<I", len(part)) + part + data[136 + size :]


def cut(data, random):
    return data[: _place(data, random)]


def overwrite(data, random):
    """Some bytes become random ones, zeros or ones."""
    at, size = _place(data, random), int(random.integers(1, 16))
    new = random.bytes(size) if random.integers(2) else bytes([random.choice((0, 255))]) * size
    return data[:at] + new + data[at + size :]


def number(data, random):
    """What may be a size becomes one that makes no sense."""
    at, size = _place(data, random), int(random.choice((1, 2, 4, 8)))
    value = int(random.choice(np.array(_NUMBERS, object))) % 2 ** (8 * size)
    order = ("little", "big")[random.integers(2)]
    return data[:at] + value.to_bytes(size, order) + data[at + size :]


def repeat(data, random):
    """A part goes, or comes many times: what is in it is nested or used again."""
    at, size = _place(data, random), int(random.integers(1, 64))
    times = int(random.choice((0, 2, 50, 2000)))
    return data[:at] + data[at : at + size] * times + data[at + size :]


def move(data, random):
    """A part comes from somewhere else in the file."""
    start, end, size = _place(data, random), _place(data, random), int(random.integers(1, 64))
    return data[:end] + data[start : start + size] + data[end + size :]


def token(data, random):
    """A value in JSON becomes another."""
    words = list(re.finditer(rb'"[^"]*"|-?\d+(\.\d+)?|true|false|null|\[|\]|\{|\}', data))
    if not words:
        return data
    word = words[random.integers(len(words))]
    new = str(random.choice(np.array(_TOKENS, object))).encode()
    return data[: word.start()] + new + data[word.end() :]


def _place(data, random):
    """Mostly in the first or last kilobyte, where headers and indices are."""
    size = len(data)
    near = int(random.integers(min(size, 1024) + 1))
    return (near, near, size - near, int(random.integers(size + 1)))[random.integers(4)]


_LAYERS = {
    ".png": (png_with_checksums, as_it_is),
    ".gz": (inside_gzip, as_it_is),
    ".tfrecords": (records_with_checksums, as_it_is),
    "train_32x32.mat": (mat_unpacked, as_it_is),
    **dict.fromkeys((".json", ".jsonl", "flags.txt"), (as_text, as_it_is)),
}
