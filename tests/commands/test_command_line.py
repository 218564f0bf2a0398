import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from tests.helpers.places import ROOT
from tfrecords.format.dataset_info import read_dataset_info

SCRIPT = """
from absl import flags
from tfrecords.common import command_line
from tfrecords.common.bounds import Bounds
from tfrecords.common.checked_flags import define_number
from tfrecords.common.errors import UserError

COUNT = define_number("count", 1, "How many.", Bounds(0, 9, whole=True))
COLOUR = flags.DEFINE_enum("colour", "red", ["red", "blue"], "Which.")
FAIL = flags.DEFINE_string("fail", "", "How to fail.")

def main():
    if FAIL.value == "user":
        raise UserError("data: expected a folder,\\n  got nothing")
    if FAIL.value == "bug":
        raise RuntimeError("a bug")
    if FAIL.value == "interrupt":
        raise KeyboardInterrupt
    print(COUNT.value, COLOUR.value)

if __name__ == "__main__":
    command_line.run(main)
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("script") / "paint.py"
    path.write_text(SCRIPT)
    return path


def call(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)


def create(*arguments):
    return call("-m", "tfrecords.create", *arguments)


def test_main_sees_the_flags(script):
    done = call(script, "--count=3", "--colour=blue")
    assert (done.returncode, done.stdout, done.stderr) == (0, "3 blue\n", "")


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--cuont=3", "--cuont: expected a flag of this command: did you mean --count?"),
        ("--count=three", "--count: expected a whole number from 0 to 9, got 'three'"),
        ("--count=-1", "--count: expected a whole number from 0 to 9, got '-1'"),
        ("--colour=green", "--colour: expected red or blue, got 'green'"),
        ("--fail=user", "data: expected a folder,; got nothing"),
        ("extra", "expected flags only (--name=value), got the argument extra"),
    ],
)
def test_mistakes_give_one_line_and_status_2(script, argument, message):
    done = call(script, argument)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("paint.py: error: ")
    assert done.stderr.split("error: ")[1] == f"{message}\n"


def test_an_interrupt_gives_one_line_and_status_130(script):
    done = call(script, "--fail=interrupt")
    assert (done.returncode, done.stderr) == (130, "paint.py: interrupted\n")


def test_bugs_keep_their_traceback(script):
    done = call(script, "--fail=bug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "RuntimeError: a bug" in done.stderr


def test_help_lists_the_flags(script):
    done = call(script, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "--colour: <red|blue>: Which." in done.stdout


def test_create_converts_a_folder(tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(4):
        pixels = np.full((40, 50, 4), (255, 0, 0, 64 * number), np.uint8)
        Image.fromarray(pixels).save(pictures / f"{number}.png")
    out = tmp_path / "deep" / "out"
    (pictures / "torn.png").write_bytes(b"torn")
    flags = ["--channels=gray", "--background=black", "--noshuffle", "--encoding=raw"]
    done = create(pictures, out, *flags, "--fit=letterbox", "--processes=1", "--shard_mib=1")
    assert (done.returncode, done.stderr) == (0, "")
    chosen, estimate, left_out, summary, rejected = done.stdout.splitlines()
    assert chosen.startswith("Taking 32 px, the largest power of two that half of the pictures")
    assert re.fullmatch(r"5 pictures, about [\d.]+ KiB", estimate)
    assert left_out.startswith(f"Skipped 1 picture, {pictures}/torn.png: cannot be read: not")
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


def test_create_strictly_stops_at_a_bad_picture(tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    Image.new("RGB", (8, 8)).save(pictures / "good.png")
    (pictures / "torn.png").write_bytes(b"torn")
    done = create(pictures, tmp_path / "out", "--strict", "--resolution=8")
    assert done.returncode == 2
    assert re.search(r"error: \S*torn\.png: .*; nothing is kept", done.stderr)
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected 2 arguments, got none; usage: python -m tfrecords.create SOURCE OUT"),
        (["a", "b", "c"], "expected 2 arguments, got a b c; usage:"),
        (
            ["a", "b", "--resolution=big"],
            "--resolution: expected a power of two from 4 to 1024, got 'big'",
        ),
        (["a", "b", "--channels=cmyk"], "--channels: expected rgb or gray, got 'cmyk'"),
        (["a", "b", "--resolution=2048"], "--resolution: expected a power of two from 4 to 1024"),
    ],
)
def test_create_answers_mistakes_without_loading_tensorflow(arguments, message):
    started = time.monotonic()
    done = create(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"tfrecords.create: error: {message}")
    assert done.stderr.count("\n") == 1
    assert time.monotonic() - started < 3


def test_create_answers_a_missing_folder_with_one_line(tmp_path):
    done = create(tmp_path / "absent", tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.startswith("tfrecords.create: error: source: expected a folder")
    assert done.stderr.count("\n") == 1


def test_create_interrupted_goes_on(tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "tfrecords.create", "shapes", out, "--resolution=256"]
    command = [*map(str, command), "--encoding=raw", "--processes=2"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Shells leave SIGINT ignored in what they start in the background, these tests maybe.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    journal = tmp_path / "out.partial" / "journal.jsonl"
    for _ in range(200):
        if journal.exists() and journal.read_bytes().count(b"\n") > 2:
            break
        time.sleep(0.1)
    # Ctrl-C reaches the children too.
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    told, interrupted = stderr.strip().splitlines()
    assert re.fullmatch(
        rf"[\d,]+ of 3,888 pictures are in {out}\.partial: run the same command again to resume",
        told,
    )
    assert interrupted == "tfrecords.create: interrupted"
    assert [path.name for path in tmp_path.iterdir()] == ["out.partial"]
