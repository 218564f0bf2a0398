"""A full disk is one line, and leaves what was there: simulated, and a small one in memory."""

import subprocess
import sys

import numpy as np
import pytest

from pgan_tf.runs import checkpoint
from pgan_tf.runs.folder import open_run
from pgan_tf.runs.log import RunLog
from tests.helpers.made_source import contents
from tests.helpers.places import ROOT
from tests.helpers.random_arrays import assert_same_arrays
from tests.helpers.small_run import save_state
from tests.runs.conftest import CONFIG
from tfrecords.common import files
from tfrecords.common.errors import UserError

SHEET = np.zeros((8, 8, 3), np.uint8)
CHECKPOINT = "checkpoints/images-0000000200-stage-02-of-03.npz"


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("flags.txt", lambda folder, log, state: open_run(folder, CONFIG, "--seed=1\n")),
        ("config.json", lambda folder, log, state: open_run(folder, CONFIG, "")),
        ("metrics.jsonl", lambda folder, log, state: log.write_metrics({"images_shown": 9})),
        ("samples/reals.png", lambda folder, log, state: log.write_reals(SHEET)),
        ("samples/fakes-00000.001.png", lambda folder, log, state: log.write_fakes(1, SHEET)),
        ("init_from.txt", lambda folder, log, state: log.write_text("init_from.txt", "carried")),
        (CHECKPOINT, lambda *run: save_state(f"{run[0]}/checkpoints", run[2], 200, CONFIG)),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_full_disk_is_one_line_and_leaves_what_was_there(
    saved, tmp_path, monkeypatch, name, write
):
    def open_on_full_disk(path, mode):
        return open("/dev/full" if path.endswith(f"{name}.partial") else path, mode)

    open_run(str(tmp_path), CONFIG, "")
    save_state(str(tmp_path / "checkpoints"), saved[0], 100, CONFIG)
    log = RunLog(str(tmp_path), 0)
    if name == "metrics.jsonl":  # to which lines are added
        (tmp_path / name).symlink_to("/dev/full")
    before = [contents(tmp_path / folder) for folder in ("checkpoints", "samples")]
    monkeypatch.setattr(files, "open", open_on_full_disk, raising=False)
    with pytest.raises(UserError, match=r"No space left.*make room") as caught:
        write(str(tmp_path), log, saved[0])
    assert len(str(caught.value).splitlines()) == 1
    opening = name in ("flags.txt", "config.json")
    for word in [f"--run_dir={tmp_path}"] if opening else [name, "resumes from"]:
        assert word in str(caught.value)
    assert [contents(tmp_path / folder) for folder in ("checkpoints", "samples")] == before
    assert not list(tmp_path.rglob("*.partial"))


OWN_DISKS = ("unshare", "--map-root-user", "--mount")
# A checkpoint takes 0.7 MiB.
TRAIN = (
    *(sys.executable, str(ROOT / "train.py"), "--data=shapes", "--data_cache=data"),
    *("--run_dir=disk/run", "--resolution=4", "--fmap_base=256", "--fmap_max=32"),
    *("--batch_size=4", "--total_kimg=0.16", "--tick_kimg=0.016", "--minibatch_repeats=1"),
    "--keep_checkpoints=100",
)
SCRIPT = """
mount -t tmpfs -o size=5m none disk || exit 77
"$@" 2> first.txt
echo $? > first.status
cp -r disk first
mount -o remount,size=64m disk
"$@" 2> second.txt
echo $? > second.status
cp -r disk second
"""


def read_all(run_dir):
    """The arrays of all checkpoints of a run, by images shown; none is damaged."""
    paths = checkpoint.list_checkpoints(f"{run_dir}/checkpoints")
    return {one.images_shown: one.arrays for one in map(checkpoint.read, paths)}


@pytest.mark.slow
def test_a_disk_that_fills_ends_the_run_and_with_more_room_it_resumes(tmp_path):
    (tmp_path / "disk").mkdir()
    command = [*OWN_DISKS, "bash", "-c", SCRIPT, "bash", *TRAIN]
    done = subprocess.run(command, cwd=tmp_path, timeout=200, capture_output=True, check=False)
    if not (tmp_path / "first.status").exists():
        pytest.skip(f"no disk can be mounted here: {done.stderr}")
    assert (tmp_path / "first.status").read_text() == "2\n"
    errors = (tmp_path / "first.txt").read_text()
    assert "Traceback" not in errors
    for word in ("No space left", "make room", "the same command resumes from"):
        assert word in errors.splitlines()[-1]
    before = read_all(tmp_path / "first/run")
    assert 4 <= len(before) < 10
    assert not list((tmp_path / "first").rglob("*.partial"))

    assert (tmp_path / "second.status").read_text() == "0\n", (tmp_path / "second.txt").read_text()
    after = read_all(tmp_path / "second/run")
    assert max(after) == 160
    assert before.keys() < after.keys()
    assert_same_arrays(before[max(before)], after[max(before)])
