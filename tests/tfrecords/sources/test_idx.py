import gzip
import struct

import numpy as np
import pytest

from tests.helpers.source_helpers import assert_gives, assert_refused, open_elsewhere
from tfrecords.pictures.defaults import choose_resolution
from tfrecords.sources.by_name import open_source
from tfrecords.sources.idx import choose_digits


def digit(seed):
    return np.random.default_rng(seed).integers(0, 256, (28, 28), np.uint8)


PADDED = [np.pad(digit(seed), 2) for seed in range(5)]


def write_mnist(folder, packed=False, count=5, split="train"):
    folder.mkdir(parents=True, exist_ok=True)
    pixels = b"".join(digit(i).tobytes() for i in range(count))
    images = struct.pack(">4I", 2051, count, 28, 28) + pixels
    labels = struct.pack(">2I", 2049, count) + bytes(range(count))
    for name, data in (("images-idx3", images), ("labels-idx1", labels)):
        path = folder / f"{split}-{name}-ubyte{'.gz' if packed else ''}"
        path.write_bytes(gzip.compress(data) if packed else data)


@pytest.mark.parametrize("packed", [False, True])
def test_mnist_is_padded_to_32_px_with_its_digits_for_labels(tmp_path, packed):
    write_mnist(tmp_path, packed)
    write_mnist(tmp_path, packed, count=12, split="t10k")
    source = open_source(f"mnist:{tmp_path}")
    assert source.name == f"{tmp_path.name}-train"
    assert_gives(source, PADDED)
    assert choose_resolution(source.sample_sizes()) == 32
    assert source.label_names == tuple("0123456789")
    np.testing.assert_array_equal(source.labels.classes, range(5))
    assert open_source(str(tmp_path)).identity == source.identity
    test = open_source(f"mnist:{tmp_path}:test")
    assert (test.num_pictures, test.label_names) == (12, tuple(map(str, range(12))))
    assert test.identity != source.identity
    write_mnist(tmp_path / "Fashion-MNIST", packed)
    assert open_source(f"{tmp_path}/Fashion-MNIST").label_names[9] == "Ankle boot"
    for labels in tmp_path.glob("*labels*"):
        labels.unlink()
    assert open_source(f"mnist:{tmp_path}", labels="none").labels is None


# paper, appendix D
def test_mnist_in_three_colors_is_made_of_random_digits(tmp_path):
    write_mnist(tmp_path, packed=True)
    source = open_source(f"mnist_rgb:{tmp_path}:40")
    assert (source.num_pictures, source.labels) == (40, None)
    assert choose_resolution(source.sample_sizes()) == 32
    read = open_elsewhere(source)
    for index in (39, 3):
        digits = [PADDED[one] for one in choose_digits(index, 5)]
        np.testing.assert_array_equal(read(index), np.stack(digits, axis=-1))
    assert len({tuple(choose_digits(index, 5)) for index in range(40)}) > 25
    assert choose_digits(7, 60_000).tolist() == [28809, 16265, 47547]
    assert open_source(f"mnist_rgb:{tmp_path}").num_pictures == 200_000
    for count in ("0", "1000000000"):
        assert_refused(f"1 or more, got {count}", f"mnist_rgb:{tmp_path}:{count}")
    assert open_source(f"mnist_rgb:{tmp_path}:999999999").num_pictures == 999_999_999


def test_missing_and_damaged_files_are_refused(tmp_path):
    assert_refused(r"train-images-idx3-ubyte\.gz in .*, found 0", f"mnist:{tmp_path / 'absent'}")
    write_mnist(tmp_path)
    images, labels = (tmp_path / f"train-{n}-ubyte" for n in ("images-idx3", "labels-idx1"))
    pixels, classes = images.read_bytes(), labels.read_bytes()
    overflow = struct.pack(">4I", 2051, 2**32 - 1, 2**16, 2**16)  # in 64 bits no pixels at all
    for path, damaged, message in (
        *((labels, classes[:-1], "5 labels, got 4"), (labels, classes + b"x", "5 labels, got 6")),
        *((labels, b"x" + classes[1:], "damaged"), (labels, classes[:7] + b"\4", "damaged")),
        *((images, pixels[:-1], "5 pictures of 28x28"), (images, pixels + b"x", "5 pictures")),
        *((images, pixels[:10], "damaged"), (images, overflow + bytes(99), "damaged")),
    ):
        whole = path.read_bytes()
        path.write_bytes(damaged)
        assert_refused(message, f"mnist:{tmp_path}")
        path.write_bytes(whole)
    for packed in (gzip.compress(pixels)[:-20], gzip.compress(overflow + bytes(99))):
        images.unlink(missing_ok=True)
        images.with_name(images.name + ".gz").write_bytes(packed)
        assert_refused("cannot be read|is it damaged", f"mnist:{tmp_path}")
