"""`python evaluate.py` as a person runs it."""

import json
import os
import pathlib
import subprocess
import sys

import pytest
from test_commands import SMALL, assert_one_line_error

from pgan_tf import checkpoint

ROOT = pathlib.Path(__file__).parent.parent


def run(command, *arguments, cwd):
    return subprocess.run(
        [sys.executable, str(ROOT / command), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    cwd = tmp_path_factory.mktemp("cwd")
    result = run("train.py", "--data=shapes", "--conditional", "--run_dir=runs/a", *SMALL, cwd=cwd)
    assert result.returncode == 0, result.stderr
    return cwd


def test_all_checkpoints_are_scored_and_training_goes_on(trained):
    result = run(
        "evaluate.py",
        "--run_dir=runs/a",
        "--metrics=modes",
        "--num_images=70",
        "--checkpoint=all",
        cwd=trained,
    )
    assert result.returncode == 0, result.stderr
    folder = trained / "runs/a"
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    scores = [row for row in rows if row.get("kind") == "score"]
    paths = checkpoint.list_checkpoints(str(folder / "checkpoints"))
    assert [score["checkpoint"] for score in scores] == [os.path.basename(path) for path in paths]
    assert scores[-1]["images_shown"] == 96
    assert scores[-1]["num_images"] == 70
    assert scores[-1]["floor"]["modes"] > 40
    assert (folder / "scores.txt").read_text() in result.stdout
    assert (folder / "metrics.png").is_file()
    # The run goes on as if nothing had been measured.
    again = run("train.py", "--flagfile=runs/a/flags.txt", "--total_kimg=0.128", cwd=trained)
    assert again.returncode == 0, again.stderr
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    ticks = [row for row in rows if "kind" not in row]
    assert ticks[-1]["images_shown"] == 128
    assert ticks[-1]["seconds"] > ticks[-2]["seconds"]
    assert [row for row in rows if row.get("kind") == "score"] == scores


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--run_dir=nowhere"], ["--run_dir", "nowhere"]),
        (["--run_dir", "runs/a", "--metrics=fame"], ["--metrics", "fame", "swd"]),
        (["--run_dir=runs/a", "--metrics=swd"], ["swd", "16 px", "8"]),
    ],
)
def test_mistakes_are_one_line(trained, arguments, words):
    before = (trained / "runs/a/metrics.jsonl").read_bytes()
    assert_one_line_error(run("evaluate.py", *arguments, cwd=trained), *words)
    assert (trained / "runs/a/metrics.jsonl").read_bytes() == before
