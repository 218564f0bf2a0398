"""The command `pgan`, and the help of all commands: at once, in groups, without TensorFlow."""

import json
import os
import subprocess
import sys

import pytest

from pgan_tf import __version__
from pgan_tf.commands.only_run import with_only_run
from pgan_tf.commands.pgan import COMMANDS
from tests.helpers.places import ROOT
from tfrecords.common.errors import UserError

# Calls each of many commands in a fork, where flags may have the names of others'.
SCRIPT = """
import contextlib, io, json, os, sys, time, traceback
import numpy, absl.app  # what takes the most time, once
from pgan_tf.commands.pgan import main

def call(words, pipe):
    out, err, start, status = io.StringIO(), io.StringIO(), time.monotonic(), 0
    sys.argv = ["pgan", *words]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            status = end.code or 0
        except BaseException:
            status = traceback.format_exc()
    seconds = time.monotonic() - start
    answer = status, out.getvalue(), err.getvalue(), seconds, "tensorflow" in sys.modules
    with open(pipe, "w") as file:
        json.dump(answer, file)
    os._exit(0)

answers = []
for words in json.load(sys.stdin):
    reader, writer = os.pipe()
    if os.fork() == 0:
        call(words, writer)
    os.close(writer)
    with open(reader) as file:
        answers.append(json.load(file))
    os.wait()
print(json.dumps(answers))
"""

HELP = [f"{name} {flag}" for name in COMMANDS for flag in ("--help", "--helpfull")]
LISTS = ["", "--help", "data", "data --help", "--version", "train --preset=list"]
MISTAKES = {
    "trian": "did you mean train?",
    "data creat": "did you mean create?",
    "--data=photos": "pgan train --data=photos",
    "train --resolutoin=64": "did you mean --resolution?",
    "train --precision=float23": "did you mean float32?",
    "train --preset=lapto": "did you mean laptop?",
    "train --eval_metrics=swdd": "did you mean swd?",
    "export --format=tfj": "did you mean tfjs?",
    "generate --run_dir=x --neighbours=0": "--neighbors: expected",  # the former spelling
    "benchmark --precision=mixed_bfloat61": "did you mean mixed_bfloat16?",
    "data create photos out --encodin=raw": "did you mean --encoding?",
    "data preview": "--data: expected pictures, TFRecords, tfds:NAME or shapes, got none",
    "data preview --data=photos --augment=adda": "did you mean ada?",
    "data preview --data=photos --output=sheet.txt": "--output: expected a picture to make",
    "data preview --data=photos --output=absent/sheet.png": "--output: expected a file that can",
}


@pytest.fixture(scope="module")
def answers():
    """What `pgan` answers to each line: status, stdout, stderr, seconds, TensorFlow loaded."""
    lines = [*HELP, *LISTS, *MISTAKES]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps([line.split() for line in lines]),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(lines, json.loads(done.stdout), strict=True))


def test_what_needs_no_tensorflow_loads_none_and_answers_at_once(answers):
    for line, (status, _, _, seconds, has_tensorflow) in answers.items():
        assert status == (2 if line in MISTAKES else 0), line
        assert not has_tensorflow, line
        # A tenth of it on a quiet machine; TensorFlow alone takes more.
        assert seconds < 3, line


def test_a_mistake_is_one_line_that_names_the_nearest(answers):
    for line, words in MISTAKES.items():
        _, out, err, *_ = answers[line]
        assert (out, err.count("\n")) == ("", 1)
        assert words in err


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_a_dozen_flags_and_three_examples_and_helpfull_all_flags_in_groups(answers, name):
    short, full = (answers[f"{name} {flag}"][1] for flag in ("--help", "--helpfull"))
    assert short.count(f"\n  pgan {name}") == 3
    assert 3 <= short.count("\n  --") <= 12
    assert short.count("\n  --") <= full.count("\n  --")
    assert "\n  --flagfile" in full
    # Where flags without a group would be, and all of a command without groups.
    assert "\nOther:" not in full and "\nFlags:" not in full
    for text in (short, full):
        assert max(map(len, text.splitlines())) <= 80


def test_pgan_lists_its_commands_and_its_version(answers):
    for line in ("", "--help"):
        listed = answers[line][1]
        for name, about in COMMANDS.items():
            assert f"pgan {name} " in listed
            assert about in listed
    assert "pgan train" not in answers["data"][1]
    assert answers["--version"][1] == f"pgan-tf {__version__}\n"


def test_presets_are_listed_with_what_they_are(answers):
    listed = answers["train --preset=list"][1]
    names = [path.stem for path in (ROOT / "pgan_tf/presets").glob("**/*.flags")]
    lines = [line for line in listed.splitlines() if not line.startswith(" ")]
    assert sorted(line.split()[0] for line in lines) == sorted(names)
    assert [line.split()[0] for line in lines[:2]] == ["shapes", "quick"]
    assert all(len(line.split()) > 3 for line in lines)


def test_a_benchmark_takes_of_a_preset_what_decides_how_fast_a_step_is():
    script = (
        "from pgan_tf.commands.benchmark import with_preset as it; print(it(['{}', '--json=x']))"
    )
    command = [sys.executable, "-c", script.format("--preset=cifar10")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    step = ["--resolution=4,8,16,32", "--fmap_max=128", "--latent_size=128", "--batch_size=16"]
    assert done.stdout == f"{[*step, '--json=x']}\n"


def test_the_only_run_under_runs_is_taken_where_no_generator_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert with_only_run(["--grid=2x2"]) == ["--grid=2x2"]  # there is none
    for name in ("empty", "cats", "dogs"):
        (tmp_path / f"runs/{name}/checkpoints").mkdir(parents=True)
    (tmp_path / "runs/cats/checkpoints/a.npz").touch()
    assert with_only_run(["--grid=2x2"]) == ["--run_dir=runs/cats", "--grid=2x2"]
    (tmp_path / "runs/dogs/checkpoints/a.npz").touch()
    os.utime(tmp_path / "runs/cats/checkpoints", (1, 1))
    with pytest.raises(UserError, match="holds 2, the newest first: runs/dogs, runs/cats"):
        with_only_run([])
    for named in ("--run_dir=x", "--checkpoint=x", "--saved_model=x", "--official_pkl=x"):
        assert with_only_run([named]) == [named]
        assert with_only_run(named.split("=")) == named.split("=")
