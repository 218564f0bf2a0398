"""What train.py does about data that are the run's, or others, and what it then leaves."""

import contextlib
import importlib
import io
import os
import pathlib
import re
import shutil
import sys

import pytest
import tensorflow as tf
from absl import flags
from absl.testing import flagsaver
from source_helpers import save

from pgan_tf import training_loop
from pgan_tf.train_step import METRICS
from tfrecords.cache import prepare
from tfrecords.errors import UserError
from tfrecords.source import PictureOptions

ROOT = pathlib.Path(__file__).parent.parent

SMALL = (
    *("--resolution=8", "--fmap_base=16", "--fmap_max=4", "--latent_size=4", "--batch_size=4"),
    *("--stabilize_kimg=1", "--strategy=one_device", "--minibatch_repeats=1", "--nopreflight"),
)


CHANGED = ("init_from", "data_cache", "eval_metrics", "inception")


def make_pictures(folder, seed):
    for number in range(4):
        save(folder / f"{number}.png", (8, 8), seed + number)


# What is wrong before pictures are looked at: none may be converted.
BEFORE_THE_DATA = {
    "a folder of other files": ("--run_dir=photos",),
    "below a file": ("--run_dir=photos/0.png/run",),
    "weights of nothing": ("--run_dir=new/e", "--init_from=photos"),
    "a metric of larger pictures": ("--run_dir=new/g", "--eval_metrics=swd"),
    "a graph that is none": (
        *("--run_dir=new/f", "--eval_metrics=fid", "--inception=photos/0.png"),
    ),
}


def load_train():
    sys.path.insert(0, str(ROOT))
    try:
        return importlib.import_module("train")
    finally:
        sys.path.remove(str(ROOT))


def call(main, *arguments):
    """Returns what was printed, and the error."""
    out = io.StringIO()
    with flagsaver.flagsaver(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        for flag in (*CHANGED, "run_dir", "data", "initial_resolution"):
            flags.FLAGS[flag].unparse()
        flags.FLAGS(["train.py", *SMALL, *arguments])
        try:
            main()
        except UserError as error:
            return out.getvalue(), str(error)
    return out.getvalue(), ""


def make_idle_step(state, config, *_):
    """Steps that learn nothing, and are not compiled, which would take most of the time."""
    return lambda *_: tf.zeros((config.minibatch_repeats, len(METRICS)))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The folder that train.py was called in, and what came of each call, by name."""
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
        "no config": ("--data=photos", "--run_dir=lost", "--total_kimg=0.004"),
        "no config, weights": (
            *("--data=photos", "--run_dir=lost", "--init_from=runs/a"),
            "--total_kimg=0.004",
        ),
        "largest": ("--data=largest", "--run_dir=new/c", "--total_kimg=0.004"),
        "misfit": (
            "--data=photos",
            "--run_dir=new/d",
            "--init_from=runs/a",
            "--tanh",
            "--total_kimg=0.004",
        ),
        **{
            name: ("--data=others/photos", "--data_cache=unused", "--total_kimg=0.004", *flags)
            for name, flags in BEFORE_THE_DATA.items()
        },
        "largest advice": (
            *("--data=largest", "--run_dir=runs/c", "--total_kimg=0.004"),
            "--initial_resolution=8",
        ),
    }
    (cwd / "lost" / "checkpoints").mkdir(parents=True)
    (cwd / "lost" / "checkpoints" / "images-0000000004-stage-01-of-01.npz").touch()
    main = load_train().main
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(cwd)
        patch.setattr(training_loop, "make_train_step", make_idle_step)
        return cwd, {name: call(main, *arguments) for name, arguments in calls.items()}


def error_of(results, name):
    words = results[1][name][1]
    assert len(words.splitlines()) == 1, results[1][name]
    return words


@pytest.mark.parametrize("name", ["begins", "copied", "advice", "largest advice"])
def test_the_run_goes_on_and_every_advice_works(results, name):
    assert results[1][name][1] == ""


def test_copied_pictures_go_on_in_the_same_run(results):
    cwd, done = results
    assert "Going on from 0.004 kimg" in done["copied"][0]
    assert f"--data={cwd}/moved/renamed\n" in (cwd / "runs/a/flags.txt").read_text()


def test_other_pictures_are_refused_with_what_differs_and_two_ways_on(results):
    words = error_of(results, "others")
    assert "photos, 4 pictures (SHA-256 " in words
    assert "--data=" in words
    assert "--run_dir=ANOTHER --init_from=runs/a" in words


def test_tfrecords_of_one_resolution_only_name_the_flag(results):
    assert "give --initial_resolution=8" in error_of(results, "largest")


@pytest.mark.parametrize("name", ["no config", "no config, weights"])
def test_a_lost_config_is_called_lost(results, name):
    assert "expected config.json beside the checkpoints" in error_of(results, name)


@pytest.mark.parametrize("name", BEFORE_THE_DATA)
def test_no_picture_is_converted_for_a_run_that_cannot_be(results, name):
    flag, _, value = BEFORE_THE_DATA[name][-1].partition("=")
    assert re.match(
        rf"({flag}|{value}): expected (a|pictures of at least)", error_of(results, name)
    )
    assert not (results[0] / "unused").exists()


def test_nothing_is_left_of_what_was_refused(results):
    error_of(results, "misfit")
    assert not (results[0] / "new").exists()
    left = {path.name for path in pathlib.Path(results[0]).iterdir()}
    assert left == {"photos", "others", "moved", "datasets", "largest", "runs", "lost"}
