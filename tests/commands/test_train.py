"""train.py as a person runs it: what it leaves and says, and how it stops, resumes and starts."""

import json
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from pgan_tf.runs.trained import from_run
from tests.helpers.command_calls import SMALL, assert_mistake, call
from tests.helpers.places import ROOT
from tests.helpers.source_helpers import folder_of
from tfrecords.common.files import locked
from tfrecords.sources import shapes

SHAPES = ("--data=shapes", "--conditional", *SMALL)


def train(*arguments, cwd):
    return call("train.py", *arguments, cwd=cwd, eagerly=True)


def test_a_run_leaves_pictures_and_class_names_and_says_what_to_do_next(trained):
    cwd, out, scores = trained
    for command in ("train.py", "generate.py", "export.py"):
        assert f"python {command}" in out
    sheet = np.asarray(Image.open(max((cwd / "runs/a/samples").glob("fakes-*.png"))))
    # Sixteen columns of 8 px, enlarged to 64, below the names of their classes.
    assert sheet.shape == (8 * 64 + 24, 16 * 64, 3)
    assert sheet.std() > 1
    ticks = re.findall(r"^ +(\S+) kimg .* D .* G .* img/s .* left$", out, re.MULTILINE)
    assert ticks == ["0.01", "0.02", "0.02"]
    assert len(list((cwd / "runs/a/samples").glob("fakes-*.png"))) == len(ticks)
    assert from_run(str(cwd / "runs/a")).label_names == shapes.LABEL_NAMES
    # A tick for each of three stages, of which the second and the last one are scored.
    assert [row["images_shown"] for row in scores] == [16, 24]
    assert "modes_kl" in out
    best = min(scores, key=lambda row: row["values"]["modes_kl"])
    folder = cwd / "runs/a/checkpoints"
    assert (folder / "best-modes.npz").read_bytes() == (folder / best["checkpoint"]).read_bytes()
    assert (cwd / "runs/a/metrics.png").is_file()


def test_another_run_starts_with_a_runs_weights_and_is_its_own_from_then_on(trained):
    cwd, _, _ = trained
    larger = ["--resolution=16", "--run_dir=runs/b", "--init_from=runs/a", "--preflight"]
    status, out, err = train(*SHAPES, *larger, "--total_kimg=0.004", cwd=cwd)
    assert status == 0, err
    # Without --initial_resolution it starts where the other one had come to.
    assert "Preflight: one iteration of stage 1 (8 px) fits" in out
    table = (cwd / "runs/b/init_from.txt").read_text()
    assert table in out
    assert re.search(r"8x8_conv0 +carried +carried +carried\n", table)
    kept = (cwd / "runs/b/flags.txt").read_text()
    assert f"--init_from={cwd}/runs/a\n" in kept and "--preflight\n" in kept
    (cwd / "runs/a").rename(cwd / "runs/elsewhere")
    try:
        status, out, err = train(*SHAPES, *larger, "--total_kimg=0.008", cwd=cwd)
    finally:
        (cwd / "runs/elsewhere").rename(cwd / "runs/a")
    assert status == 0, err
    assert "from 0.004 kimg" in out


def test_a_run_that_another_process_trains_is_refused(trained):
    cwd, _, _ = trained
    with locked(str(cwd / "runs/a"), "busy"):
        result = train(*SHAPES, "--run_dir=runs/a", "--total_kimg=9", cwd=cwd)
    assert_mistake(result, "--run_dir", "another process is training runs/a")


def test_ctrl_c_saves_and_the_same_command_resumes(tmp_path):
    """In a process of its own, with the compiled step; other signals: devices/test_stopping.py."""
    flags = [*SHAPES, "--resolution=4", "--run_dir=run", "--tick_kimg=0.008", "--total_kimg=100"]
    # Shells leave SIGINT ignored in what they start in the background; a terminal's is not.
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "train.py"), *flags],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    metrics = tmp_path / "run/metrics.jsonl"
    until = time.monotonic() + 120
    while not (metrics.exists() and metrics.read_text().count("\n") >= 2):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < until
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert "stopped by SIGINT" in stderr.splitlines()[-1]
    shown = int(re.search(r"after (\d+) images", stderr.splitlines()[-1])[1])
    newest = max((tmp_path / "run/checkpoints").iterdir())
    assert newest.name.startswith(f"images-{shown:010d}")
    result = train(*flags, f"--total_kimg={(shown + 8) / 1000}", cwd=tmp_path)
    assert result[0] == 0, result
    ticks = [json.loads(line)["images_shown"] for line in metrics.read_text().splitlines()]
    assert ticks[-1] >= shown + 8 and ticks == sorted(set(ticks))


# Classes


@pytest.fixture(scope="module")
def labeled(tmp_path_factory):
    """Pictures of animals in folders, of numbers by a dataset.json, and of nothing."""
    folder = tmp_path_factory.mktemp("labels")
    for part in ("train", "test"):
        folder_of(folder / "animals" / part, "cat/1.png", "dog/1.png")
    names = [f"00000/{i}.png" for i in range(6)]
    folder_of(folder / "numbers", *names)
    folder_of(folder / "plain", "1.png")
    labels = [[name, i % 3] for i, name in enumerate(names)]
    (folder / "numbers/dataset.json").write_text(json.dumps({"labels": labels}))
    return folder


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--data=numbers --conditional", "Classes: 3, 0 (2 pictures), 1 (2), 2 (2)\n"),
        ("--data=animals --conditional", "Classes: 2, cat (2 pictures), dog (2)\n"),
        ("--data=animals --labels=folders", "dog (2) (not used: train with --conditional)"),
        ("--data=plain", ""),
    ],
)
def test_classes_are_printed_before_pictures_are_converted(labeled, flags, said):
    ended = ("--init_from=nowhere", "--data_cache=cache")  # before it converts
    result = train(*flags.split(), *ended, cwd=labeled)
    assert_mistake(result, "--init_from")
    assert said in result[1]
    assert ("lasses" in result[1]) == bool(said)
    assert not (labeled / "cache").exists()


@pytest.mark.parametrize("flags", ["--data=numbers --labels=none", "--data=plain"])
def test_classes_that_are_missing_are_a_mistake(labeled, flags):
    result = train(*flags.split(), "--conditional", "--run_dir=a", "--data_cache=b", cwd=labeled)
    assert_mistake(result, "--labels")
    assert not (labeled / "a").exists() and not (labeled / "b").exists()
