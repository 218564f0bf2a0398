"""Conversions that are killed, again and again, give the dataset of one that was not."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.helpers.made_source import contents, encode, noise
from tests.helpers.places import ROOT

# 96 chunks of 4 pictures on two processes. What it prints tells the time of the conversion
# from that of Python's start. It leaves a file with the name that it is imported under.
SCRIPT = """
import pathlib, sys
from tests.helpers.made_source import options
from tfrecords.sources.by_name import open_source
from tfrecords.writing import writer

pathlib.Path(sys.argv[2]).with_name(__name__).touch()
if __name__ == "__main__":
    writer._CHUNK_PICTURES = 4
    print("begins", flush=True)
    source, named = open_source(sys.argv[1]), {"shard_bytes": 300_000, "processes": 2}
    writer.write_dataset(source, options(32), sys.argv[2], **named)
"""


def start(pictures, out):
    """Returns a conversion that has started."""
    script = pictures.with_name("script.py")
    script.write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, script, pictures, out],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout.readline() == "begins\n"
    return process


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed") / "pictures"
    for number, image in enumerate(noise(384, 40)):
        path = folder / ("cat" if number % 3 else "dog") / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(image) if number % 50 else encode(image)[:100])
    return folder


@pytest.fixture(scope="module")
def undisturbed(pictures, tmp_path_factory):
    """The files of a conversion that runs to its end, and its seconds."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    process, began = start(pictures, out), time.monotonic()
    assert process.wait(60) == 0
    # The worker processes have not imported the command, which may load TensorFlow.
    assert {path.name for path in out.parent.iterdir()} == {"out", "__main__"}
    return contents(out), time.monotonic() - began


@pytest.mark.parametrize("kills", [3, pytest.param(10, marks=pytest.mark.slow)])
def test_kills_change_nothing(pictures, undisturbed, tmp_path, kills):
    expected, seconds = undisturbed
    out, journal = tmp_path / "out", tmp_path / "out.partial" / "journal.jsonl"

    def chunks_done():
        return journal.read_bytes().count(b"\n") if journal.exists() else 0

    for kill, moment in enumerate(np.random.default_rng(1).uniform(0, 0.8 * seconds, kills)):
        process = start(pictures, out)
        time.sleep(moment)
        while kill == kills - 1 and process.poll() is None and chunks_done() < 2:
            time.sleep(0.01)  # so that the run below has something to resume
        process.kill()
        process.wait(60)
        if out.exists():  # it had been finished: start another
            assert contents(out) == expected
            out.rename(tmp_path / f"finished-{kill}")
        else:
            assert not [*journal.parent.glob("*.json")]
    assert chunks_done() > 1
    assert start(pictures, out).wait(60) == 0
    assert contents(out) == expected
    assert not journal.parent.exists()
