"""Conversions that are killed, again and again, give the dataset of one that was not."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.helpers.made_source import contents, encode
from tests.helpers.places import ROOT

# 96 chunks of 4 pictures on two processes. What it prints tells the time of the conversion
# from that of Python's start.
SCRIPT = """
import sys
from tfrecords.writing import writer
from tfrecords.pictures.source import PictureOptions
from tfrecords.sources.by_name import open_source

if __name__ == "__main__":
    writer._CHUNK_PICTURES = 4
    source = open_source(sys.argv[1])
    options = PictureOptions(32, allow_upscaling=False)
    print("begins", flush=True)
    writer.write_dataset(source, options, sys.argv[2], shard_bytes=300_000, processes=2)
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed") / "pictures"
    random = np.random.default_rng(0)
    for number in range(384):
        path = folder / ("cat" if number % 3 else "dog") / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        data = encode(random.integers(0, 256, (40, 40, 3), np.uint8))
        path.write_bytes(data if number % 50 else data[:100])
    return folder


def start(pictures, out):
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(pictures), str(out)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    )


def run(pictures, out):
    """Lets a conversion end; returns the seconds that it took."""
    process = start(pictures, out)
    assert process.stdout.readline() == "begins\n"
    began = time.monotonic()
    process.communicate(timeout=60)
    assert process.returncode == 0
    return time.monotonic() - began


def chunks_done(out):
    """How many lines the journal of a conversion into `out` has."""
    journal = out.with_name("out.partial") / "journal.jsonl"
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def kill_and_compare(pictures, tmp_path, kills, seed):
    seconds = run(pictures, tmp_path / "undisturbed" / "out")
    out = tmp_path / "out"
    progress = []
    for moment in np.random.default_rng(seed).uniform(0, 0.8 * seconds, kills):
        process = start(pictures, out)
        assert process.stdout.readline() == "begins\n"
        time.sleep(moment)
        is_last = len(progress) == kills - 1
        while is_last and process.poll() is None and chunks_done(out) < 2:
            time.sleep(0.01)  # so that the run below has something to go on with
        process.kill()
        process.communicate(timeout=60)
        progress.append(chunks_done(out))
        if out.exists():  # it had been finished: begin another
            assert contents(out) == contents(tmp_path / "undisturbed" / "out")
            out.rename(tmp_path / f"finished-{len(progress)}")
            continue
        assert list(tmp_path.glob("out.partial/*.json")) == []
    run(pictures, out)
    assert contents(out) == contents(tmp_path / "undisturbed" / "out")
    assert not (tmp_path / "out.partial").exists()
    return progress


def test_three_kills_change_nothing(pictures, tmp_path):
    progress = kill_and_compare(pictures, tmp_path, kills=3, seed=1)
    assert max(progress) > 1  # something was there to go on with


@pytest.mark.slow
def test_ten_kills_change_nothing(pictures, tmp_path):
    progress = kill_and_compare(pictures, tmp_path, kills=10, seed=2)
    assert max(progress) > 1
