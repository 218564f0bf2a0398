"""`python evaluate.py` as a person runs it."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from pgan_tf.runs import checkpoint
from pgan_tf.runs.trained import from_run
from tests.commands.test_commands import SMALL, assert_one_line_error
from tests.helpers.command_calls import run_calls
from tests.helpers.places import ROOT
from tests.helpers.small_inception import make_graph
from tfrecords.format.record_file import RecordFile
from tfrecords.sources import shapes


def run(command, *arguments, cwd, **environment):
    return subprocess.run(
        [sys.executable, str(ROOT / command), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        check=False,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    cwd = tmp_path_factory.mktemp("cwd")
    scoring = ("--eval_metrics=modes", "--every=2", "--keep_best=modes", "--num_images=70")
    given = ("--data=shapes", "--conditional", "--run_dir=runs/a")
    result = run("train.py", *given, *scoring, *SMALL, cwd=cwd)
    assert result.returncode == 0, result.stderr
    return cwd, result.stdout, read_scores(cwd)


def read_scores(cwd):
    lines = (cwd / "runs/a/metrics.jsonl").read_text().splitlines()
    return [row for row in map(json.loads, lines) if row.get("kind") == "score"]


def test_training_scores_chosen_ticks_and_the_last_one_and_keeps_the_best(trained):
    cwd, words, scores = trained
    # A tick for each of three stages: the second one, and the last one.
    assert [row["images_shown"] for row in scores] == [64, 96]
    assert "modes_kl" in words
    assert "of real pictures" in words
    best = min(scores, key=lambda row: row["values"]["modes_kl"])
    folder = cwd / "runs/a/checkpoints"
    assert (folder / "best-modes.npz").read_bytes() == (folder / best["checkpoint"]).read_bytes()
    assert (cwd / "runs/a/metrics.png").is_file()


def test_a_run_keeps_the_names_of_its_classes(trained):
    """With which exports and the page tell them."""
    assert from_run(str(trained[0] / "runs/a")).label_names == shapes.LABEL_NAMES


def test_all_checkpoints_are_scored_and_training_goes_on(trained):
    cwd, _, in_training = trained
    # What is compared, how many, the data: all as the run had it.
    result = run("evaluate.py", "--run_dir=runs/a", "--checkpoint=all", cwd=cwd)
    assert result.returncode == 0, result.stderr
    folder = cwd / "runs/a"
    assert read_scores(cwd)[:2] == in_training
    scores = read_scores(cwd)[2:]
    # To the bit what training had said.
    assert scores[1:] == in_training
    paths = checkpoint.list_checkpoints(str(folder / "checkpoints"))
    assert [score["checkpoint"] for score in scores] == [os.path.basename(path) for path in paths]
    assert scores[-1]["images_shown"] == 96
    assert scores[-1]["num_images"] == 70
    assert scores[-1]["floor"]["modes"] > 40
    assert (folder / "scores.txt").read_text() in result.stdout
    assert (folder / "metrics.png").is_file()
    # The run goes on as if nothing had been measured.
    again = run("train.py", "--flagfile=runs/a/flags.txt", "--total_kimg=0.128", cwd=cwd)
    assert again.returncode == 0, again.stderr
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    ticks = [row for row in rows if "kind" not in row]
    assert ticks[-1]["images_shown"] == 128
    assert ticks[-1]["seconds"] > ticks[-2]["seconds"]
    assert read_scores(cwd)[:-1] == [*in_training, *scores]
    assert read_scores(cwd)[-1]["images_shown"] == 128


def test_inception_scores_say_which_network_looked(trained, tmp_path):
    cwd = trained[0]
    before = read_scores(cwd)
    (tmp_path / "graph.pb").write_bytes(make_graph())
    given = ("--run_dir=runs/a", "--metrics=fid,kid,is,pr", f"--inception={tmp_path}/graph.pb")
    result = run("evaluate.py", *given, cwd=cwd)
    assert result.returncode == 0, result.stderr
    assert "not the published graph" in result.stdout
    scores = [score for score in read_scores(cwd) if score not in before]
    assert [score["metric"] for score in scores] == ["fid", "kid", "is", "pr"]
    checksum = hashlib.sha256(make_graph()).hexdigest()
    assert {score["metric_weights_sha256"] for score in scores} == {checksum}
    assert f"in Inception {checksum[:8]}, seed 0" in result.stdout
    fid, kid, inception_score, pr = (score["values"] for score in scores)
    assert fid["fid"] > scores[0]["floor"]["fid"] >= 0
    assert kid["kid"] > scores[1]["floor"]["kid"]
    assert inception_score["is"] >= 1
    assert 0 <= min(pr.values()) <= max(pr.values()) <= 1


def test_inception_that_cannot_be_fetched_is_one_line(trained):
    cwd = trained[0]
    data = sorted(path.name for path in (cwd / "datasets").iterdir())
    nobody = "http://127.0.0.1:9"
    result = run(*("evaluate.py", "--run_dir=runs/a", "--metrics=fid"), cwd=cwd, https_proxy=nobody)
    assert_one_line_error(result, "cannot fetch https://", "--inception=PATH")
    assert sorted(path.name for path in (cwd / "datasets").iterdir()) == data


def test_an_export_is_scored_as_its_checkpoint(trained):
    """Up to how the folded network rounds: a picture in a thousand may be near to two modes."""
    cwd, _, in_training = trained
    path = f"runs/a/checkpoints/{in_training[-1]['checkpoint']}"
    result = run("export.py", "--export_dir=export", f"--checkpoint={path}", cwd=cwd)
    assert result.returncode == 0, result.stderr
    given = ("--saved_model=export", "--data=shapes", "--metrics=modes", "--num_images=70")
    result = run("evaluate.py", *given, cwd=cwd)
    assert result.returncode == 0, result.stderr
    (file,) = (cwd / "export").glob("*/scores.jsonl")
    row = json.loads(file.read_text())
    assert row["checkpoint"] == f"SavedModel of {in_training[-1]['checkpoint']}"
    for name in ("images_shown", "stage", "num_images", "floor", "network", "data", "resolution"):
        assert row[name] == in_training[-1][name], name
    for name, value in in_training[-1]["values"].items():
        assert row["values"][name] == pytest.approx(value, abs=0.1, rel=0.05)
    assert row["weights_sha256"] != in_training[-1]["weights_sha256"]


def test_damaged_records_are_borne_as_far_as_is_said(trained, tmp_path):
    shutil.copytree(trained[0], tmp_path / "cwd")
    before = read_scores(tmp_path / "cwd")
    (path,) = (tmp_path / "cwd/datasets").glob("*/*-r03.tfrecords")
    contents = bytearray(path.read_bytes())
    contents[RecordFile(str(path)).offsets[1000] + 40] ^= 1
    path.write_bytes(contents)
    given = ["--run_dir=runs/a", "--metrics=modes", "--data=shapes", "--resolution=8"]
    calls = [given, [*given, "--max_bad_records=1"]]
    refused, borne = run_calls("evaluate.py", calls, tmp_path / "cwd")
    assert refused[0] == 2
    assert re.search(r"at most 0 damaged records, got 1: .*--max_bad_records", refused[2]), refused
    assert borne[0] == 0, borne
    last = checkpoint.list_checkpoints(str(tmp_path / "cwd/runs/a/checkpoints"))[-1]
    (score,) = read_scores(tmp_path / "cwd")[len(before) :]
    assert score["checkpoint"] == os.path.basename(last)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--run_dir=runs/a", "--checkpoint=best-fid.npz"], ["best-fid.npz"]),
        (["--run_dir=nowhere"], ["--run_dir", "nowhere"]),
        (["--run_dir=runs/a", "--metrics=swd"], ["swd", "16 px"]),
        (["--run_dir", "runs/a", "--metrics=fame"], ["--metrics", "fame", "swd"]),
    ],
)
def test_mistakes_are_one_line(trained, arguments, words):
    cwd = trained[0]
    before = (cwd / "runs/a/metrics.jsonl").read_bytes()
    result = run("evaluate.py", *arguments, "--data_cache=unused", cwd=cwd)
    assert_one_line_error(result, *words)
    assert (cwd / "runs/a/metrics.jsonl").read_bytes() == before
    assert not (cwd / "unused").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--eval_metrics=swd"], ["swd", "16 px", "8"]),
        (["--every=5"], ["--every", "--eval_metrics"]),
        (["--eval_metrics=kid", "--inception=none.pb"], ["--inception", "none.pb"]),
    ],
)
def test_training_refuses_scores_that_cannot_be_before_it_begins(trained, arguments, words):
    cwd = trained[0]
    given = ("--data=shapes", "--run_dir=runs/b")
    assert_one_line_error(run("train.py", *given, *SMALL, *arguments, cwd=cwd), *words)
    assert not (cwd / "runs/b").exists()
