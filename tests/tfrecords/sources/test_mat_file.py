"""MATLAB files: what SciPy writes is read as it reads it, and claims are not believed."""

import struct
import zlib

import numpy as np
import pytest
from scipy import io as scipy_io

from tfrecords.sources.svhn import read_arrays


def read(path):
    with open(path, "rb") as file:
        return read_arrays(file, path.stat().st_size, str(path), ("X", "y"))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["u1", "u2", "i4", "f4", "f8"])
def test_arrays_are_those_that_were_saved(kind, packed, tmp_path):
    random = np.random.default_rng(0)
    saved = {
        "X": random.integers(0, 256, (8, 8, 3, 5), np.uint8),
        "y": random.integers(1, 11, (5, 1)).astype(kind),
    }
    path = tmp_path / "a.mat"
    scipy_io.savemat(path, {**saved, "other": "text"}, do_compression=packed)
    found = read(path)
    assert found.keys() == saved.keys()
    for name, array in saved.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


@pytest.mark.parametrize("packed", [False, True])
def test_an_array_that_claims_more_than_there_is_is_refused(packed, tmp_path):
    sizes = struct.pack("<II4i", 5, 16, 1024, 1024, 3, 600)
    array = struct.pack("<IIII", 6, 8, 9, 0) + sizes + struct.pack("<HHcxxx", 1, 1, b"X")
    array += struct.pack("<II", 2, 1024 * 1024 * 3 * 600)
    part = struct.pack("<II", 14, len(array)) + array
    if packed:
        part = zlib.compress(part)
        part = struct.pack("<II", 15, len(part)) + part
    path = tmp_path / "a.mat"
    path.write_bytes(b" " * 124 + b"\0\1IM" + part)
    with pytest.raises(ValueError, match="ends early"):
        read(path)


def test_text_in_the_place_of_numbers_is_refused(tmp_path):
    path = tmp_path / "a.mat"
    scipy_io.savemat(path, {"X": "text"})
    with pytest.raises(ValueError, match="expected numbers in X"):
        read(path)
