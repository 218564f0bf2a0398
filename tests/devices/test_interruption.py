"""A run that was interrupted, wherever, is the uninterrupted one, bit for bit."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from pgan_tf.runs import checkpoint
from tests.helpers.places import ROOT
from tests.helpers.tests_data import prepare_shapes

TIMES = ("seconds", "images_per_second")

# Stages of 96 images: 4 px from 0, fading in 8 px from 96, 8 px from 192. A call trains 16
# images at 4 px and 8 at 8 px; ticks of 32: each second one is scored, and the last.
CUTS = [
    ("in the first tick", "step", 16),
    ("in the middle of a stage, in a tick", "step", 48),
    ("exactly at a stage change", "step", 96),
    ("in the first step of a fade-in", "step", 104),
    ("in the middle of a fade-in", "step", 152),
    ("in the last stage", "step", 216),
    ("in the first write of a checkpoint", "write", 1),
    ("in the write of a checkpoint at a stage change", "write", 3),
    ("when a checkpoint is complete, but without its name", "rename", 5),
    ("between a line of metrics and its checkpoint", "log", 4),
    ("between an evaluation and its score", "score", 2),
    ("when the best checkpoint is copied, but without its name", "best", 1),
    ("in the evaluation after the last step", "score", 5),
    ("asked to stop in a tick of a fade-in", "sigterm", 120),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return prepare_shapes(tmp_path_factory.mktemp("data"), 8).folder


def run(data, folder, *cut):
    return subprocess.run(
        [sys.executable, "-m", "tests.helpers.interrupted_run", data, str(folder), *map(str, cut)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "whole"
    result = run(data, folder)
    assert result.returncode == 0, result.stderr[-2000:]
    return folder


def read_metrics(folder):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: row[name] for name in row if name not in TIMES} for row in rows]


def assert_same_run(folder, whole):
    assert read_metrics(folder) == read_metrics(whole)
    best = "checkpoints/best-modes.npz"
    assert (folder / best).read_bytes() == (whole / best).read_bytes()
    ours, theirs = (checkpoint.read_run(str(one)) for one in (folder, whole))
    assert ours.images_shown == theirs.images_shown
    assert ours.arrays.keys() == theirs.arrays.keys()
    for name, array in theirs.arrays.items():
        np.testing.assert_array_equal(ours.arrays[name], array, err_msg=name)
    sheets = sorted(path.name for path in (whole / "samples").iterdir())
    assert sorted(path.name for path in (folder / "samples").iterdir()) == sheets
    for name in sheets:
        assert (folder / "samples" / name).read_bytes() == (whole / "samples" / name).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(("words", "where", "at"), CUTS, ids=[cut[0] for cut in CUTS])
def test_cut_run_goes_on_bit_for_bit(words, where, at, data, whole, tmp_path):
    folder = tmp_path / "cut"
    first = run(data, folder, where, at)
    if where == "sigterm":  # the driver has no command line that turns it into a status
        assert "StoppedError: stopped by SIGTERM" in first.stderr
    else:
        assert first.returncode == -signal.SIGKILL, first.stderr[-2000:]
    done = read_metrics(folder) if (folder / "metrics.jsonl").exists() else []
    assert len(done) < len(read_metrics(whole))
    again = run(data, folder)
    assert again.returncode == 0, again.stderr[-2000:]
    assert_same_run(folder, whole)
    assert not list((folder / "checkpoints").glob("*.partial"))


@pytest.mark.slow
def test_run_cut_again_and_again_goes_on_bit_for_bit(data, whole, tmp_path):
    for at in range(40, 300, 60):
        run(data, tmp_path / "cut", "step", at)
    assert run(data, tmp_path / "cut").returncode == 0
    assert_same_run(tmp_path / "cut", whole)


@pytest.mark.slow
def test_run_with_weights_from_elsewhere_goes_on_bit_for_bit(data, whole, tmp_path):
    """Cut before its first checkpoint it begins with them again, later no more."""
    assert run(data, tmp_path / "new", "never", 0, whole).returncode == 0
    for at in (16, 152):
        assert run(data, tmp_path / "cut", "step", at, whole).returncode == -signal.SIGKILL
    assert run(data, tmp_path / "cut", "never", 0, whole).returncode == 0
    assert_same_run(tmp_path / "cut", tmp_path / "new")
    ours, theirs = (checkpoint.read_run(str(tmp_path / "new")), checkpoint.read_run(str(whole)))
    kernel = "generator/4x4_conv/kernel"
    assert not np.array_equal(ours.arrays[kernel], theirs.arrays[kernel])
