import json
import os

import numpy as np
import pytest

from tests.helpers.made_source import encode, options
from tests.helpers.picture_files import png_of_size
from tfrecords.format.record import decode_record
from tfrecords.format.record_file import RecordFile
from tfrecords.sources.by_name import open_source
from tfrecords.writing.writer import write_dataset

COUNT = 140
KINDS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")


def picture(number):
    """A good picture: noise, of which the first value is the number."""
    pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), np.uint8)
    pixels[0, 0, 0] = number
    return pixels


def damage(path, number, random):
    """Writes what is no picture, in one of six ways, and returns why it is none."""
    data = bytearray(encode(picture(number), KINDS[number // 6 % 6] if number % 6 == 0 else "PNG"))
    if number % 6 == 0:  # ends within the pixels
        path.write_bytes(data[: random.integers(1, len(data) * 2 // 3)])
    elif number % 6 == 1:  # a bit of the signature, or of the header, which has a checksum
        start, end = ((0, 8), (16, 33))[number // 6 % 2]
        data[random.integers(start, end)] ^= 1 << random.integers(0, 8)
        path.write_bytes(data)
    elif number % 6 == 2:  # the kind of block that the compressed data start with: 3 is none
        data[data.index(b"IDAT") + 4 + 2] |= 0b110
        path.write_bytes(data)
    elif number % 6 == 3:
        path.write_bytes(b"This is no picture, whatever its name says.\n" * (number // 6 % 4))
    elif number % 6 == 4:
        path.write_bytes(png_of_size(*random.integers(2**14, 2**31, 2).tolist()))
        return "too many"
    else:
        os.symlink("nowhere.png", path) if number % 12 == 5 else path.mkdir()
    return ""


@pytest.mark.parametrize("processes", [1, 2])
def test_just_the_good_are_in_the_dataset_and_each_bad_one_is_listed(tmp_path, processes):
    folder, out = tmp_path / "pictures", tmp_path / "out"
    folder.mkdir()
    random, bad = np.random.default_rng(11), {}
    for number in range(COUNT):  # sorted, good and bad ones alternate
        (folder / f"{number:03}.png").write_bytes(encode(picture(number)))
        path = folder / f"{number:03}-bad.png"
        bad[path.name] = damage(path, number, random)

    info = write_dataset(open_source(str(folder)), options(16), str(out), processes=processes)
    assert (info.num_images, info.num_rejected) == (COUNT, COUNT)
    file = RecordFile(info.files[16][0])
    images = [decode_record(file.read(index))[1] for index in range(len(file))]
    assert sorted(image[0, 0, 0] for image in images) == list(range(COUNT))
    for image in images:
        np.testing.assert_array_equal(image, picture(image[0, 0, 0]))

    lines = map(json.loads, (out / "rejected.jsonl").read_text().splitlines())
    listed = [(os.path.basename(line["picture"]), line["reason"]) for line in lines]
    assert sorted(name for name, _ in listed) == sorted(bad)
    for name, reason in listed:
        assert reason
        assert "\n" not in reason
        assert "0x" not in reason  # no addresses: the same files give the same bytes
        assert bad[name] in reason
