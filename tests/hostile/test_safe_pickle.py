"""Pickles are read in bounded time and memory, whatever they say (see test_official_unpickler)."""

import pickle
import struct
import time

import numpy as np
import pytest

from tfrecords.common.errors import UserError
from tfrecords.pickles import safe_pickle
from tfrecords.pickles.arrays import plain
from tfrecords.sources.by_name import open_source

START = b"\x80\x02"


def load(data, most_operations=50_000):
    return safe_pickle.load(data, "file.pkl", "arrays", most_operations)


def text(words):
    return b"X" + struct.pack("<I", len(words)) + words


def name(module, what):
    return b"c" + module + b"\n" + what + b"\n"


def dtype(code):
    return name(b"numpy", b"dtype") + text(code) + b"\x89\x88\x87R"


REBUILD = name(b"numpy.core.multiarray", b"_reconstruct")
EMPTY = REBUILD + name(b"numpy", b"ndarray") + b"K\x00\x85C\x01b\x87R"


def array(dtype_code, shape, data):
    """A pickled array; `shape` and `data` are pickled already."""
    return EMPTY + b"(K\x01" + shape + dtype_code + b"\x89" + data + b"tb"


def nested(times, start, twice):
    """A value made of `start`, each time two of the last one, which is remembered."""
    steps = (b"q" + bytes([i]) + b"h" + bytes([i]) + twice for i in range(times))
    return start + b"".join(steps)


# A dtype whose state says that it holds a pointer, where its name says bytes.
FORGED = (
    dtype(b"V8")
    + (b"(K\x03" + text(b"|") + b"N" + text(b"a") + b"\x85}" + text(b"a") + dtype(b"O8"))
    + b"K\x00\x86sK\x08K\x01K\x00tb"
)
POINTER = b"C\x08" + b"A" * 8
SHARED_BYTES = b"B" + struct.pack("<I", 10**6) + bytes(10**6) + b"q\x000"

HOSTILE = (
    ("something else than numbers", array(FORGED, b"K\x01\x85", POINTER)),
    ("something else than numbers", array(dtype(b"O8"), b"K\x01\x85", POINTER)),
    ("a tuple for a key", b"}" + nested(60, b")", b"\x86") + b"Ns"),
    ("1 for a key", b"}K\x01Ns"),
    ("parts of it used many times", nested(60, b")", b"\x86")),
    ("parts of it used many times", nested(60, b"]", b"\x86")),
    ("holds itself", b"]q\x00h\x00a"),
    ("holds itself", b"}q\x00" + text(b"a") + b"h\x00s"),
    ("100 lists deep", b")" + b"\x85" * 5000),
    ("more than 50000 operations", b")" + b"\x85" * 10**6),
    ("uses LONG4", b"\x8b" + struct.pack("<i", 10**6) + b"\x7f" * 10**6),
    ("holds a number of 2039 bits", b"\x8a\xff" + b"\x7f" * 255),
    ("bytes for the shape", array(dtype(b"f4"), b"M\xff\xffM\xff\xffM\xff\xff\x87", POINTER)),
    ("an array without a shape", array(dtype(b"u1"), b"(" + b"K\x01" * 50 + b"t", b"C\x01a")),
    ("an array without a shape", array(dtype(b"u1"), b"J\xff\xff\xff\xff\x85", b"C\x01a")),
    (
        "many arrays of the same bytes",
        b"\x80\x02]("
        + SHARED_BYTES
        + array(dtype(b">f8"), b"J" + struct.pack("<i", 125_000) + b"\x85", b"h\x00") * 1000
        + b"e",
    ),
    ("uses EXT1", b"\x82\x01"),
    ("uses PERSID", b"Pname\n"),
    ("uses BINPERSID", b"K\x01Q"),
    ("uses NEXT_BUFFER", b"\x97"),
    ("uses OBJ", b"(" + name(b"numpy", b"dtype") + b"o"),
    ("uses INST", b"(inumpy\ndtype\n"),
    ("a state for what takes none", b"]K\x01b"),
    ("a state where none belongs", name(b"numpy", b"ndarray") + b")RK\x01b"),
    ("a call of what is no function", b"K\x01)R"),
    ("items of what is no list", b"K\x01K\x02a"),
    ("damaged", b"K\x010"),
    ("damaged", b"h\x07"),
    ("something else or a damaged file", text(b"a")[:-1]),
    ("damaged", b"\x8d" + struct.pack("<Q", 2**62) + b"a"),
)


@pytest.mark.parametrize(("words", "operations"), HOSTILE)
def test_hostile_pickles_are_one_line_at_once(words, operations):
    started = time.monotonic()
    with pytest.raises(UserError, match=words) as caught:
        load(START + operations + b".")
    assert time.monotonic() - started < 5
    assert str(caught.value).startswith("file.pkl: expected a pickle of arrays")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("protocol", range(6))
def test_what_is_no_harm_is_read(protocol):
    """Text pickles too: CIFAR's own `batches.meta` may be one."""
    value = {"names": ["cat", "dog"], "counts": (1, -2, 2**40), "more": [None, True, 0.5, b"\xff"]}
    value |= {"again": [value["names"]] * 3}
    assert load(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("kind", ["u1", "<i8", ">i4", "f2", "<f4", ">f8", "?"])
def test_arrays_and_numbers_come_back(protocol, kind):
    expected = (np.arange(24).reshape(2, 3, 4) % 7).astype(kind)
    for one in (expected, expected.T, expected[0, 0, 1]):
        got = plain(load(pickle.dumps(one, protocol)))
        np.testing.assert_array_equal(got, one)
        assert got.dtype.kind == one.dtype.kind
        assert got.dtype.isnative


def test_a_forged_pointer_in_cifars_names_is_refused(tmp_path):
    for number in range(1, 6):
        batch = {b"data": np.zeros((2, 3072), np.uint8), b"labels": [0, 0]}
        (tmp_path / f"data_batch_{number}").write_bytes(pickle.dumps(batch, 2))
    forged = array(FORGED, b"K\x01\x85", POINTER)
    for names in (forged, nested(60, b"]", b"\x86")):
        meta = START + b"}" + text(b"label_names") + b"](" + names + b"es."
        (tmp_path / "batches.meta").write_bytes(meta)
        with pytest.raises(UserError, match=r"batches\.meta: expected a pickle of arrays"):
            open_source(f"cifar10:{tmp_path}")
