"""train.py on a real disk that fills while it trains: a small one in memory.

The disk is mounted in a name space of its own, so that nothing is left of it. Where that is not
allowed, the test is skipped; tests/runs/test_checkpoint.py and tests/runs/test_log.py put an error,
and /dev/full, in the disk's place.
"""

import os
import subprocess
import sys

import numpy as np
import pytest

from pgan_tf.runs import checkpoint
from tests.helpers.places import ROOT

OWN_DISKS = ("unshare", "--map-root-user", "--mount")
RUN = (
    "--data=shapes",
    "--data_cache=data",
    "--run_dir=disk/run",
    "--resolution=8",
    "--fmap_base=256",
    "--fmap_max=32",
    "--batch_size=4",
    "--stabilize_kimg=0.064",
    "--fade_in_kimg=0.064",
    "--total_kimg=0.16",
    "--tick_kimg=0.016",
    "--minibatch_repeats=1",
    "--keep_checkpoints=100",
)
# A checkpoint takes 0.7 MiB at 4 px, and 1.2 MiB at 8 px.
SCRIPT = """
mount -t tmpfs -o size=$1 none disk && shift
"$@" 2> first.txt
echo $? > first.status
cp -r disk first
mount -o remount,size=64m disk
"$@" 2> second.txt
echo $? > second.status
cp -r disk second
"""


def disks_can_be_mounted(folder):
    command = [*OWN_DISKS, "mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def train_twice(cwd, size):
    """Trains on a disk of that size, and again when it has more room."""
    command = [sys.executable, str(ROOT / "train.py"), *RUN]
    subprocess.run(
        [*OWN_DISKS, "bash", "-c", SCRIPT, "bash", size, *command],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=200,
        check=True,
        capture_output=True,
    )


def whole_checkpoints(folder):
    paths = checkpoint.list_checkpoints(str(folder / "run/checkpoints"))
    return [checkpoint.read(path) for path in paths]


@pytest.mark.slow
def test_a_disk_that_fills_ends_the_run_with_one_line_and_whole_checkpoints(tmp_path):
    (tmp_path / "disk").mkdir()
    if not disks_can_be_mounted(tmp_path / "disk"):
        pytest.skip("no disk can be mounted here")
    train_twice(tmp_path, "5m")
    assert (tmp_path / "first.status").read_text() == "2\n"
    errors = (tmp_path / "first.txt").read_text()
    assert "Traceback" not in errors
    last = errors.splitlines()[-1]
    for word in ("No space left", "make room", "the same command resumes from"):
        assert word in last, last
    before = whole_checkpoints(tmp_path / "first")  # each is read without an error
    assert 4 <= len(before) < 10
    assert not list((tmp_path / "first").rglob("*.partial"))

    # With more room the same command goes on.
    assert (tmp_path / "second.status").read_text() == "0\n", (tmp_path / "second.txt").read_text()
    after = whole_checkpoints(tmp_path / "second")
    assert after[-1].images_shown == 160
    assert {one.images_shown for one in before} < {one.images_shown for one in after}
    for name, array in before[-1].arrays.items():
        (same,) = (one for one in after if one.images_shown == before[-1].images_shown)
        np.testing.assert_array_equal(same.arrays[name], array, err_msg=name)
