"""Pickles are read without running anything in them."""

import pickle

import numpy as np
import pytest

from pgan_tf.networks import official
from tests.helpers import golden_cases, official_pickles
from tests.helpers.made_source import encode
from tests.helpers.official_pickles import Call, Global, read_bytes
from tfrecords.common.errors import UserError


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_pickles_of_every_protocol(protocol, tmp_path):
    """4 is the published; 5 is NumPy 2's, with other names, if somebody saves it again."""
    data = official_pickles.pickle_of_case("wide_group", protocol=protocol)
    networks = read_bytes(tmp_path, data)
    expected = read_bytes(tmp_path, official_pickles.pickle_of_case("wide_group"))
    for ours, theirs in (
        (networks.generator, expected.generator),
        (networks.discriminator, expected.discriminator),
    ):
        assert ours.config == theirs.config
        for name, array in ours.arrays.items():
            np.testing.assert_array_equal(array, theirs.arrays[name])


DTYPE = Call(Global("numpy", "dtype"), ["f4", False, True], (3, "<", None, None, None, -1, -1, 0))
RECONSTRUCT = Global("numpy.core.multiarray", "_reconstruct")
ARRAY_ARGUMENTS = (Global("numpy", "ndarray"), (0,), b"b")


def array_of(shape, dtype, data):
    return Call(RECONSTRUCT, ARRAY_ARGUMENTS, (1, shape, dtype, False, data))


HOSTILE = {
    "os.system": Call(Global("os", "system"), ["touch ran"]),
    "posix.system": Call(Global("posix", "system"), ["touch ran"]),
    "subprocess.Popen": Call(Global("subprocess", "Popen"), [["touch", "ran"]]),
    "builtins.eval": Call(Global("builtins", "eval"), ["open('ran', 'w')"]),
    "__builtin__.eval": Call(Global("__builtin__", "eval"), ["open('ran', 'w')"]),
    "builtins.getattr": Call(Global("builtins", "getattr"), [Global("numpy", "dtype"), "mro"]),
    "numpy.os.system": Call(Global("numpy", "os.system"), ["touch ran"]),
    "numpy.core.multiarray.fromfile": Call(Global("numpy.core.multiarray", "fromfile"), ["ran"]),
    "numpy.save": Call(Global("numpy", "save"), ["ran", 1]),
    "tfutil.init_tf": Call(Global("tfutil", "init_tf"), []),
    "something else than numbers": array_of((1,), Call(Global("numpy", "dtype"), ["O8"]), [1]),
    "unknown class": Call(RECONSTRUCT, [Global("tfutil", "Network"), (0,), b"b"]),
    "4 bytes for the shape": array_of((10**12,), DTYPE, b"1234"),
    "without a shape": array_of((-1, -1), DTYPE, b"1234"),
    "without numbers": array_of((1,), "f4", b"1234"),
    "without fields": Call(Global("tfutil", "Network"), [], [1]),
}


@pytest.mark.parametrize("words", HOSTILE)
@pytest.mark.parametrize("protocol", [3, 4])
def test_hostile_pickles_are_refused_and_nothing_runs(words, protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"file\.pkl: expected a pickle of networks") as caught:
        read_bytes(tmp_path, official_pickles.dump_calls(HOSTILE[words], protocol))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["file.pkl"]


STYLEGANS = {
    "1 and 2": Call(Global("dnnlib.tflib.network", "Network"), [], {"version": 4}),
    "2-ADA and 3": Call(Global("torch_utils.persistence", "_reconstruct_persistent_obj"), [{}]),
    "options first": {"kwargs": Call(Global("dnnlib.util", "EasyDict"), [])},
}


@pytest.mark.parametrize("networks", STYLEGANS.values(), ids=STYLEGANS)
@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("padding", [0, 60_000])
def test_a_pickle_of_stylegan_is_called_one(networks, protocol, padding, tmp_path):
    """Also where it takes so many operations that it is refused for these."""
    contents = (networks, [1] * padding)
    with pytest.raises(UserError, match=r"got one of StyleGAN .*nothing in it was run"):
        read_bytes(tmp_path, official_pickles.dump_calls(contents, protocol))


def test_a_picture_is_called_one(tmp_path):
    with pytest.raises(UserError, match=r"expected a pickle of networks, got a picture \(PNG\)"):
        read_bytes(tmp_path, encode(np.zeros((4, 4, 3), np.uint8)))


def test_what_is_refused_would_have_run(tmp_path, monkeypatch):
    """Else the test above would say nothing."""
    monkeypatch.chdir(tmp_path)
    pickle.loads(official_pickles.dump_calls(HOSTILE["os.system"]))
    assert (tmp_path / "ran").exists()


def test_a_call_hidden_in_a_network_is_refused(tmp_path, monkeypatch):
    """In the place of an array, all else being as published."""
    monkeypatch.chdir(tmp_path)
    states = [
        official_pickles.state_of(golden_cases.load_case("base"), name) for name in ("G", "D", "Gs")
    ]
    states[2]["variables"][-1] = ("ToRGB_lod0/bias", HOSTILE["os.system"])
    network = Global("tfutil", "Network")
    data = official_pickles.dump_calls(tuple(Call(network, [], state) for state in states))
    with pytest.raises(UserError, match=r"asks for os\.system: refused, and nothing in it was run"):
        read_bytes(tmp_path, data)
    assert not (tmp_path / "ran").exists()


def test_memory_is_not_taken_on_a_files_word(tmp_path):
    """Unpickling these as they are would take 32 GiB and more."""
    remember = pickle.PROTO + b"\x02N" + pickle.LONG_BINPUT + b"\xff\xff\xff\x7f."
    with pytest.raises(UserError, match="expected a pickle of three networks"):
        read_bytes(tmp_path, remember)
    long_bytes = pickle.PROTO + b"\x04" + pickle.BINBYTES8 + (2**45).to_bytes(8, "little") + b"1."
    with pytest.raises(UserError, match="damaged"):
        read_bytes(tmp_path, long_bytes)


def test_depth_is_not_taken_on_a_files_word(tmp_path):
    """Many tuples within one another, as a name of a dict's: Python would crash on a million."""
    deep = pickle.PROTO + b"\x02})" + pickle.TUPLE1 * 10**6 + b"Ns."
    with pytest.raises(UserError, match="more than 50000 operations"):
        read_bytes(tmp_path, deep)


def test_messages_are_short_whatever_is_told(tmp_path):
    """Lists of lists of lists, two each: written out they would have 2^60 numbers."""
    laughs = [1]
    for _ in range(60):
        laughs = [laughs, laughs]
    state = official_pickles.state_of(golden_cases.load_case("base"), "G")
    fields = {"build_func_name": "a" * 999, "static_kwargs": {"fmap_base": [1] * 999}}
    for field, value in fields.items():
        with pytest.raises(UserError, match=r"got (a list|a{80}):?") as caught:
            read_bytes(tmp_path, official_pickles.dump([state | {field: value}, state, state]))
        assert len(str(caught.value)) < 300
    for field in fields:
        with pytest.raises(UserError, match="parts of it used many times") as caught:
            read_bytes(tmp_path, official_pickles.dump([state | {field: laughs}, state, state]))
        assert len(str(caught.value)) < 300


def test_damaged_and_other_files_are_one_line(tmp_path):
    whole = (golden_cases.GOLDEN / "separate_scale.pkl").read_bytes()
    cases = {
        "damaged": [b"", b"PK\x03\x04", whole[:-1], whole[:3000], whole[: len(whole) // 2]],
        "web page": [b"<!DOCTYPE html>"],
        "three networks": [official_pickles.dump_calls(1), official_pickles.dump([{}, {}])],
        "G: expected a network": [official_pickles.dump([{}] * 3)],
        "refused": [b"cos\nsystem\n(S'touch ran'\ntR."],
        # A state for a class is no object's state.
        "something else": [b"\x80\x02ctfutil\nNetwork\n}b."],
    }
    for words, files in cases.items():
        for data in files:
            with pytest.raises(UserError, match=words) as caught:
                read_bytes(tmp_path, data)
            assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="cannot be read: No such file"):
        official.read(str(tmp_path / "nowhere.pkl"))


def test_damage_anywhere_never_ends_in_a_traceback(tmp_path):
    """Bytes that are wrong are refused, or change numbers only."""
    whole = bytearray(official_pickles.pickle_of_case("wide_group"))
    random = np.random.default_rng(0)
    for _ in range(150):
        damaged = bytearray(whole)
        # Most of the file is numbers: the other parts are at its beginning.
        for at in random.integers(0, 800, 2):
            damaged[at] = random.integers(256)
        try:
            read_bytes(tmp_path, bytes(damaged))
        except UserError as error:
            assert "\n" not in str(error)
