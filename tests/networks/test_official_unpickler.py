"""Pickles are read without running anything in them; see also `tests/tfrecords/pickles`."""

import pickle

import numpy as np
import pytest

from pgan_tf.networks import official
from tests.helpers.golden_cases import GOLDEN, load_case
from tests.helpers.made_source import encode
from tests.helpers.official_pickles import Call, Global, dump, dump_calls, read_bytes, state_of
from tfrecords.common.errors import UserError

SYSTEM = Call(Global("os", "system"), ["touch ran"])
HOSTILE = {
    "os.system": SYSTEM,
    "builtins.getattr": Call(Global("builtins", "getattr"), [Global("numpy", "dtype"), "mro"]),
    "numpy.os.system": Call(Global("numpy", "os.system"), ["touch ran"]),
    "tfutil.init_tf": Call(Global("tfutil", "init_tf"), []),
    "without fields": Call(Global("tfutil", "Network"), [], [1]),
}


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_pickles_are_refused_and_nothing_runs(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=rf"file\.pkl: .* of networks[^\n]*{words}[^\n]*$"):
        read_bytes(tmp_path, dump_calls(HOSTILE[words]))
    assert [path.name for path in tmp_path.iterdir()] == ["file.pkl"]


def test_what_is_refused_would_have_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pickle.loads(dump_calls(SYSTEM))
    assert (tmp_path / "ran").exists()


STYLEGANS = {
    "1 and 2": Call(Global("dnnlib.tflib.network", "Network"), [], {"version": 4}),
    "2-ADA and 3": Call(Global("torch_utils.persistence", "_reconstruct_persistent_obj"), [{}]),
    "options first": {"kwargs": Call(Global("dnnlib.util", "EasyDict"), [])},
}


@pytest.mark.parametrize("networks", STYLEGANS.values(), ids=STYLEGANS)
@pytest.mark.parametrize("padding", [0, 60_000])
def test_a_pickle_of_stylegan_is_called_one(networks, padding, tmp_path):
    """Also where it takes so many operations that it is refused for these."""
    with pytest.raises(UserError, match=r"got one of StyleGAN .*nothing in it was run"):
        read_bytes(tmp_path, dump_calls((networks, [1] * padding), protocol=4))


def with_a_call_inside():
    """As published, but for a call in the place of an array."""
    states = [state_of(load_case("base"), name) for name in ("G", "D", "Gs")]
    states[2]["variables"][-1] = ("ToRGB_lod0/bias", SYSTEM)
    return dump_calls(tuple(Call(Global("tfutil", "Network"), [], state) for state in states))


def laughing():
    """A list of a list of a list, two each: written out it would have 2^60 numbers."""
    laughs = [1]
    for _ in range(60):
        laughs = [laughs, laughs]
    state = state_of(load_case("base"), "G")
    return dump([state | {"build_func_name": laughs}, state, state])


WHOLE = (GOLDEN / "separate_scale.pkl").read_bytes()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        *((WHOLE[:n], "damaged") for n in (0, len(WHOLE) // 2, len(WHOLE) - 1)),
        (encode(np.zeros((4, 4, 3), np.uint8)), r"pickle of networks, got a picture \(PNG\)"),
        *((data, "three networks") for data in (dump_calls(1), dump([{}, {}]))),
        (dump([{}] * 3), "G: expected a network"),
        (with_a_call_inside(), r"asks for os\.system: refused, and nothing in it was run"),
        # A state for a class is no object's state.
        (b"\x80\x02ctfutil\nNetwork\n}b.", "something else"),
        (laughing(), "parts of it used many times"),
    ],
    ids=range(10),
)
def test_damaged_and_other_files_are_one_line(data, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=rf"^[^\n]*{words}[^\n]*$") as caught:
        read_bytes(tmp_path, data)
    assert len(str(caught.value)) < 300
    assert not (tmp_path / "ran").exists()


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(UserError, match="cannot be read: No such file"):
        official.read(str(tmp_path / "nowhere.pkl"))
