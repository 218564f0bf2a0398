"""The presets: each parses, and the published ones are the published schedules."""

import importlib
import json
import pathlib
import sys

import pytest
from absl import flags
from absl.testing import flagsaver

from pgan_tf.config.flags import expand_presets
from pgan_tf.config.schedule import make_stages, position_at
from pgan_tf.config.training import NetworkConfig, differences
from pgan_tf.devices.strategy import check_batch_sizes
from tests.helpers.golden_cases import GOLDEN
from tests.helpers.places import ROOT
from tfrecords.common.errors import UserError

PRESETS_FOLDER = ROOT / "pgan_tf/presets"
PRESETS = sorted(PRESETS_FOLDER.glob("*.flags"))


@pytest.fixture(scope="module")
def train():
    sys.path.insert(0, str(ROOT))
    try:
        return importlib.import_module("pgan_tf.commands.train")
    finally:
        sys.path.remove(str(ROOT))


def config_of(train, *arguments):
    with flagsaver.flagsaver():
        flags.FLAGS(["train.py", *arguments])
        return train.read_training_flags("x", flags.FLAGS["resolution"].value or 64, 3, 0)


def test_there_are_presets_for_every_published_configuration():
    names = {path.stem for path in PRESETS}
    published = {f"celebahq-v2-{n}" for n in ("1gpu", "2gpus", "4gpus", "8gpus")}
    assert published | {"celebahq-v1-1gpu", "cifar10", "lsun256", "laptop", "shapes"} <= names


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_preset_makes_a_valid_configuration(path, train):
    config = config_of(train, f"--flagfile={path}")
    devices = {"v2-2gpus": 2, "v2-4gpus": 4, "v2-8gpus": 8}.get(path.stem.removeprefix("celebahq-"))
    check_batch_sizes(config, devices or 1)
    final = make_stages(config.schedule)[-1]
    assert final.first_image < config.schedule.total_kimg * 1000, "ends before it is grown"


def test_cifar10_is_as_in_appendix_d(train):
    """128 maps at most, as many latents, D and G updated together, target 750."""
    config = config_of(train, f"--flagfile={PRESETS_FOLDER}/cifar10.flags")
    assert (config.network.resolution, config.network.fmap_max) == (32, 128)
    assert config.network.latent_size == 128
    assert config.simultaneous_updates
    assert config.loss.gradient_target == 750


@pytest.mark.parametrize("name", ["v1-1gpu", "v2-1gpu", "v2-8gpus"])
def test_published_preset_is_the_published_schedule(name, train):
    reference = json.loads((GOLDEN / "schedule.json").read_text())[f"preset-{name}"]
    schedule = config_of(train, f"--flagfile={PRESETS_FOLDER}/celebahq-{name}.flags").schedule
    stages = make_stages(schedule)
    for kimg, lod, resolution, batch_size, g_rate, d_rate, tick_kimg in reference["rows"]:
        position = position_at(schedule, stages, round(kimg * 1000))
        assert position.stage.resolution == resolution
        assert position.alpha == pytest.approx(1 - lod % 1 if lod % 1 else 1, abs=1e-9)
        assert position.batch_size == batch_size
        assert position.generator_learning_rate == g_rate
        assert position.discriminator_learning_rate == d_rate
        assert position.tick_images == tick_kimg * 1000


def test_flags_of_a_run_are_a_flagfile_that_makes_the_same_run(train, tmp_path):
    preset = PRESETS_FOLDER / "celebahq-v2-4gpus.flags"
    with flagsaver.flagsaver():
        flags.FLAGS(["train.py", f"--flagfile={preset}", "--data=x", "--noequalized", "--seed=7"])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["train"])
            text = train.given_flags("runs/x")
        config = train.read_training_flags("x", 1024, 3, 0)
    (tmp_path / "flags.txt").write_text(text)
    assert config_of(train, f"--flagfile={tmp_path}/flags.txt") == config
    assert f"--run_dir={pathlib.Path.cwd()}/runs/x" in text.splitlines()


@pytest.mark.parametrize(
    ("arguments", "is_preset"),
    [
        ([], True),
        (["--seed=1"], True),
        (["--data=shapes"], True),
        (["--data", "shapes"], True),
        (["--data=pictures"], False),
        (["--data", "pictures"], False),
        (["-data=pictures"], False),
        (["--flagfile=x"], False),
        (["--data_cache=/tmp"], True),
        (["--run_dir=runs/my-data --data=photos"], True),
        (["--run_dir=runs/my-data", "--data=photos"], False),
        (["--run_dir", "runs/my-data", "--data", "photos"], False),
        (["--run_dir=runs/my-data", "--data=shapes"], True),
    ],
)
def test_shapes_preset_stands_in_for_missing_data(arguments, is_preset, train):
    assert (train.with_default_preset(arguments) != arguments) == is_preset


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


def test_each_row_of_table_1_changes_what_it_says(train):
    previous = config_of(train, f"--flagfile={PRESETS_FOLDER}/table1_a.flags")
    for row, expected in TABLE_1.items():
        config = config_of(train, f"--flagfile={PRESETS_FOLDER}/table1_{row}.flags")
        assert {name.split(".")[-1] for name in differences(previous, config)} == expected, row
        previous = config


def test_the_first_row_of_table_1_is_wgan_gp_as_first_published(train):
    config = config_of(train, f"--flagfile={PRESETS_FOLDER}/table1_a.flags")
    assert make_stages(config.schedule)[0].resolution == 128
    assert (config.discriminator_repeats, config.adam_beta_1, config.adam_beta_2) == (5, 0, 0.9)
    network = config.network
    assert network.generator_batch_norm and network.discriminator_layer_norm and network.tanh
    assert not (network.equalized or network.pixel_norm or network.mbstd_group_size)


def test_the_last_row_of_table_1_is_the_papers_networks(train):
    config = config_of(train, f"--flagfile={PRESETS_FOLDER}/table1_h.flags")
    assert config.network == NetworkConfig(resolution=128)


@pytest.mark.parametrize(
    "arguments", [["--preset=laptop"], ["--preset", "laptop"], ["--flagfile=presets/laptop.flags"]]
)
def test_a_preset_is_taken_by_name_from_any_folder(arguments, tmp_path, monkeypatch):
    """Also as the path that it had in clones before it came with the package."""
    monkeypatch.chdir(tmp_path)
    (flagfile, seed) = expand_presets([*arguments, "--seed=1"])
    assert pathlib.Path(flagfile.removeprefix("--flagfile=")) == PRESETS_FOLDER / "laptop.flags"
    assert seed == "--seed=1"


def test_a_file_of_that_path_goes_before_the_preset(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets/laptop.flags").write_text("--seed=3\n")
    assert expand_presets(["--flagfile=presets/laptop.flags"]) == [
        "--flagfile=presets/laptop.flags"
    ]


def test_an_unknown_preset_is_told_the_known_ones():
    with pytest.raises(UserError, match=r"--preset: expected one of .*laptop.*, got 'desk'"):
        expand_presets(["--preset=desk"])
