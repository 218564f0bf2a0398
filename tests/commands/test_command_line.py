"""What all commands share, with one made for it, and tfrecords.create as a person runs it."""

import json
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from tests.helpers.places import ROOT
from tests.helpers.source_helpers import save
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


def create(*arguments):
    return call("-m", "tfrecords.create", *arguments)


def test_main_sees_the_flags_and_help_lists_them(script):
    done = call(script, "--count=3", "--color=blue")
    assert (done.returncode, done.stdout, done.stderr) == (0, "3 blue\n", "")
    done = call(script, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"--color=red\|blue +Which \(default: red\)\.", done.stdout)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--cuont=3", "--cuont: expected a flag of this command: did you mean --count?"),
        ("--count=three", "--count: expected a whole number from 0 to 9, got 'three'"),
        ("--count=-1", "--count: expected a whole number from 0 to 9, got '-1'"),
        ("--color=green", "--color: expected red or blue, got 'green'"),
        ("--fail=user", "data: expected a folder,; got nothing"),
        ("extra", "expected flags only (--name=value), got the argument extra"),
    ],
)
def test_mistakes_give_one_line_and_status_2(script, argument, message):
    done = call(script, argument)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"paint.py: error: {message}\n"


def test_an_interrupt_gives_one_line_and_a_bug_its_traceback(script):
    done = call(script, "--fail=interrupt")
    assert (done.returncode, done.stderr) == (130, "paint.py: interrupted\n")
    done = call(script, "--fail=bug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "RuntimeError: a bug" in done.stderr


def test_create_converts_a_folder(tmp_path):
    (tmp_path / "pictures").mkdir()
    for number in range(4):
        pixels = np.full((40, 50, 4), (255, 0, 0, 64 * number), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"pictures/{number}.png")
    (tmp_path / "pictures/torn.png").write_bytes(b"torn")
    out = tmp_path / "deep/out"
    flags = ["--channels=gray", "--background=black", "--noshuffle", "--encoding=raw"]
    flags += ["--fit=letterbox", "--processes=1", "--shard_mib=1"]
    done = create(tmp_path / "pictures", out, *flags)
    assert (done.returncode, done.stderr) == (0, "")
    chosen, estimate, skipped, summary, rejected = done.stdout.splitlines()
    assert chosen.startswith("Taking 32 px, the largest power of two that half of the pictures")
    assert re.fullmatch(r"5 pictures, about [\d.]+ KiB", estimate)
    assert skipped.startswith(f"Skipped 1 picture, {tmp_path}/pictures/torn.png: cannot be read")
    assert summary.startswith(f"{out}: 4 pictures, 1 rejected, 4 to 32 px, gray, ")
    assert re.search(r", [\d.]+ KiB in 4 files, \d+ s$", summary)
    assert rejected == f"{out}/rejected.jsonl says why each was rejected"
    info = read_dataset_info(str(out))
    assert (info.name, info.num_images, info.resolution, info.num_channels) == ("out", 4, 32, 1)
    assert info.encoding == "raw"
    assert json.loads((out / "dataset.json").read_text())["options"] == {
        "resolution": 32,
        "num_channels": 1,
        "background": [0, 0, 0],
        "fit": "letterbox",
        "allow_upscaling": True,
        "shuffle": False,
        "shard_bytes": 2**20,
    }


def test_create_prints_the_classes_before_it_converts(tmp_path):
    for name in ("train/cat", "train/dog", "test/cat", "test/dog"):
        save(tmp_path / f"animals/{name}/1.png")
    flags = ("--labels=folders", "--resolution=16", "--processes=1")
    done = create(tmp_path / "animals", tmp_path / "out", *flags)
    assert (done.returncode, done.stderr) == (0, "")
    _, note, classes, _ = done.stdout.splitlines()
    assert re.search("test, train are taken for parts of a .*, and the folders in them", note)
    assert classes == "Classes: 2, cat (2 pictures), dog (2)"


def test_create_strictly_stops_at_a_bad_picture(tmp_path):
    save(tmp_path / "pictures/good.png", (8, 8))
    (tmp_path / "pictures/torn.png").write_bytes(b"torn")
    done = create(tmp_path / "pictures", tmp_path / "out", "--strict", "--resolution=8")
    assert done.returncode == 2
    assert re.search(r"error: \S*torn\.png: .*; nothing is kept", done.stderr)
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "expected 2 arguments, got none; usage: python -m tfrecords.create SOURCE OUT"),
        ("a b c", "expected 2 arguments, got a b c; usage:"),
        ("a b --resolution=big", "--resolution: expected a power of two from 4 to 1024, got 'big'"),
        ("a b --channels=cmyk", "--channels: expected rgb or gray, got 'cmyk'"),
        ("absent out", "source: expected a folder"),
    ],
)
def test_create_answers_mistakes_without_loading_tensorflow(arguments, message):
    start = time.monotonic()
    done = create(*arguments.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"tfrecords.create: error: {message}")
    assert done.stderr.count("\n") == 1
    assert time.monotonic() - start < 3


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
