"""A run that was interrupted, wherever, is the uninterrupted one, bit for bit."""

import subprocess
import sys

import numpy as np
import pytest

from pgan_tf.runs import checkpoint
from tests.helpers.places import ROOT
from tests.helpers.random_arrays import assert_same_arrays
from tests.helpers.small_run import rows_of

pytestmark = pytest.mark.slow

# Stages: 4 px to 80 images, fading in 8 px to 128, 8 px to 192. A call trains 16 images at 4 px and
# 8 at 8 px. Ticks (each second one and the last are scored): 32, 64, 80, 112, 128, 160, 192.
CUTS = {
    "step:16": "in the first tick",
    "write:1": "in the first write of a checkpoint",
    "rename:1": "when a checkpoint is complete, but without its name",
    "score:1": "between an evaluation, of 64 images, and its score",
    "best:1": "when the best checkpoint is copied, but without its name",
    "log:1": "between a line of metrics, of 80 images, and its checkpoint",
    "step:80": "exactly at a stage change",
    "step:88": "in the first step of a fade-in",
    "sigterm:104": "asked to stop in a tick of a fade-in",
    "write:2": "in the write of a checkpoint at a stage change, of 128 images",
    "step:144": "in the last stage",
    "score:2": "in the evaluation after the last step",
    "never": "",
}


@pytest.fixture(scope="module")
def run(shapes_at, tmp_path_factory):
    """Trains in a folder through processes that are cut; returns it, where each of them was."""

    def run(*cuts, init_from="", mode="eager"):
        folder = tmp_path_factory.mktemp("runs")
        command = [sys.executable, "-m", "tests.helpers.interrupted_run"]
        arguments = [shapes_at(8).folder, str(folder), str(init_from), mode, *cuts]
        options = {"capture_output": True, "text": True, "timeout": 600, "check": True}
        result = subprocess.run([*command, *arguments], cwd=ROOT, **options)
        expected = [{"never": "0", "sigterm": "143"}.get(cut.split(":")[0], "-9") for cut in cuts]
        statuses = [line for line in result.stdout.splitlines() if line.lstrip("-").isdecimal()]
        assert statuses == expected, result.stderr[-2000:]
        return folder

    return run


@pytest.fixture(scope="module")
def compiled(run):
    return run("never", mode="compiled")


def assert_same_run(folder, whole):
    assert rows_of(folder) == rows_of(whole)
    assert len(rows_of(whole)) == 11  # of seven ticks and four scores
    ours, theirs = (checkpoint.read_run(str(one)) for one in (folder, whole))
    assert ours.images_shown == theirs.images_shown == 192
    assert_same_arrays(ours.arrays, theirs.arrays)
    for pattern in ("samples/*", "checkpoints/best-modes.npz"):
        files = {path.name: path.read_bytes() for path in whole.glob(pattern)}
        assert {path.name: path.read_bytes() for path in folder.glob(pattern)} == files
    assert not list(folder.rglob("*.partial"))


def test_a_compiled_run_resumes_bit_for_bit(run, compiled):
    assert_same_run(run("sigterm:104", "never", mode="compiled"), compiled)


def test_a_run_cut_everywhere_resumes_bit_for_bit(run, compiled):
    """With pretrained weights, again until it has a checkpoint, later no more."""
    whole = run("never", init_from=compiled)
    assert_same_run(run(*CUTS, init_from=compiled), whole)
    ours, theirs = (checkpoint.read_run(str(one)).arrays for one in (whole, compiled))
    kernel = "generator/4x4_conv/kernel"
    assert not np.array_equal(ours[kernel], theirs[kernel])
