import gzip
import struct

import numpy as np
import pytest

from tests.helpers.source_helpers import assert_refused, open_elsewhere
from tfrecords.pictures.defaults import choose_resolution
from tfrecords.sources.by_name import open_source
from tfrecords.sources.idx import choose_digits


def digit(seed):
    return np.random.default_rng(seed).integers(0, 256, (28, 28), np.uint8)


def write_mnist(folder, packed=False, count=5, split="train", classes=10):
    folder.mkdir(parents=True, exist_ok=True)
    pixels = b"".join(digit(i).tobytes() for i in range(count))
    images = struct.pack(">4I", 2051, count, 28, 28) + pixels
    labels = struct.pack(">2I", 2049, count) + bytes(i % classes for i in range(count))
    for name, data in (("images-idx3", images), ("labels-idx1", labels)):
        path = folder / f"{split}-{name}-ubyte{'.gz' if packed else ''}"
        path.write_bytes(gzip.compress(data) if packed else data)


@pytest.mark.parametrize("packed", [False, True])
def test_mnist_is_padded_to_32_px_with_its_digits_for_labels(tmp_path, packed):
    write_mnist(tmp_path, packed)
    write_mnist(tmp_path, packed, count=12, split="t10k")
    source = open_source(f"mnist:{tmp_path}")
    assert (source.name, source.num_pictures) == (f"{tmp_path.name}-train", 5)
    assert choose_resolution(source.sample_sides()) == 32
    read = open_elsewhere(source)
    for index in (4, 0):
        np.testing.assert_array_equal(read(index), np.pad(digit(index), 2))
    assert source.label_names == tuple("0123456789")
    np.testing.assert_array_equal(source.labels.classes, range(5))
    assert open_source(str(tmp_path)).identity == source.identity
    test = open_source(f"mnist:{tmp_path}:test")
    assert (test.num_pictures, test.label_names) == (12, tuple("0123456789"))
    assert test.identity != source.identity
    for labels in tmp_path.glob("*labels*"):
        labels.unlink()
    assert open_source(f"mnist:{tmp_path}", labels="none").labels is None


def test_fashion_mnist_has_its_names(tmp_path):
    for packed in (True, False):  # both are there
        write_mnist(tmp_path / "Fashion-MNIST", packed)
    assert open_source(str(tmp_path / "Fashion-MNIST")).label_names[9] == "Ankle boot"


def test_more_than_ten_classes_are_called_by_their_numbers(tmp_path):
    write_mnist(tmp_path, count=12, classes=12)
    assert open_source(f"mnist:{tmp_path}").label_names == tuple(map(str, range(12)))


# paper, appendix D
def test_mnist_in_three_colors_is_made_of_random_digits(tmp_path):
    write_mnist(tmp_path, packed=True)
    source = open_source(f"mnist_rgb:{tmp_path}:40")
    assert (source.num_pictures, source.labels) == (40, None)
    assert choose_resolution(source.sample_sides()) == 32
    read = open_elsewhere(source)
    for index in (39, 3):
        digits = [np.pad(digit(one), 2) for one in choose_digits(index, 5)]
        np.testing.assert_array_equal(read(index), np.stack(digits, axis=-1))
    assert len({tuple(choose_digits(index, 5)) for index in range(40)}) > 25
    assert choose_digits(7, 60_000).tolist() == [28809, 16265, 47547]
    assert open_source(f"mnist_rgb:{tmp_path}").num_pictures == 200_000
    for count in ("0", "1000000000"):
        assert_refused(f"1 or more, got {count}", f"mnist_rgb:{tmp_path}:{count}")
    assert open_source(f"mnist_rgb:{tmp_path}:999999999").num_pictures == 999_999_999


def test_missing_and_damaged_files_are_one_line(tmp_path):
    assert_refused(r"train-images-idx3-ubyte\.gz in .*, found 0", f"mnist:{tmp_path / 'absent'}")
    write_mnist(tmp_path)
    images, labels = (tmp_path / f"train-{n}-ubyte" for n in ("images-idx3", "labels-idx1"))
    good, good_labels = images.read_bytes(), labels.read_bytes()
    for damaged, message in (
        *((good_labels[:-1], "5 labels, got 4"), (good_labels + b"x", "5 labels, got 6")),
        *((b"x" + good_labels[1:], "damaged"), (good_labels[:7] + b"\4" + bytes(5), "damaged")),
    ):
        labels.write_bytes(damaged)
        assert_refused(message, f"mnist:{tmp_path}")
    labels.write_bytes(good_labels)
    for damaged, message in (
        *((good[:-1], "5 pictures of 28x28"), (good + b"x", "5 pictures of 28x28")),
        *((good[:10], "damaged"), (b"x" * 99, "damaged"), (b"", "damaged")),
    ):
        images.write_bytes(damaged)
        assert_refused(message, f"mnist:{tmp_path}")
    images.unlink()
    images.with_name(images.name + ".gz").write_bytes(gzip.compress(good)[:-20])
    assert_refused("cannot be read", f"mnist:{tmp_path}")


@pytest.mark.parametrize("count", [2**31, 2**32 - 1])
def test_a_header_that_claims_more_than_there_is_is_refused(tmp_path, count):
    """2^32 times 2^16 times 2^16 pixels are none, in the numbers of a machine."""
    path = tmp_path / "train-images-idx3-ubyte"
    for shape in ((count, 28, 28), (count, 2**16, 2**16), (2, 28, 28), (0, 28, 28)):
        header = struct.pack(">4I", 2051, *shape)
        for ending, data in (("", header + bytes(100)), (".gz", gzip.compress(header + bytes(99)))):
            file = path.with_name(path.name + ending)
            file.write_bytes(data)
            assert_refused("is it damaged", f"mnist:{tmp_path}")
            file.unlink()
