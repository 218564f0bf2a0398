"""500 damaged files among 500 good ones: all the good are in the dataset, all the bad listed."""

import json
import os
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.helpers.made_source import encode, options
from tfrecords.format.record import decode_record
from tfrecords.sources.by_name import open_source
from tfrecords.writing.writer import write_dataset

COUNT = 500


def picture(number):
    """A good picture: noise, of which the first pixels are the number."""
    pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), np.uint8)
    pixels[0, 0] = (number // 256, number % 256, 0)
    return pixels


def cut(random, number):
    """Ends within the pixels."""
    kind = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")[number % 6]
    data = encode(picture(number), kind)
    return data[: random.integers(1, len(data) * 2 // 3)]


def flip(random, number):
    """Has bytes flipped where no decoder can overlook it."""
    data = bytearray(encode(picture(number)))
    if number % 3 == 0:  # the signature
        data[random.integers(0, 8)] ^= 1 << random.integers(0, 8)
    elif number % 3 == 1:  # the header, which has a checksum
        data[random.integers(16, 33)] ^= 1 << random.integers(0, 8)
    else:  # the kind of block that the compressed data begin with: 3 is none
        start = data.index(b"IDAT") + 4 + 2
        data[start] |= 0b110
    return bytes(data)


def empty(random, number):
    return b""


def text(random, number):
    return b"This is no picture, whatever its name says.\n" * (number % 5 + 1)


def absurd(random, number):
    """A header that claims gigapixels, before a few bytes."""

    def chunk(kind, data):
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    side = int(random.integers(2**14, 2**31))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


DAMAGES = (cut, flip, empty, text, absurd, "folder", "link")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Good files are named good…, the others after what is wrong with them."""
    folder = tmp_path_factory.mktemp("damaged") / "pictures"
    folder.mkdir()
    random = np.random.default_rng(11)
    for number in range(COUNT):
        # Sorted, good and bad ones alternate.
        Image.fromarray(picture(number)).save(folder / f"{number:03}-good.png")
        damage = DAMAGES[number % len(DAMAGES)]
        path = folder / f"{number:03}-{getattr(damage, '__name__', damage)}.png"
        if damage == "folder":
            path.mkdir()
        elif damage == "link":
            os.symlink("nowhere.png", path)
        else:
            path.write_bytes(damage(random, number))
    return folder


@pytest.mark.parametrize("processes", [1, 2])
def test_just_the_good_are_in_the_dataset_and_each_bad_one_is_listed(folder, tmp_path, processes):
    out = tmp_path / "out"
    info = write_dataset(open_source(str(folder)), options(16), str(out), processes=processes)
    assert (info.num_images, info.num_rejected) == (COUNT, COUNT)
    dataset = tf.data.TFRecordDataset(list(info.files[16]))
    got = [decode_record(record)[1] for record in dataset.as_numpy_iterator()]
    numbers = [int(image[0, 0, 0]) * 256 + int(image[0, 0, 1]) for image in got]
    assert sorted(numbers) == list(range(COUNT))
    for number, image in zip(numbers, got, strict=True):
        np.testing.assert_array_equal(image, picture(number))

    lines = (out / "rejected.jsonl").read_text().splitlines()
    reasons = {line["picture"]: line["reason"] for line in map(json.loads, lines)}
    assert len(lines) == len(reasons) == COUNT
    bad = {path.name for path in folder.iterdir() if "good" not in path.name}
    assert {name.split("/")[-1] for name in reasons} == bad
    for name, reason in reasons.items():
        assert reason
        assert "\n" not in reason
        assert "0x" not in reason  # no addresses: the same files give the same bytes
        if "absurd" in name:
            assert "too many" in reason
