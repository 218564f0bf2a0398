"""evaluate.py as a person runs it, on a run of a few images."""

import json
import os
import shutil

import pytest

from pgan_tf.exporting.saved_model import write_saved_model
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.runs import checkpoint
from pgan_tf.runs.trained import from_checkpoint
from tests.commands.conftest import read_scores
from tests.helpers.command_calls import assert_mistake, call
from tests.helpers.source_helpers import save


@pytest.fixture
def cwd(trained, tmp_path):
    """A copy of the folder with the run, to write in."""
    return shutil.copytree(trained[0], tmp_path / "cwd")


def evaluate(*arguments, cwd):
    status, out, err = call("evaluate.py", *arguments, cwd=cwd)
    assert status == 0, err
    return out


def test_all_checkpoints_are_scored_to_the_bit_as_in_training(trained, cwd):
    in_training = trained[2]
    # What is compared, how many, the data: all as the run had it.
    out = evaluate("--run_dir=runs/a", "--checkpoint=all", cwd=cwd)
    folder = cwd / "runs/a"
    assert read_scores(cwd)[:2] == in_training
    scores = read_scores(cwd)[2:]
    assert scores[1:] == in_training
    paths = checkpoint.list_checkpoints(str(folder / "checkpoints"))
    assert [score["checkpoint"] for score in scores] == [os.path.basename(path) for path in paths]
    assert (scores[-1]["images_shown"], scores[-1]["num_images"]) == (24, 70)
    assert scores[-1]["floor"]["modes"] > 40
    assert (folder / "scores.txt").read_text() in out
    assert "3 scores (2 before) in runs/a/metrics.jsonl" in out
    assert (folder / "metrics.png").is_file()


def test_an_export_is_scored_as_its_checkpoint(trained, cwd):
    """Up to how the folded network rounds: a picture in a thousand may be near to two modes."""
    last = trained[2][-1]
    path = f"{cwd}/runs/a/checkpoints/{last['checkpoint']}"
    write_saved_model(from_checkpoint(path), ExportOptions(str(cwd / "export")))
    given = ("--saved_model=export", "--data=shapes", "--metrics=modes", "--num_images=70")
    out = evaluate(*given, cwd=cwd)
    (file,) = (cwd / "export").glob("*/scores.jsonl")
    assert f"1 score in {file.relative_to(cwd)}" in out
    row = json.loads(file.read_text())
    assert row["checkpoint"] == f"SavedModel of {last['checkpoint']}"
    for name in ("images_shown", "stage", "num_images", "floor", "network", "data", "resolution"):
        assert row[name] == last[name], name
    for name, value in last["values"].items():
        assert row["values"][name] == pytest.approx(value, abs=0.1, rel=0.05)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--run_dir=runs/a --saved_model=x", ["--run_dir or --saved_model", "both"]),
        ("--saved_model=x --checkpoint=all", ["--checkpoint", "--saved_model"]),
        ("--run_dir=runs/a --checkpoint=best-fid.npz", ["best-fid.npz"]),
        ("--run_dir=nowhere", ["--run_dir", "nowhere"]),
        ("--run_dir=runs/a --metrics=swd", ["swd", "16 px"]),
        ("--run_dir=runs/a --metrics=memorization", ["memorization", "16 px"]),
        ("--run_dir=runs/a --metrics=fid --inception=none.pb", ["--inception", "none.pb"]),
        ("--run_dir=runs/a --metrics=fid", ["cannot fetch https://", "--inception=PATH"]),
    ],
)
def test_mistakes_are_one_line_and_change_nothing(trained, monkeypatch, arguments, words):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # where nobody listens
    cwd = trained[0]
    before = (cwd / "runs/a/metrics.jsonl").read_bytes()
    given = (*arguments.split(), "--data_cache=unused")
    assert_mistake(call("evaluate.py", *given, cwd=cwd), *words)
    assert not (cwd / "unused").exists()  # no picture was converted first
    assert (cwd / "runs/a/metrics.jsonl").read_bytes() == before


@pytest.mark.slow
def test_a_run_is_asked_what_it_knows_by_heart_in_training_and_later(tmp_path):
    for number in range(16):
        save(tmp_path / f"photos/{number}.png", (16, 16), number)
    given = ("--data=photos", "--held_out=0.5", "--run_dir=runs/a")
    size = ("--resolution=16", "--initial_resolution=16", "--fmap_base=16", "--fmap_max=4")
    short = ("--batch_size=4", "--total_kimg=0.008", "--minibatch_repeats=1")
    scoring = "--eval_metrics=memorization"
    status, _, err = call("train.py", *given, *size, *short, scoring, cwd=tmp_path, eagerly=True)
    assert status == 0, err
    (score,) = read_scores(tmp_path)
    assert {*score["values"]} == {"r_v", "nearer_to_training", "heldout_swd"}
    assert score["num_images"] == 8
    assert (tmp_path / "runs/a/checkpoints/before-memorization.npz").exists()
    # Others can be held out.
    for number in range(9):
        save(tmp_path / f"others/{number}.png", (16, 16), 100 + number)
    given = ("--run_dir=runs/a", "--held_out_data=others", "--num_images=5")
    status, out, err = call("evaluate.py", *given, cwd=tmp_path, eagerly=True)
    assert status == 0 and "5 pictures of 16 px" in out and "nearer_to_training" in out, err
    # Other pictures than the run's would pass for what it knows by heart.
    changed = call("evaluate.py", "--run_dir=runs/a", "--data=shapes", cwd=tmp_path)
    assert_mistake(changed, "--data: expected the run's pictures, shapes holds others")
