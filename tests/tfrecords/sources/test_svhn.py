"""MATLAB files: what SciPy writes is read as it reads it, and claims are not believed."""

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from scipy import io as scipy_io

from tests.helpers.source_helpers import assert_refused, open_elsewhere, picture
from tfrecords.common import limits
from tfrecords.sources.by_name import open_source
from tfrecords.sources.svhn import read_arrays

MIB = 2**20


def test_svhn_gives_pictures_and_digits_10_for_0(tmp_path):
    pictures = np.stack([picture(i % 11, (32, 32)) for i in range(1003)], axis=-1)
    digits = (np.arange(1003) % 11 + 1).reshape(-1, 1).clip(max=10).astype(np.uint8)
    file = str(tmp_path / "train_32x32.mat")
    scipy_io.savemat(file, {"X": pictures, "y": digits})
    source = open_source(f"svhn:{file}")
    assert (source.name, source.num_pictures) == ("svhn-train_32x32", 1003)
    read = open_elsewhere(source)
    for index in (1002, 10, 0):
        np.testing.assert_array_equal(read(index), picture(index % 11, (32, 32)))
    assert source.label_names == tuple("0123456789")
    np.testing.assert_array_equal(source.labels.classes[:11], [*range(1, 10), 0, 0])
    assert list(source.sample_sides()) == [32]
    assert open_source(file).identity == source.identity
    assert open_source(f"svhn:{tmp_path}:train").identity == source.identity
    assert_refused(r"extra_32x32\.mat: cannot be read: No such file", f"svhn:{tmp_path}:extra")


@pytest.mark.parametrize(
    ("pictures", "digits", "message"),
    [
        (np.zeros((4, 4, 3, 3), np.uint8), np.ones(4), "expected X, uint8"),
        (np.zeros((4, 4, 3, 3), np.int8), np.ones(3), "expected X, uint8"),
        (np.zeros((4, 4, 1, 3), np.uint8), np.ones(3), "expected X, uint8"),
        (np.zeros((4, 4, 3, 0), np.uint8), np.ones(0), "expected X, uint8"),
        (np.zeros((4, 4, 3, 2), np.uint8), np.array([1, 11]), "expected digits from 1 to 10"),
        (np.zeros((4, 4, 3, 2), np.uint8), np.array([1, np.nan]), "expected digits from 1 to 10"),
        (np.zeros((4, 4, 3, 2), np.uint8), np.array([1, -1]), "expected digits from 1 to 10"),
    ],
)
def test_other_arrays_are_refused(tmp_path, pictures, digits, message):
    file = str(tmp_path / "a.mat")
    scipy_io.savemat(file, {"X": pictures, "y": digits})
    assert_refused(message, file)


def test_what_is_no_matlab_file_is_refused(tmp_path):
    (tmp_path / "a.mat").write_bytes(b"no such thing" * 20)
    assert_refused(r"a\.mat: cannot be read: no MATLAB file of format 5", tmp_path / "a.mat")


def read(data):
    return read_arrays(io.BytesIO(data), len(data), "a.mat", ("X", "y"))


def saved(arrays, **options):
    file = io.BytesIO()
    scipy_io.savemat(file, arrays, **options)
    return file.getvalue()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["u1", "u2", "i4", "f4", "f8"])
def test_arrays_are_those_that_were_saved(kind, packed):
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (8, 8, 3, 5), np.uint8)
    arrays = {"X": pictures, "y": random.integers(1, 11, (5, 1)).astype(kind)}
    found = read(saved(arrays | {"other": "text"}, do_compression=packed))
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def part(kind, data):
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


HEADER = b" " * 124 + b"\0\1IM"
FLAGS, NAME = part(6, struct.pack("<II", 9, 0)), part(1, b"X")
SIZES = part(5, struct.pack("<4i", 4, 4, 3, 1))
VALUES = part(2, bytes(48))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("elements", "words"),
    [
        (FLAGS + SIZES + NAME + VALUES, None),
        (FLAGS + part(5, struct.pack("<4i", 4, 4, 3, 2)) + NAME + VALUES, "48 bytes in X for"),
        (FLAGS + part(5, struct.pack("<4i", 4, 4, 3, -1)) + NAME + VALUES, "expected numbers in X"),
        (FLAGS + part(5, struct.pack("<33i", *[1] * 33)) + NAME + VALUES, "X has no shape"),
        (part(6, b"") + SIZES + NAME + VALUES, "X has no shape"),
        (part(6, struct.pack("<II", 4, 0)) + SIZES + NAME + VALUES, "expected numbers in X"),
        (part(6, struct.pack("<II", 0x809, 0)) + SIZES + NAME + VALUES, "expected numbers in X"),
        (FLAGS + SIZES + NAME + struct.pack("<II", 2, 2**31) + bytes(48), "ends early"),
        (FLAGS + SIZES + struct.pack("<HHQ", 1, 5, 0) + VALUES, "a damaged small element"),
    ],
)
def test_an_array_is_what_its_header_says(elements, words, packed):
    whole = part(14, elements)
    data = HEADER + (part(15, zlib.compress(whole)) if packed else whole)
    if words is None:
        assert read(data)["X"].shape == (4, 4, 3, 1)
        with pytest.raises(ValueError, match="ends early"):
            read(data[:-20])
        return
    with pytest.raises(ValueError, match=words):
        read(data)


def test_text_in_the_place_of_numbers_is_refused():
    with pytest.raises(ValueError, match="expected numbers in X"):
        read(saved({"X": "text"}))


def test_a_matlab_file_does_not_unpack_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "_MOST_MORE", 4 * MIB)
    matrix = FLAGS + SIZES + NAME + struct.pack("<II", 2, 64 * MIB) + bytes(64 * MIB)
    packed = zlib.compress(struct.pack("<II", 14, len(matrix)) + matrix, 1)
    path = tmp_path / "train_32x32.mat"
    path.write_bytes(HEADER + struct.pack("<II", 15, len(packed)) + packed)
    tracemalloc.start()
    try:
        assert_refused("unpack to", f"svhn:{path}")
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()
