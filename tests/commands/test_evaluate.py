"""evaluate.py as a person runs it, on a run of a few images."""

import hashlib
import json
import os
import re
import shutil

import pytest

from pgan_tf.exporting.saved_model import write_saved_model
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.runs import checkpoint
from pgan_tf.runs.trained import from_checkpoint
from tests.commands.conftest import read_scores
from tests.helpers.command_calls import assert_mistake, call
from tests.helpers.small_inception import make_graph
from tfrecords.format.record_file import RecordFile


@pytest.fixture
def cwd(trained, tmp_path):
    """A copy of the folder with the run, to write in."""
    return shutil.copytree(trained[0], tmp_path / "cwd")


def evaluate(*arguments, cwd):
    return call("evaluate.py", *arguments, cwd=cwd)


def test_all_checkpoints_are_scored_and_training_resumes(trained, cwd):
    in_training = trained[2]
    # What is compared, how many, the data: all as the run had it.
    status, out, err = evaluate("--run_dir=runs/a", "--checkpoint=all", cwd=cwd)
    assert status == 0, err
    folder = cwd / "runs/a"
    assert read_scores(cwd)[:2] == in_training
    scores = read_scores(cwd)[2:]
    # To the bit what training had said.
    assert scores[1:] == in_training
    paths = checkpoint.list_checkpoints(str(folder / "checkpoints"))
    assert [score["checkpoint"] for score in scores] == [os.path.basename(path) for path in paths]
    assert (scores[-1]["images_shown"], scores[-1]["num_images"]) == (24, 70)
    assert scores[-1]["floor"]["modes"] > 40
    assert (folder / "scores.txt").read_text() in out
    assert "3 scores (2 before) in runs/a/metrics.jsonl" in out
    assert (folder / "metrics.png").is_file()
    # The run goes on as if nothing had been measured.
    resumed = ("--flagfile=runs/a/flags.txt", "--run_dir=runs/a", "--total_kimg=0.032")
    status, _, err = call("train.py", *resumed, cwd=cwd, eagerly=True)
    assert status == 0, err
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    ticks = [row for row in rows if "kind" not in row]
    assert ticks[-1]["images_shown"] == 32
    assert ticks[-1]["seconds"] > ticks[-2]["seconds"]
    assert read_scores(cwd)[:-1] == [*in_training, *scores]
    assert read_scores(cwd)[-1]["images_shown"] == 32


def test_inception_scores_say_which_network_looked(cwd, tmp_path):
    before = read_scores(cwd)
    (tmp_path / "graph.pb").write_bytes(make_graph())
    given = ("--run_dir=runs/a", "--metrics=fid,kid,is,pr", f"--inception={tmp_path}/graph.pb")
    status, out, err = evaluate(*given, cwd=cwd)
    assert status == 0, err
    assert "not the published graph" in out
    scores = [score for score in read_scores(cwd) if score not in before]
    assert [score["metric"] for score in scores] == ["fid", "kid", "is", "pr"]
    checksum = hashlib.sha256(make_graph()).hexdigest()
    assert {score["metric_weights_sha256"] for score in scores} == {checksum}
    assert f"in Inception {checksum[:8]}, seed 0" in out
    fid, kid, inception_score, pr = (score["values"] for score in scores)
    assert fid["fid"] > scores[0]["floor"]["fid"] >= 0
    assert kid["kid"] > scores[1]["floor"]["kid"]
    assert inception_score["is"] >= 1
    assert 0 <= min(pr.values()) <= max(pr.values()) <= 1


def test_an_export_is_scored_as_its_checkpoint(trained, cwd):
    """Up to how the folded network rounds: a picture in a thousand may be near to two modes."""
    last = trained[2][-1]
    path = f"{cwd}/runs/a/checkpoints/{last['checkpoint']}"
    write_saved_model(from_checkpoint(path), ExportOptions(str(cwd / "export")))
    given = ("--saved_model=export", "--data=shapes", "--metrics=modes", "--num_images=70")
    status, out, err = evaluate(*given, cwd=cwd)
    assert status == 0, err
    (file,) = (cwd / "export").glob("*/scores.jsonl")
    assert f"1 score in {file.relative_to(cwd)}" in out
    row = json.loads(file.read_text())
    assert row["checkpoint"] == f"SavedModel of {last['checkpoint']}"
    for name in ("images_shown", "stage", "num_images", "floor", "network", "data", "resolution"):
        assert row[name] == last[name], name
    for name, value in last["values"].items():
        assert row["values"][name] == pytest.approx(value, abs=0.1, rel=0.05)
    assert row["weights_sha256"] != last["weights_sha256"]


def test_as_many_damaged_records_are_skipped_as_allowed(cwd):
    before = read_scores(cwd)
    (path,) = (cwd / "datasets").glob("shapes-8px-*/*-r03.tfrecords")
    contents = bytearray(path.read_bytes())
    for offset in RecordFile(str(path)).offsets[5::10]:
        contents[offset + 40] ^= 1
    path.write_bytes(contents)
    # The run's flags.txt leads to the folder that this one is a copy of.
    given = ["--run_dir", "runs/a", "--metrics=modes", "--data=shapes", "--data_cache=datasets"]
    status, _, err = evaluate(*given, cwd=cwd)
    assert status == 2
    assert re.search(r"at most 0 damaged records, got \d+: .*--max_bad_records", err)
    status, _, err = evaluate(*given, "--max_bad_records=400", cwd=cwd)
    assert status == 0, err
    last = checkpoint.latest(str(cwd / "runs/a/checkpoints"))
    (score,) = read_scores(cwd)[len(before) :]
    assert score["checkpoint"] == os.path.basename(last)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--run_dir=runs/a --saved_model=x", ["--run_dir or --saved_model", "both"]),
        ("--saved_model=x --checkpoint=all", ["--checkpoint", "--saved_model"]),
        ("--run_dir=runs/a --checkpoint=best-fid.npz", ["best-fid.npz"]),
        ("--run_dir=nowhere", ["--run_dir", "nowhere"]),
        ("--run_dir=runs/a --metrics=swd", ["swd", "16 px"]),
        ("--run_dir runs/a --metrics=fame", ["--metrics", "fame", "swd"]),
        ("--run_dir=runs/a --metrics=fid --inception=none.pb", ["--inception", "none.pb"]),
        ("--run_dir=runs/a --labels=none", ["--data", "as it was trained on"]),
    ],
)
def test_mistakes_are_one_line_and_change_nothing(trained, arguments, words):
    cwd = trained[0]
    before = (cwd / "runs/a/metrics.jsonl").read_bytes()
    assert_mistake(evaluate(*arguments.split(), "--data_cache=unused", cwd=cwd), *words)
    assert (cwd / "runs/a/metrics.jsonl").read_bytes() == before


def test_inception_that_cannot_be_fetched_is_one_line(trained, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # where nobody listens
    result = evaluate("--run_dir=runs/a", "--metrics=fid", cwd=trained[0])
    assert_mistake(result, "cannot fetch https://", "--inception=PATH")
