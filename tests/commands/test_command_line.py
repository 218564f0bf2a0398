"""What all commands share, with one made for it, and tfrecords.create as a person runs it."""

import json
import re
import signal
import subprocess
import sys
import time

import pytest

from tests.helpers.made_source import encode, noise
from tests.helpers.places import ROOT
from tfrecords.format.dataset_info import read_dataset_info

SCRIPT = """
from absl import flags
from tfrecords.common import command_line
from tfrecords.common.bounds import Bounds
from tfrecords.common.command_line import define_number
from tfrecords.common.errors import UserError

COUNT = define_number("count", 1, "How many.", Bounds(0, 9, whole=True))
COLOR = flags.DEFINE_enum("color", "red", ["red", "blue"], "Which.")
FAIL = flags.DEFINE_string("fail", "", "How to fail.")

def main():
    if FAIL.value == "user":
        raise UserError("data: expected a folder,\\n  got nothing")
    if FAIL.value == "bug":
        raise RuntimeError("a bug")
    if FAIL.value == "interrupt":
        raise KeyboardInterrupt
    print(COUNT.value, COLOR.value)

if __name__ == "__main__":
    command_line.run(main)
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("script") / "paint.py"
    path.write_text(SCRIPT)
    return path


def call(*arguments):
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.mark.parametrize(
    ("argument", "status", "line"),
    [
        ("--cuont=3", 2, "error: --cuont: expected a flag of this command: did you mean --count?"),
        ("--count=three", 2, "error: --count: expected a whole number from 0 to 9, got 'three'"),
        ("--color=green", 2, "error: --color: expected red or blue, got 'green'"),
        ("--fail=user", 2, "error: data: expected a folder,; got nothing"),
        ("extra", 2, "error: expected flags only (--name=value), got the argument extra"),
        ("--fail=interrupt", 130, "interrupted"),
    ],
)
def test_what_goes_wrong_is_one_line_and_a_status(script, argument, status, line):
    done = call(script, argument)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", f"paint.py: {line}\n")


def test_main_sees_the_flags_and_a_bug_has_its_traceback(script):
    done = call(script, "--count=3", "--color=blue")
    assert (done.returncode, done.stdout, done.stderr) == (0, "3 blue\n", "")
    done = call(script, "--fail=bug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr and "RuntimeError: a bug" in done.stderr


@pytest.mark.parametrize("argument", ["--count=3", "--help"])
def test_a_command_whose_output_nobody_reads_any_more_ends_quietly(script, argument):
    command = [sys.executable, script, argument]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


# tfrecords.create


def test_create_converts_a_folder_as_its_flags_say(tmp_path):
    (tmp_path / "pictures").mkdir()
    for number, image in enumerate(noise(4, 40)):
        (tmp_path / f"pictures/{number}.png").write_bytes(encode(image))
    (tmp_path / "pictures/torn.png").write_bytes(b"torn")
    out = tmp_path / "deep/out"
    flags = ["--channels=gray", "--background=black", "--noshuffle", "--encoding=raw"]
    flags += ["--fit=letterbox", "--processes=1", "--shard_mib=1"]
    done = call("-m", "tfrecords.create", tmp_path / "pictures", out, *flags)
    assert (done.returncode, done.stderr) == (0, "")
    for said in (
        "Taking 32 px",
        "5 pictures, about ",
        f"Skipped 1 picture, {tmp_path}/pictures/torn.png",
        f"{out}: 4 pictures, 1 rejected, 4 to 32 px, gray, ",
        f"{out}/rejected.jsonl",
    ):
        assert f"\n{said}" in f"\n{done.stdout}"
    assert read_dataset_info(str(out)).encoding == "raw"
    options = json.loads((out / "dataset.json").read_text())["options"]
    expected = {"background": [0, 0, 0], "fit": "letterbox", "shuffle": False}
    assert options.items() >= {**expected, "shard_bytes": 2**20}.items()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "expected 2 arguments, got none; usage: python -m tfrecords.create SOURCE OUT"),
        ("a b --resolution=big", "--resolution: expected a power of two from 4 to 1024, got 'big'"),
        ("absent out", "source: expected a folder"),
    ],
)
def test_create_answers_mistakes_without_loading_tensorflow(arguments, message):
    done = call("-X", "importtime", "-m", "tfrecords.create", *arguments.split())
    *imported, line = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    assert line.startswith(f"tfrecords.create: error: {message}")
    assert not any(one.endswith("| tensorflow") for one in imported)


def test_create_that_is_interrupted_says_how_to_resume(tmp_path):
    out = tmp_path / "out"
    flags = ["--resolution=256", "--encoding=raw", "--processes=2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "tfrecords.create", "shapes", str(out), *flags],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Shells leave SIGINT ignored in what they start in the background, these tests maybe.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    journal = tmp_path / "out.partial/journal.jsonl"
    for _ in range(200):
        if journal.exists() and journal.read_bytes().count(b"\n") > 2:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)  # Ctrl-C reaches the children too
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    told, interrupted = stderr.strip().splitlines()
    told_so = (
        rf"[\d,]+ of 3,888 pictures are in {out}\.partial: run the same command again to resume"
    )
    assert re.fullmatch(told_so, told)
    assert interrupted == "tfrecords.create: interrupted"
    assert [path.name for path in tmp_path.iterdir()] == ["out.partial"]
