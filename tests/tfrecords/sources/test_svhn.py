"""MATLAB files: what SciPy writes is read as it reads it, and claims are not believed."""

import io
import struct
import zlib

import numpy as np
import pytest
from scipy import io as scipy_io

from tests.helpers.source_helpers import assert_gives, assert_refused, bounded, picture
from tfrecords.common import limits
from tfrecords.sources.by_name import open_source
from tfrecords.sources.svhn import read_arrays

MIB = 2**20


@pytest.mark.parametrize("packed", [False, True])
def test_svhn_gives_pictures_and_digits_10_for_0(tmp_path, packed):
    pictures = [picture(i, (32, 32)) for i in range(11)]
    content = {"X": np.stack(pictures, axis=-1), "y": [[i % 10 + 1] for i in range(11)]}
    file = str(tmp_path / "train_32x32.mat")
    scipy_io.savemat(file, content, do_compression=packed)
    source = open_source(f"svhn:{file}")
    assert (source.name, list(map(min, source.sample_sizes()))) == ("svhn-train_32x32", [32])
    assert_gives(source, pictures)
    assert source.label_names == tuple("0123456789")
    np.testing.assert_array_equal(source.labels.classes, [*range(1, 10), 0, 1])
    assert open_source(file).identity == source.identity
    assert open_source(f"svhn:{tmp_path}:train").identity == source.identity
    assert_refused(r"extra_32x32\.mat: cannot be read: No such file", f"svhn:{tmp_path}:extra")


@pytest.mark.parametrize(
    ("shape", "kind", "digits", "message"),
    [
        *(((4, 4, 3, 3), "u1", [1, 1], "expected X"), ((4, 4, 3, 3), "i1", [1] * 3, "expected X")),
        *(((4, 4, 1, 3), "u1", [1] * 3, "expected X"), ((4, 4, 3, 0), "u1", [], "expected X")),
        *(((4, 4, 3, 2), "u1", [1, bad], "digits from 1 to 10") for bad in (11, np.nan, -1)),
    ],
)
def test_other_arrays_are_refused(tmp_path, shape, kind, digits, message):
    file = str(tmp_path / "a.mat")
    scipy_io.savemat(file, {"X": np.zeros(shape, kind), "y": np.array(digits)})
    assert_refused(message, file)


def read(data):
    return read_arrays(io.BytesIO(data), len(data), "a.mat", ("X", "y"))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["u1", "u2", "i4", "f4", "f8"])
def test_arrays_are_those_that_were_saved(kind, packed):
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (8, 8, 3, 5), np.uint8)
    arrays = {"X": pictures, "y": random.integers(1, 11, (5, 1)).astype(kind)}
    file = io.BytesIO()
    scipy_io.savemat(file, arrays | {"other": "text"}, do_compression=packed)
    found = read(file.getvalue())
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def part(kind, data):
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def sizes(*numbers):
    return part(5, struct.pack(f"<{len(numbers)}i", *numbers))


HEADER = b" " * 124 + b"\0\1IM"
FLAGS, NAME, VALUES = part(6, struct.pack("<II", 9, 0)), part(1, b"X"), part(2, bytes(48))
SIZES = sizes(4, 4, 3, 1)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("elements", "words"),
    [
        (FLAGS + sizes(4, 4, 3, 2) + NAME + VALUES, "48 bytes in X for"),
        (FLAGS + sizes(4, 4, 3, -1) + NAME + VALUES, "expected numbers in X"),
        (FLAGS + sizes(*[1] * 33) + NAME + VALUES, "X has no shape"),
        (part(6, b"") + SIZES + NAME + VALUES, "X has no shape"),
        (part(6, struct.pack("<II", 4, 0)) + SIZES + NAME + VALUES, "expected numbers in X"),
        (part(6, struct.pack("<II", 0x809, 0)) + SIZES + NAME + VALUES, "expected numbers in X"),
        (FLAGS + SIZES + NAME + struct.pack("<II", 2, 2**31) + bytes(48), "ends early"),
        (FLAGS + SIZES + struct.pack("<HHQ", 1, 5, 0) + VALUES, "a damaged small element"),
    ],
)
def test_an_array_is_what_its_header_says(elements, words, packed):
    whole = part(14, elements)
    with pytest.raises(ValueError, match=words):
        read(HEADER + (part(15, zlib.compress(whole)) if packed else whole))


def test_what_ends_early_or_is_no_matlab_file_is_refused(tmp_path):
    data = HEADER + part(14, FLAGS + SIZES + NAME + VALUES)
    assert read(data)["X"].shape == (4, 4, 3, 1)
    with pytest.raises(ValueError, match="ends early"):
        read(data[:-20])
    (tmp_path / "a.mat").write_bytes(b"no such thing" * 20)
    assert_refused(r"a\.mat: cannot be read: no MATLAB file of format 5", tmp_path / "a.mat")


def test_a_matlab_file_does_not_unpack_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "_MOST_MORE", 4 * MIB)
    matrix = FLAGS + SIZES + NAME + struct.pack("<II", 2, 64 * MIB) + bytes(64 * MIB)
    packed = zlib.compress(struct.pack("<II", 14, len(matrix)) + matrix, 1)
    path = tmp_path / "train_32x32.mat"
    path.write_bytes(HEADER + struct.pack("<II", 15, len(packed)) + packed)
    with bounded(8):
        assert_refused("unpack to", f"svhn:{path}")
