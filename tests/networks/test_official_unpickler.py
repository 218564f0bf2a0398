"""Pickles are read without running anything in them."""

import pickle

import numpy as np
import pytest

from pgan_tf.networks import official
from tests.helpers.golden_cases import GOLDEN, load_case
from tests.helpers.made_source import encode
from tests.helpers.official_pickles import (
    Call,
    Global,
    dump,
    dump_calls,
    pickle_of_case,
    read_bytes,
    state_of,
)
from tfrecords.common.errors import UserError


@pytest.mark.parametrize("protocol", [3, 5])
def test_pickles_of_every_protocol(protocol, tmp_path):
    """4 is the published; 5 is NumPy 2's, with other names, if somebody saves it again."""
    networks = read_bytes(tmp_path, pickle_of_case("wide_group", protocol=protocol))
    expected = read_bytes(tmp_path, pickle_of_case("wide_group"))
    for kind in ("generator", "discriminator"):
        ours, theirs = getattr(networks, kind), getattr(expected, kind)
        assert ours.config == theirs.config
        for name, array in ours.arrays.items():
            np.testing.assert_array_equal(array, theirs.arrays[name])


RECONSTRUCT = Global("numpy.core.multiarray", "_reconstruct")
HOSTILE = {
    "os.system": Call(Global("os", "system"), ["touch ran"]),
    "subprocess.Popen": Call(Global("subprocess", "Popen"), [["touch", "ran"]]),
    "__builtin__.eval": Call(Global("__builtin__", "eval"), ["open('ran', 'w')"]),
    "builtins.getattr": Call(Global("builtins", "getattr"), [Global("numpy", "dtype"), "mro"]),
    "numpy.os.system": Call(Global("numpy", "os.system"), ["touch ran"]),
    "numpy.core.multiarray.fromfile": Call(Global("numpy.core.multiarray", "fromfile"), ["ran"]),
    "tfutil.init_tf": Call(Global("tfutil", "init_tf"), []),
    "unknown class": Call(RECONSTRUCT, [Global("tfutil", "Network"), (0,), b"b"]),
    "without fields": Call(Global("tfutil", "Network"), [], [1]),
}


@pytest.mark.parametrize("words", HOSTILE)
@pytest.mark.parametrize("protocol", [3, 4])
def test_hostile_pickles_are_refused_and_nothing_runs(words, protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=rf"file\.pkl: .* of networks[^\n]*{words}[^\n]*$"):
        read_bytes(tmp_path, dump_calls(HOSTILE[words], protocol))
    assert [path.name for path in tmp_path.iterdir()] == ["file.pkl"]


def test_what_is_refused_would_have_run(tmp_path, monkeypatch):
    """Else the test above would say nothing."""
    monkeypatch.chdir(tmp_path)
    pickle.loads(dump_calls(HOSTILE["os.system"]))
    assert (tmp_path / "ran").exists()


def test_a_call_hidden_in_a_network_is_refused(tmp_path, monkeypatch):
    """In the place of an array, all else being as published."""
    monkeypatch.chdir(tmp_path)
    states = [state_of(load_case("base"), name) for name in ("G", "D", "Gs")]
    states[2]["variables"][-1] = ("ToRGB_lod0/bias", HOSTILE["os.system"])
    network = Global("tfutil", "Network")
    data = dump_calls(tuple(Call(network, [], state) for state in states))
    with pytest.raises(UserError, match=r"asks for os\.system: refused, and nothing in it was run"):
        read_bytes(tmp_path, data)
    assert not (tmp_path / "ran").exists()


STYLEGANS = {
    "1 and 2": Call(Global("dnnlib.tflib.network", "Network"), [], {"version": 4}),
    "2-ADA and 3": Call(Global("torch_utils.persistence", "_reconstruct_persistent_obj"), [{}]),
    "options first": {"kwargs": Call(Global("dnnlib.util", "EasyDict"), [])},
}


@pytest.mark.parametrize("networks", STYLEGANS.values(), ids=STYLEGANS)
@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("padding", [0, 60_000])
def test_a_pickle_of_stylegan_is_called_one(networks, protocol, padding, tmp_path):
    """Also where it takes so many operations that it is refused for these."""
    with pytest.raises(UserError, match=r"got one of StyleGAN .*nothing in it was run"):
        read_bytes(tmp_path, dump_calls((networks, [1] * padding), protocol))


def laughing():
    """A list of a list of a list, two each: written out it would have 2^60 numbers."""
    laughs = [1]
    for _ in range(60):
        laughs = [laughs, laughs]
    state = state_of(load_case("base"), "G")
    return dump([state | {"build_func_name": laughs}, state, state])


WHOLE = (GOLDEN / "separate_scale.pkl").read_bytes()
BINARY_2, BINARY_4 = pickle.PROTO + b"\x02", pickle.PROTO + b"\x04"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        *((WHOLE[:n], "damaged") for n in (0, 3000, len(WHOLE) // 2, len(WHOLE) - 1)),
        (b"PK\x03\x04", "damaged"),
        (b"<!DOCTYPE html>", "web page"),
        (encode(np.zeros((4, 4, 3), np.uint8)), r"pickle of networks, got a picture \(PNG\)"),
        *((data, "three networks") for data in (dump_calls(1), dump([{}, {}]))),
        (dump([{}] * 3), "G: expected a network"),
        (b"cos\nsystem\n(S'touch ran'\ntR.", "refused"),
        # A state for a class is no object's state.
        (b"\x80\x02ctfutil\nNetwork\n}b.", "something else"),
        # Memory and depth are not taken on a file's word: these claim 32 GiB and more, and a
        # million tuples within one another, on which Python would crash.
        (BINARY_2 + b"N" + pickle.LONG_BINPUT + b"\xff\xff\xff\x7f.", "three networks"),
        (BINARY_4 + pickle.BINBYTES8 + (2**45).to_bytes(8, "little") + b"1.", "damaged"),
        (BINARY_2 + b"})" + pickle.TUPLE1 * 10**6 + b"Ns.", "more than 50000 operations"),
        (laughing(), "parts of it used many times"),
    ],
    ids=range(16),
)
def test_damaged_and_other_files_are_one_line(data, words, tmp_path):
    with pytest.raises(UserError, match=rf"^[^\n]*{words}[^\n]*$") as caught:
        read_bytes(tmp_path, data)
    assert len(str(caught.value)) < 300


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(UserError, match="cannot be read: No such file"):
        official.read(str(tmp_path / "nowhere.pkl"))


def test_damage_anywhere_never_ends_in_a_traceback(tmp_path):
    """Bytes that are wrong are refused, or change numbers only."""
    whole = pickle_of_case("wide_group")
    random = np.random.default_rng(0)
    for _ in range(100):
        damaged = bytearray(whole)
        # Most of the file is numbers: the other parts are at its beginning.
        for at in random.integers(0, 800, 2):
            damaged[at] = random.integers(256)
        try:
            read_bytes(tmp_path, bytes(damaged))
        except UserError as error:
            assert "\n" not in str(error)
