"""Pickles and .npy files are read in bounded time and memory, whatever they say."""

import io
import pickle
import struct
import time

import numpy as np
import pytest

from tests.helpers.source_helpers import assert_user_error
from tfrecords.common.errors import UserError
from tfrecords.pickles import safe_pickle
from tfrecords.pickles.arrays import PickledObject, parse_npy, plain


def load(data, most_operations=50_000, classes=None):
    return safe_pickle.load(data, "file.pkl", "arrays", most_operations, classes)


def text(words):
    return b"X" + struct.pack("<I", len(words)) + words


def name(module, what):
    return b"c" + module + b"\n" + what + b"\n"


def dtype(code, state=b""):
    return name(b"numpy", b"dtype") + text(code) + b"\x89\x88\x87R" + state


RECONSTRUCT = name(b"numpy.core.multiarray", b"_reconstruct")
ARGUMENTS = b"K\x00\x85C\x01b\x87R"
EMPTY = RECONSTRUCT + name(b"numpy", b"ndarray") + ARGUMENTS


def array(dtype_code, shape, data):
    """A pickled array; `shape` and `data` are pickled already."""
    return EMPTY + b"(K\x01" + shape + dtype_code + b"\x89" + data + b"tb"


def nested(times, start, twice):
    """A value made of `start`, each time two of the last one, which is remembered."""
    steps = (b"q" + bytes([i]) + b"h" + bytes([i]) + twice for i in range(times))
    return start + b"".join(steps)


# A dtype whose state says that it holds a pointer, where its name says bytes.
FORGED = dtype(b"V8") + b"(K\x03" + text(b"|") + b"N" + text(b"a") + b"\x85}" + text(b"a")
FORGED += dtype(b"O8") + b"K\x00\x86sK\x08K\x01K\x00tb"
POINTER = b"C\x08" + b"A" * 8
SHARED_BYTES = b"B" + struct.pack("<I", 10**6) + bytes(10**6) + b"q\x000"
SHARED = array(dtype(b">f8"), b"J" + struct.pack("<i", 125_000) + b"\x85", b"h\x00")
ORDERED = b"(K\x03" + text(b"x") + b"NNNK\x00K\x00K\x00tb"  # an order of bytes that there is not
ENCODE = name(b"_codecs", b"encode")

HOSTILE = (
    ("asks for os.system: refused", name(b"os", b"system") + text(b"touch ran") + b"\x85R"),
    ("something other than numbers", array(FORGED, b"K\x01\x85", POINTER)),
    ("something other than numbers", array(dtype(b"O8"), b"K\x01\x85", POINTER)),
    ("an unknown order of bytes", dtype(b"f4", ORDERED)),
    ("an array of an unknown class", RECONSTRUCT + b"N" + ARGUMENTS),
    ("a tuple for a key", b"}" + nested(60, b")", b"\x86") + b"Ns"),
    ("1 for a key", b"}K\x01Ns"),
    ("items for something that is not a dict", b"](" + text(b"a") + b"Nu"),
    ("items for something that is not a dict", b"}(" + text(b"a") + b"u"),
    ("parts of it used many times", nested(60, b")", b"\x86")),
    ("holds itself", b"]q\x00h\x00a"),
    ("holds itself", b"}q\x00" + text(b"a") + b"h\x00s"),
    ("100 lists deep", b")" + b"\x85" * 100),
    ("more than 50000 operations", b")" + b"\x85" * 10**6),
    ("uses LONG4", b"\x8b" + struct.pack("<i", 10**6) + b"\x7f" * 10**6),
    ("holds a number of 65 bits", b"\x8a\x09" + bytes(8) + b"\x01"),
    ("bytes for the shape", array(dtype(b"f4"), b"M\xff\xffM\xff\xffM\xff\xff\x87", POINTER)),
    ("an array without a shape", array(dtype(b"u1"), b"(" + b"K\x01" * 50 + b"t", b"C\x01a")),
    ("an array without a shape", array(dtype(b"u1"), b"J\xff\xff\xff\xff\x85", b"C\x01a")),
    ("an array without numbers", array(dtype(b"u1"), b"K\x01\x85", b"K\x01")),
    ("many arrays of the same bytes", b"](" + SHARED_BYTES + SHARED * 1000 + b"e"),
    ("bytes in an unknown encoding", ENCODE + text(b"a") + text(b"utf8") + b"\x86R"),
    ("uses EXT1", b"\x82\x01"),
    ("uses OBJ", b"(" + name(b"numpy", b"dtype") + b"o"),
    ("a state for an object that takes none", b"]K\x01b"),
    ("an unexpected state", name(b"numpy", b"ndarray") + b")RK\x01b"),
    ("a call of something that is not a function", b"K\x01)R"),
    ("a call without arguments", name(b"numpy", b"dtype") + b"]R"),
    ("items for something that is not a list", b"K\x01K\x02a"),
    ("a tuple of missing values", b"K\x01\x86"),
    ("a name that is not text", text(b"os") + b"K\x01\x93"),
    ("something else or a damaged file", text(b"a")[:-1]),
    ("damaged", b"\x8d" + struct.pack("<Q", 2**62) + b"a"),
)


@pytest.mark.parametrize(("words", "operations"), HOSTILE)
def test_hostile_pickles_are_one_line_at_once(words, operations):
    started = time.monotonic()
    with pytest.raises(UserError, match=words) as caught:
        load(b"\x80\x04" + operations + b".")
    assert time.monotonic() - started < 5
    assert str(caught.value).startswith("file.pkl: expected a pickle of arrays, got")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("protocol", range(6))
def test_numbers_text_and_collections_are_read(protocol):
    """Text pickles too: CIFAR's own `batches.meta` may be one."""
    value = {"names": ["cat", "dog"], "counts": (1, -2, 2**40), "more": [None, True, 0.5, b"\xff"]}
    value |= {"again": [value["names"]] * 3, "empty": [(), [], {}, (1,), False]}
    assert load(pickle.dumps(value, protocol)) == value


def test_limits_are_those_that_are_given():
    data = pickle.dumps([1, 2, 3], 2)  # 9 operations
    assert load(data, 9) == [1, 2, 3]
    assert_user_error("more than 8 operations", load, data, 8)
    assert load(b"\x80\x02)" + b"\x85" * 99 + b".") is not None
    assert load(b"\x8a\x08" + b"\xff" * 7 + b"\x7f.") == 2**63 - 1


def test_a_class_that_is_added_keeps_its_state_which_is_measured():
    class Network(PickledObject):
        def set_state(self, state):
            self.state = state

    classes = {("tfutil", "Network"): Network}
    start = name(b"tfutil", b"Network") + b")\x81"
    assert load(b"\x80\x02" + start + text(b"a") + b"b.", classes=classes).state == "a"
    for words, state in (("holds itself", b"q\x00h\x00"), ("used many", nested(60, b")", b"\x86"))):
        assert_user_error(words, load, b"\x80\x02" + start + state + b"b.", classes=classes)


@pytest.mark.parametrize("protocol", [2, 3, 5])
@pytest.mark.parametrize("kind", ["u1", "<i8", ">i4", "f2", "<f4", ">f8", "?"])
def test_arrays_and_numbers_come_back(protocol, kind):
    expected = (np.arange(24).reshape(2, 3, 4) % 7).astype(kind)
    for one in (expected, expected.T, expected[0, 0, 1]):
        got = plain(load(pickle.dumps(one, protocol)))
        np.testing.assert_array_equal(got, one)
        assert got.dtype.kind == one.dtype.kind
        assert got.dtype.isnative


def npy(array, version=(1, 0)):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version)
    return file.getvalue()


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_npy_files_are_read_as_numpy_does(version):
    for array in (np.arange(6.0).reshape(2, 3), np.arange(6).reshape(2, 3).T, np.zeros((0, 2))):
        np.testing.assert_array_equal(parse_npy(npy(array, version)), array)


WHOLE = npy(np.arange(6.0))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        *(
            (b"", "header"),
            (WHOLE[:20], "header"),
            (npy(np.zeros(2), (3, 0)), "an unknown version"),
        ),
        *((WHOLE[:-1], "47 bytes for the shape"), (WHOLE + b"x", "49 bytes for the shape")),
        (WHOLE.replace(b"(6,), ", b"(-6,),"), "without a shape"),
        (npy(np.zeros(2, "c8")), "expected numbers, got"),
    ],
)
def test_npy_files_that_are_none_are_refused(data, words):
    with pytest.raises(ValueError, match=words):
        parse_npy(data)
