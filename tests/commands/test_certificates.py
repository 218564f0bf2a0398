"""A certificate, and the tick that is replayed against it: bit-equal, or what differs."""

import hashlib
import json
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.metrics.evaluation import weights_sha256
from pgan_tf.runs import checkpoint
from pgan_tf.runs.checkpoint_file import open_arrays, write_arrays
from pgan_tf.runs.trained import from_run
from tests.helpers.command_calls import SMALL, assert_mistake, run_calls
from tests.helpers.made_source import encode, noise


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def change_one_weight(path, name):
    with open_arrays(str(path)) as file:
        arrays = {one: file.read(one) for one in file.names}
    arrays[name].reshape(-1)[1] += 0.25
    write_arrays(str(path), arrays.items())


@pytest.fixture(scope="module")
def cwd(tmp_path_factory):
    """A folder with a certified run."""
    cwd = tmp_path_factory.mktemp("certified")
    flags = ("--data=shapes", "--conditional", "--deterministic", "--run_dir=run", *SMALL)
    (trained,) = run_calls("train.py", [flags], cwd, eagerly=True)
    (certified,) = run_calls("certificates.certify", [["--run_dir=run"]], cwd)
    assert trained[0] == certified[0] == 0, (trained, certified)
    return cwd


@pytest.fixture(scope="module")
def answers(cwd):
    """What verify says of it, by what has happened to it."""
    names = sorted(path.name for path in (cwd / "run/checkpoints").glob("images-*"))
    shutil.copytree(cwd / "run", cwd / "changed")
    change_one_weight(cwd / "changed/checkpoints" / names[-1], "generator/8x8_conv1/bias")
    known = json.loads((cwd / "run/certificate.json").read_text())
    known["environments"][0]["packages"]["numpy"] = "1.0.0"
    known["environments"][0]["code"]["pgan_tf/training"] = "0" * 16
    (cwd / "older.json").write_text(json.dumps(known))
    (cwd / "none.json").write_text("{}")
    (cwd / "photos").mkdir()
    for number, image in enumerate(noise(6, 8)):
        (cwd / f"photos/{number}").mkdir()
        (cwd / f"photos/{number}/a.png").write_bytes(encode(image))
    mine = ["run/certificate.json"]
    calls = {
        "nothing": mine,
        "first": [*mine, f"--checkpoint={names[0]}"],
        "weight": ["changed/certificate.json"],
        "version": ["older.json", "--run_dir=run"],
        "data": [*mine, "--data=photos"],
        "no certificate": ["none.json"],
        "absent": ["absent.json"],
        "moved": [*mine, "--run_dir=photos"],
        "last": [*mine, f"--checkpoint={names[-1]}"],
    }
    before = contents(cwd)
    found = run_calls("certificates.verify", calls.values(), cwd, eagerly=True)
    assert contents(cwd) == before  # it only reads
    return dict(zip(calls, found, strict=True))


def test_a_replayed_tick_is_bit_equal_from_any_kept_checkpoint(answers):
    """The tick to the result, and one before, through growth."""
    for name, shown in (("nothing", 24), ("first", 16)):
        status, out, err = answers[name]
        assert status == 0, (out, err)
        assert f"Bit-equal: the checkpoint, the metrics, the samples at {shown} images" in out


def test_one_changed_weight_is_named_and_by_how_much(answers):
    status, out, _ = answers["weight"]
    assert status == 1
    assert "images-0000000024-stage-03-of-03.npz is another file" in out
    assert re.search(r"generator/8x8_conv1/bias: 1 of \d+ numbers differ, by up to 0.25\n", out)
    assert "metrics:" not in out and "samples:" not in out and "optimizer" not in out


def test_changed_versions_code_and_data_are_named(answers):
    status, out, _ = answers["version"]
    assert status == 0 and "Bit-equal" in out  # all the same
    assert f"version of numpy was 1.0.0 and is {np.__version__}" in out
    assert "code in pgan_tf/training was 0000000000000000 and is" in out
    assert out.count("Changed:") == 2
    status, out, _ = answers["data"]
    assert status == 1
    assert "Changed: data: dataset was shapes" in out and "is photos" in out


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no certificate", "none.json: expected a certificate"),
        ("absent", "absent.json"),
        ("moved", "--run_dir: expected the certified run"),
        ("last", "--checkpoint: expected a certified one before the result"),
    ],
)
def test_mistakes_are_one_line(answers, name, words):
    assert_mistake(answers[name], words)


def test_a_certificate_says_what_the_result_rests_on(cwd):
    """The generator's checksum is that in the marks of its pictures."""
    known = json.loads((cwd / "run/certificate.json").read_text())
    path = cwd / "run/checkpoints" / known["checkpoint"]
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert known["checkpoints"][known["checkpoint"]] == sha256
    assert known["generator"] == weights_sha256(from_run(str(cwd / "run")).generator)
    assert "--resolution=8" in known["flags"] and "--conditional" in known["flags"]
    assert known["data"]["files"] == checkpoint.read(str(path)).config.data.files
    (trained_with,) = known["environments"]
    assert trained_with["packages"]["tensorflow"] == tf.__version__
    assert {"pgan_tf/networks", "tfrecords/format"} <= trained_with["code"].keys()
