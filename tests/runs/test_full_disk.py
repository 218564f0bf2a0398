"""train.py on a real disk that fills while it trains: a small one in memory.

The disk is mounted in a name space of its own, so that nothing is left of it. Where that is not
allowed, the test is skipped; other tests put an error, and /dev/full, in the disk's place.
"""

import subprocess
import sys

import numpy as np
import pytest

from pgan_tf.runs import checkpoint
from tests.helpers.places import ROOT

OWN_DISKS = ("unshare", "--map-root-user", "--mount")
# A checkpoint takes 0.7 MiB.
TRAIN = (
    *(sys.executable, str(ROOT / "train.py"), "--data=shapes", "--data_cache=data"),
    *("--run_dir=disk/run", "--resolution=4", "--fmap_base=256", "--fmap_max=32"),
    *("--batch_size=4", "--total_kimg=0.16", "--tick_kimg=0.016", "--minibatch_repeats=1"),
    "--keep_checkpoints=100",
)
SCRIPT = """
mount -t tmpfs -o size=5m none disk
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


@pytest.mark.slow
def test_a_disk_that_fills_ends_the_run_with_one_line_and_whole_checkpoints(tmp_path):
    (tmp_path / "disk").mkdir()
    if not disks_can_be_mounted(tmp_path / "disk"):
        pytest.skip("no disk can be mounted here")
    command = [*OWN_DISKS, "bash", "-c", SCRIPT, "bash", *TRAIN]
    subprocess.run(command, cwd=tmp_path, timeout=200, check=True, capture_output=True)
    assert (tmp_path / "first.status").read_text() == "2\n"
    errors = (tmp_path / "first.txt").read_text()
    assert "Traceback" not in errors
    for word in ("No space left", "make room", "the same command resumes from"):
        assert word in errors.splitlines()[-1]
    paths = checkpoint.list_checkpoints(str(tmp_path / "first/run/checkpoints"))
    before = [checkpoint.read(path) for path in paths]  # without an error
    assert 4 <= len(before) < 10
    assert not list((tmp_path / "first").rglob("*.partial"))

    # With more room the same command resumes.
    assert (tmp_path / "second.status").read_text() == "0\n", (tmp_path / "second.txt").read_text()
    paths = checkpoint.list_checkpoints(str(tmp_path / "second/run/checkpoints"))
    after = {one.images_shown: one for one in map(checkpoint.read, paths)}
    assert max(after) == 160
    assert {one.images_shown for one in before} < after.keys()
    for name, array in after[before[-1].images_shown].arrays.items():
        np.testing.assert_array_equal(before[-1].arrays[name], array, err_msg=name)
