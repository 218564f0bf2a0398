"""The presets: each parses, and the published ones are the published schedules."""

import pathlib
import sys

import pytest
from absl import flags
from absl.testing import flagsaver

from pgan_tf.commands import start_run, train
from pgan_tf.config.flags import expand_presets
from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import NetworkConfig, differences
from pgan_tf.devices.strategy import check_batch_sizes
from tests.config.test_schedule import GOLDEN, check_rows
from tests.helpers.places import ROOT
from tfrecords.common.errors import UserError

PRESETS = {path.stem: path for path in sorted((ROOT / "pgan_tf/presets").glob("**/*.flags"))}


def config_of(*arguments):
    """What a run with these flags computes, of data of 64 px where they do not say."""
    with flagsaver.flagsaver():
        flags.FLAGS(["train.py", *arguments])
        resolution = flags.FLAGS["resolution"].value or 64
        return start_run.read_training_flags("x", resolution, 3, 2, 4, ("cat", "dog"))


def preset(name, *arguments):
    return config_of(f"--flagfile={PRESETS[name]}", *arguments)


@pytest.mark.parametrize("name", PRESETS)
def test_preset_makes_a_valid_configuration(name):
    config = preset(name)
    devices = {"v2-2gpus": 2, "v2-4gpus": 4, "v2-8gpus": 8}.get(name.removeprefix("celebahq-"))
    check_batch_sizes(config, devices or 1)
    final = make_stages(config.schedule)[-1]
    assert final.first_image < config.schedule.total_kimg * 1000, "ends before it is grown"


@pytest.mark.parametrize("name", ["v1-1gpu", "v2-1gpu", "v2-8gpus"])
def test_a_published_preset_is_the_published_schedule(name):
    check_rows(preset(f"celebahq-{name}").schedule, GOLDEN[f"preset-{name}"])


def test_cifar10_is_as_in_appendix_d():
    config = preset("cifar10")
    network = config.network
    assert (network.resolution, network.fmap_max, network.latent_size) == (32, 128, 128)
    assert config.simultaneous_updates and config.loss.gradient_target == 750


def test_what_is_not_given_follows_from_other_flags_and_the_data():
    config = config_of("--learning_rate=0.2", "--fmap_max=7")
    assert (config.network.resolution, config.network.latent_size) == (64, 7)
    assert config.schedule.discriminator_learning_rate.at(4) == 0.2
    assert (config.network.label_size, config.label_names) == (2, ("cat", "dog"))
    assert config.network.discriminator_noise == 0
    noisy = config_of("--loss=lsgan", "--resolution=8", "--seed=5")
    assert noisy.network.discriminator_noise == 0.2  # paper, appendix B
    assert (noisy.network.resolution, noisy.schedule.resolution, noisy.seed) == (8, 8, 5)


def test_flags_of_a_run_are_a_flagfile_that_makes_the_same_run(tmp_path, monkeypatch):
    given = "--data=x", "--noequalized", "--seed=7"
    config = preset("celebahq-v2-4gpus", *given)
    monkeypatch.setattr(sys, "argv", ["train"])
    with flagsaver.flagsaver():
        flags.FLAGS(["train.py", f"--flagfile={PRESETS['celebahq-v2-4gpus']}", *given])
        (tmp_path / "flags.txt").write_text(start_run.given_flags("runs/x"))
    assert config_of(f"--flagfile={tmp_path}/flags.txt") == config
    lines = (tmp_path / "flags.txt").read_text().splitlines()
    assert f"--run_dir={pathlib.Path.cwd()}/runs/x" in lines


def test_the_shapes_preset_stands_in_for_missing_data():
    shapes = [f"--flagfile={PRESETS['shapes']}"]
    for given in ("", "--data=shapes", "--data shapes", "--data_cache=/tmp --run_dir=my-data"):
        assert train.with_default_preset(given.split()) == shapes + given.split()
    for given in ("--data=pictures", "--data pictures", "-data=pictures", "--flagfile=x"):
        assert train.with_default_preset(given.split()) == given.split()


# What each row of the paper's table 1 changes, by the field of the configuration.
TABLE_1 = {
    "b": {"initial_resolution"},
    "c": {"batch_size"},
    "d": {
        *("generator_batch_norm", "discriminator_layer_norm", "tanh", "generator_leaky_relu"),
        *("generator_learning_rate", "discriminator_learning_rate", "adam_beta_2"),
        *("drift_weight", "discriminator_repeats"),
    },
    "e_star": {"minibatch_discrimination"},
    "e": {"minibatch_discrimination", "mbstd_group_size"},
    "f": {"equalized"},
    "g": {"pixel_norm", "normalize_latents"},
    "h": {"latent_size", "fmap_base", "fmap_max", "total_kimg", "batch_size"},
}


def test_each_row_of_table_1_changes_what_it_says():
    first = previous = preset("table1_a")
    assert make_stages(first.schedule)[0].resolution == 128
    assert (first.discriminator_repeats, first.adam_beta_1, first.adam_beta_2) == (5, 0, 0.9)
    network = first.network
    assert network.generator_batch_norm and network.discriminator_layer_norm and network.tanh
    assert not (network.equalized or network.pixel_norm or network.mbstd_group_size)
    for row, expected in TABLE_1.items():
        config = preset(f"table1_{row}")
        assert {name.split(".")[-1] for name in differences(previous, config)} == expected, row
        previous = config
    assert previous.network == NetworkConfig(resolution=128, label_size=2)


def test_a_preset_is_taken_by_name_from_any_folder(tmp_path, monkeypatch):
    """Also as the path that it had in clones before it came with the package."""
    monkeypatch.chdir(tmp_path)
    former = "--flagfile=presets/laptop.flags"
    for words in ("--preset=laptop", "-preset=laptop", "--preset laptop", former):
        expected = [f"--flagfile={PRESETS['laptop']}", "--seed=1"]
        assert expand_presets([*words.split(), "--seed=1"]) == expected
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets/laptop.flags").write_text("--seed=3\n")
    for words in ([former], ["--flagfile=presets/desk.flags"]):  # a file goes before the preset
        assert expand_presets(words) == words


@pytest.mark.parametrize("words", [["--preset=desk"], ["--preset"], ["--preset="]])
def test_an_unknown_preset_is_told_the_known_ones(words):
    with pytest.raises(UserError, match=r"--preset: expected one of .*laptop.*, got '(desk)?'"):
        expand_presets(words)
