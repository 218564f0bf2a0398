"""Damaged files among good ones: all the good are in the dataset, all the bad listed."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from tests.helpers.made_source import encode, options
from tests.helpers.picture_files import png_of_size
from tfrecords.format.record import decode_record
from tfrecords.format.record_file import RecordFile
from tfrecords.sources.by_name import open_source
from tfrecords.writing.writer import write_dataset

COUNT = 140


def picture(number):
    """A good picture: noise, of which the first pixel is the number."""
    pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), np.uint8)
    pixels[0, 0] = (number // 256, number % 256, 0)
    return pixels


def cut(random, number):
    """Ends within the pixels."""
    data = encode(picture(number), ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")[number % 6])
    return data[: random.integers(1, len(data) * 2 // 3)]


def flip(random, number):
    """Has bytes flipped where no decoder can overlook it."""
    data = bytearray(encode(picture(number)))
    if number % 3 == 0:  # the signature
        data[random.integers(0, 8)] ^= 1 << random.integers(0, 8)
    elif number % 3 == 1:  # the header, which has a checksum
        data[random.integers(16, 33)] ^= 1 << random.integers(0, 8)
    else:  # the kind of block that the compressed data start with: 3 is none
        data[data.index(b"IDAT") + 4 + 2] |= 0b110
    return bytes(data)


def absurd(random, number):
    """A header that claims gigapixels, before a few bytes."""
    return png_of_size(*random.integers(2**14, 2**31, 2).tolist())


def text(random, number):
    return b"This is no picture, whatever its name says.\n" * (number % 5)


DAMAGES = (cut, flip, text, absurd, "folder", "link")


@pytest.mark.parametrize("processes", [1, 2])
def test_just_the_good_are_in_the_dataset_and_each_bad_one_is_listed(tmp_path, processes):
    folder, out = tmp_path / "pictures", tmp_path / "out"
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

    info = write_dataset(open_source(str(folder)), options(16), str(out), processes=processes)
    assert (info.num_images, info.num_rejected) == (COUNT, COUNT)
    file = RecordFile(info.files[16][0])
    images = [decode_record(file.read(index))[1] for index in range(len(file))]
    numbers = [int(image[0, 0, 0]) * 256 + int(image[0, 0, 1]) for image in images]
    assert sorted(numbers) == list(range(COUNT))
    for number, image in zip(numbers, images, strict=True):
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
        assert ("too many" in reason) == ("absurd" in name)
