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

from pgan_tf.planning import dry_run
from pgan_tf.runs.log import METRICS
from pgan_tf.training import loop as training_loop
from tests.helpers.places import ROOT
from tests.helpers.source_helpers import save
from tfrecords.cache import prepare
from tfrecords.common.errors import UserError
from tfrecords.pictures.source import PictureOptions

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


# The same of what is known when they were looked at, without --resolution: what is said.
BEFORE_CONVERTING = {
    "weights of nothing, default folder": (
        ("--init_from=photos",),
        "--init_from: expected a run folder with checkpoints",
    ),
    "weights of other networks": (
        ("--run_dir=new/h", "--init_from=runs/a", "--tanh"),
        "--init_from: expected networks with tanh=True",
    ),
    "weights of which no layer fits": (
        ("--run_dir=new/i", "--init_from=runs/a", "--fmap_max=3", "--latent_size=3"),
        "--init_from: expected a generator like this run's",
    ),
    "a metric of larger pictures than these": (
        ("--eval_metrics=swd",),
        "swd: expected pictures of at least 16 px",
    ),
    "a metric of the shapes": (("--eval_metrics=modes",), "modes: expected the built-in shapes"),
    "more pictures to score than there are": (
        ("--eval_metrics=ms_ssim", "--num_images=5"),
        "--num_images: expected 2 to 4, the pictures of photos, got 5",
    ),
    "a batch by resolution": (("--batch_size=16:4",), "batch_size: expected a value for 4 px"),
    "other flags than the run's": (
        ("--run_dir=runs/a", "--seed=5"),
        r"--run_dir: runs/a was started with another configuration \(seed was 1000 and is 5\)",
    ),
}


def load_train():
    sys.path.insert(0, str(ROOT))
    try:
        return importlib.import_module("pgan_tf.commands.train")
    finally:
        sys.path.remove(str(ROOT))


def call(main, *arguments, small=SMALL):
    """Returns what was printed, and the error."""
    out = io.StringIO()
    with flagsaver.flagsaver(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        for flag in (*CHANGED, "run_dir", "data", "initial_resolution", "resolution"):
            flags.FLAGS[flag].unparse()
        flags.FLAGS(["train.py", *small, *arguments])
        try:
            main()
        except UserError as error:
            return out.getvalue(), str(error)
        except SystemExit as end:
            return out.getvalue(), end.code or ""
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
        done = {name: call(main, *arguments) for name, arguments in calls.items()}
        of_others = ("--data=others/photos", "--data_cache=unused", "--total_kimg=0.004")
        for name, (arguments, _) in BEFORE_CONVERTING.items():
            done[name] = call(main, *of_others, *arguments, small=SMALL[1:])
        patch.setattr(dry_run, "measure_step", lambda *_: 0.001)
        done["dry run"] = call(main, *of_others, "--dry_run", small=SMALL[1:])
        return cwd, done


def error_of(results, name):
    words = results[1][name][1]
    assert len(words.splitlines()) == 1, results[1][name]
    return words


@pytest.mark.parametrize("name", ["begins", "copied", "advice", "largest advice"])
def test_the_run_goes_on_and_every_advice_works(results, name):
    assert results[1][name][1] == ""


def test_copied_pictures_go_on_in_the_same_run(results):
    cwd, done = results
    assert "Resuming from 0.004 kimg" in done["copied"][0]
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


@pytest.mark.parametrize("name", BEFORE_CONVERTING)
def test_no_picture_is_converted_where_a_look_at_them_tells_enough(results, name):
    assert re.match(BEFORE_CONVERTING[name][1], error_of(results, name))
    assert not (results[0] / "unused").exists()


def test_a_dry_run_looks_at_pictures_and_converts_none(results):
    out, error = results[1]["dry run"]
    assert error == ""
    assert "Training 0.004 thousand images takes" in out
    assert not (results[0] / "unused").exists()


def test_nothing_is_left_of_what_was_refused(results):
    error_of(results, "misfit")
    assert not (results[0] / "new").exists()
    left = {path.name for path in pathlib.Path(results[0]).iterdir()}
    assert left == {"photos", "others", "moved", "datasets", "largest", "runs", "lost"}
