"""What train.py does about data that are the run's, or others, and what it then leaves."""

import os
import pathlib
import shutil

import pytest
from command_calls import run_calls
from source_helpers import save

from tfrecords.cache import prepare
from tfrecords.source import PictureOptions

SMALL = (
    *("--resolution=8", "--fmap_base=16", "--fmap_max=4", "--latent_size=4", "--batch_size=4"),
    *("--stabilize_kimg=1", "--minibatch_repeats=1"),
)


def make_pictures(folder, seed):
    for number in range(4):
        save(folder / f"{number}.png", (8, 8), seed + number)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The folder that train.py was called in, and the results, by name."""
    cwd = tmp_path_factory.mktemp("cwd")
    make_pictures(cwd / "photos", 0)
    make_pictures(cwd / "others" / "photos", 50)
    shutil.copytree(cwd / "photos", cwd / "moved" / "renamed")
    for path in (cwd / "moved" / "renamed").iterdir():
        os.utime(path, (1, 1))
    info = prepare(str(cwd / "photos"), str(cwd / "datasets"), PictureOptions(8))
    (cwd / "largest").mkdir()
    for path in info.files[8]:
        shutil.copy(path, cwd / "largest")
    calls = {
        "begins": ("--data=photos", "--run_dir=runs/a", "--total_kimg=0.004"),
        "copied": ("--data=moved/renamed", "--run_dir=runs/a", "--total_kimg=0.008"),
        "others": ("--data=others/photos", "--run_dir=runs/a", "--total_kimg=0.012"),
        "advice": (
            *("--data=others/photos", "--run_dir=runs/b", "--init_from=runs/a"),
            "--total_kimg=0.004",
        ),
        "largest": ("--data=largest", "--run_dir=new/c", "--total_kimg=0.004"),
        "misfit": ("--data=photos", "--run_dir=new/d", "--init_from=runs/a", "--latent_size=5"),
        "largest advice": (
            *("--data=largest", "--run_dir=runs/c", "--total_kimg=0.004"),
            "--initial_resolution=8",
        ),
    }
    done = run_calls("train.py", [(*SMALL, *call) for call in calls.values()], cwd, 300)
    return cwd, dict(zip(calls, done, strict=True))


def error_of(results, name):
    status, _, words = results[1][name]
    errors = [line for line in words.splitlines() if "error" in line]
    assert (status, len(errors)) == (2, 1), words
    return errors[0]


@pytest.mark.parametrize("name", ["begins", "copied", "advice", "largest advice"])
def test_the_run_goes_on_and_every_advice_works(results, name):
    status, _, words = results[1][name]
    assert status == 0, words


def test_copied_pictures_go_on_in_the_same_run(results):
    cwd, done = results
    assert "Going on from 0.004 kimg" in done["copied"][1] + done["copied"][2]
    assert f"--data={cwd}/moved/renamed\n" in (cwd / "runs/a/flags.txt").read_text()


def test_other_pictures_are_refused_with_what_differs_and_two_ways_on(results):
    words = error_of(results, "others")
    assert "photos, 4 pictures (SHA-256 " in words
    assert "--data=" in words
    assert "--run_dir=ANOTHER --init_from=runs/a" in words


def test_tfrecords_of_one_resolution_only_name_the_flag(results):
    assert "give --initial_resolution=8" in error_of(results, "largest")


def test_nothing_is_left_of_what_was_refused(results):
    error_of(results, "misfit")
    assert not (results[0] / "new").exists()
    left = {path.name for path in pathlib.Path(results[0]).iterdir()}
    assert left == {"photos", "others", "moved", "datasets", "largest", "runs"}
