"""A run that was interrupted, wherever, is the uninterrupted one, bit for bit."""

import json
import subprocess
import sys

import numpy as np
import pytest

from pgan_tf.runs import checkpoint
from tests.helpers.places import ROOT
from tests.helpers.tests_data import prepare_shapes

pytestmark = pytest.mark.slow

# Stages of 96 images: 4 px to 112, fading in 8 px to 192, 8 px to 288. A call trains 16 images at
# 4 px and 8 at 8 px; ticks of 32: each second one is scored, and the last.
CUTS = {
    "step:16": "in the first tick",
    "write:1": "in the first write of a checkpoint",
    "rename:1": "when a checkpoint is complete, but without its name",
    "score:1": "between an evaluation, of 64 images, and its score",
    "best:1": "when the best checkpoint is copied, but without its name",
    "log:1": "between a line of metrics, of 96 images, and its checkpoint",
    "step:112": "exactly at a stage change",
    "step:120": "in the first step of a fade-in",
    "sigterm:152": "asked to stop in a tick of a fade-in",
    "write:2": "in the write of a checkpoint at a stage change, of 192 images",
    "step:216": "in the last stage",
    "score:2": "in the evaluation after the last step",
    "never": "",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Trains in a folder through processes that are cut; returns it, where each of them was."""
    data = prepare_shapes(tmp_path_factory.mktemp("data"), 8).folder

    def run(*cuts, init_from="", mode="eager"):
        folder = tmp_path_factory.mktemp("runs")
        command = [sys.executable, "-m", "tests.helpers.interrupted_run"]
        arguments = [data, str(folder), str(init_from), mode, *cuts]
        options = {"capture_output": True, "text": True, "timeout": 600, "check": True}
        result = subprocess.run([*command, *arguments], cwd=ROOT, **options)
        expected = [{"never": "0", "sigterm": "143"}.get(cut.split(":")[0], "-9") for cut in cuts]
        assert (
            result.stdout.split("\n")[-1] == ""
            and [line for line in result.stdout.splitlines() if line.lstrip("-").isdecimal()]
            == expected
        ), result.stderr[-2000:]
        return folder

    return run


@pytest.fixture(scope="module")
def whole(run):
    return run("never")


def metrics_of(folder):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    times = ("seconds", "images_per_second")
    return [{name: row[name] for name in row if name not in times} for row in rows]


def assert_same_run(folder, whole):
    assert metrics_of(folder) == metrics_of(whole)
    assert len(metrics_of(whole)) == 15  # of ten ticks and five scores
    ours, theirs = (checkpoint.read_run(str(one)) for one in (folder, whole))
    assert ours.images_shown == theirs.images_shown == 288
    assert ours.arrays.keys() == theirs.arrays.keys()
    for name, array in theirs.arrays.items():
        np.testing.assert_array_equal(ours.arrays[name], array, err_msg=name)
    for pattern in ("samples/*", "checkpoints/best-modes.npz"):
        files = {path.name: path.read_bytes() for path in whole.glob(pattern)}
        assert {path.name: path.read_bytes() for path in folder.glob(pattern)} == files
    assert not list(folder.rglob("*.partial"))


def test_a_run_cut_again_and_again_resumes_bit_for_bit(run, whole):
    assert_same_run(run(*CUTS), whole)


def test_a_compiled_run_resumes_bit_for_bit(run):
    cuts = ("step:48", "sigterm:152", "step:216", "never")
    assert_same_run(run(*cuts, mode="compiled"), run("never", mode="compiled"))


def test_a_run_with_pretrained_weights_resumes_bit_for_bit(run, whole):
    """Cut before its first checkpoint it starts with them again, later no more."""
    new = run("never", init_from=whole)
    assert_same_run(run("step:16", "step:152", "never", init_from=whole), new)
    ours, theirs = (checkpoint.read_run(str(one)).arrays for one in (new, whole))
    kernel = "generator/4x4_conv/kernel"
    assert not np.array_equal(ours[kernel], theirs[kernel])
