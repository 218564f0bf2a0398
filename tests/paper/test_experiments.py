"""The registry of experiments, and the command."""

import itertools
import re
import subprocess
import sys

import pytest
from absl import flags
from absl.testing import flagsaver

from paper.experiments import EXPERIMENTS, MODE_METRIC, choose
from pgan_tf.commands import run_flags  # noqa: F401  (it defines the flags)
from pgan_tf.config.flags import expand_presets, preset_names, read_training_flags
from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import differences
from tests.helpers.command_calls import assert_mistake

# What an experiment may change of its preset, besides what presets for many GPUs and (h) may.
SCALE = "resolution latent_size fmap_base fmap_max stabilize_kimg fade_in_kimg total_kimg tick_kimg"
SCALE = {*SCALE.split(), "rampup_kimg", "average_decay"}
BATCH = {"batch_size", "generator_learning_rate", "discriminator_learning_rate", "mbstd_group_size"}


def config_of(*arguments):
    with flagsaver.flagsaver():
        flags.FLAGS(["train.py", *expand_presets(arguments)])
        return read_training_flags("x", flags.FLAGS["resolution"].value or 64, 3, 0)


def changed(before, after):
    return {name.split(".")[-1] for name in differences(before, after)}


@pytest.mark.parametrize("one", EXPERIMENTS, ids=lambda one: one.name)
def test_an_experiment_is_its_preset_made_small(one):
    assert one.flags[0].removeprefix("--preset=") in preset_names()
    full, small = config_of(*one.flags), config_of(*one.flags, *one.small)
    assert small.schedule.resolution <= 32
    share = 0.08 if MODE_METRIC in one.metrics else 0.02
    assert small.schedule.total_kimg <= share * full.schedule.total_kimg
    assert make_stages(small.schedule)[-1].first_image < small.schedule.total_kimg * 1000
    allowed = SCALE | (BATCH if re.match("table1_h|growth|celebahq|lsun", one.name) else set())
    if one.name in ("table1_a", "growth_off"):
        # Without growing: in full resolution from the first image on.
        assert len(make_stages(full.schedule)) == len(make_stages(small.schedule)) == 1
        allowed |= {"initial_resolution"}
    assert changed(full, small) <= allowed


def test_published_figures_are_the_papers():
    published = {one.name: dict(one.published) for one in EXPERIMENTS}
    assert published["table1_c"] == {"SWD x10³": "46.23", "MS-SSIM": "0.4065"}
    rows = [name for name in published if name.startswith("table1")]
    rows.sort(key=lambda name: float(published[name]["SWD x10³"]))
    assert [name[7:] for name in rows] == ["h", "g", "b", "f", "e", "d", "a", "e_star", "c"]
    modes = [figures["modes of 1,000"] for name, figures in published.items() if "modes" in name]
    assert modes == ["640", "857", "881", "860", "772", "887", "918", "920"]
    assert published["cifar10"]["Inception score, best"] == "8.80"


def test_the_mode_tests_forms_add_one_thing_each():
    modes = [one for one in EXPERIMENTS if MODE_METRIC in one.metrics]
    assert not any(flag.startswith("--resolution") for one in modes for flag in one.small)
    configs = [config_of(*one.flags) for one in modes]
    assert [changed(*pair) for pair in itertools.pairwise(configs[:4])] == [
        {"equalized", "pixel_norm", "normalize_latents"},
        {"mbstd_group_size"},
        {"initial_resolution"},
    ]
    for k4, k2 in zip(configs[:4], configs[4:], strict=True):
        assert changed(k4, k2) == {"discriminator_fmap_divisor"}


def run(*arguments, cwd):
    command = [sys.executable, "-m", "paper", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=cwd, check=False)
    return done.returncode, done.stdout, done.stderr


def test_the_command_lists_everything_and_mistakes_are_one_line(tmp_path):
    status, listed, error = run("--list", cwd=tmp_path)
    assert status == 0, error
    assert choose(["all"]) == list(EXPERIMENTS)
    for one in EXPERIMENTS:
        assert f"{one.name}: {one.title} ({one.where})" in listed and one.command in listed
    # Each preset of table 1 serves both of its datasets.
    assert listed.count("--data=celeba:FOLDER\n  or         --data=lsun:FOLDER_OF_BEDROOM") == 9
    assert_mistake(run("--run=table1_z", cwd=tmp_path), "--run", "table1_g", "table1_z")
    not_measured = ("--run=table1_g", "--seed=1", "--results=none.json")
    assert_mistake(run(*not_measured, cwd=tmp_path), "--seed", "table1_g")
