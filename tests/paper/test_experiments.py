"""The registry of experiments, and the command."""

import itertools
import re
import subprocess
import sys

import lmdb
import pytest
from absl import flags
from absl.testing import flagsaver

from paper.experiments import EXPERIMENTS, MODE_METRIC, choose
from pgan_tf.commands import run_flags
from pgan_tf.config.flags import expand_presets, preset_names, read_training_flags
from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import differences
from tests.helpers.places import ROOT
from tests.helpers.source_helpers import save
from tfrecords.cache import prepare
from tfrecords.pictures.flags import picture_options

# What an experiment may change of its preset, besides what presets for many GPUs and (h) may.
SCALE = {
    *("network.resolution", "schedule.resolution", "network.fmap_base", "network.fmap_max"),
    *("network.latent_size", "schedule.stabilize_kimg", "schedule.fade_in_kimg"),
    *("schedule.total_kimg", "schedule.tick_kimg", "average_decay", "schedule.rampup_kimg"),
}
BATCH = {
    *("schedule.batch_size", "schedule.generator_learning_rate"),
    *("schedule.discriminator_learning_rate", "network.mbstd_group_size"),
}


def find(name):
    (one,) = choose([name])
    return one


def config_of(*arguments):
    with flagsaver.flagsaver():
        flags.FLAGS(["train.py", *expand_presets(arguments)])
        return read_training_flags("x", flags.FLAGS["resolution"].value or 64, 3, 0)


@pytest.mark.parametrize("one", EXPERIMENTS, ids=lambda one: one.name)
def test_an_experiment_is_its_preset_made_small(one):
    full, small = config_of(*one.flags), config_of(*one.flags, *one.small)
    assert small.schedule.resolution <= 32
    share = 0.08 if MODE_METRIC in one.metrics else 0.02
    assert small.schedule.total_kimg <= share * full.schedule.total_kimg
    assert make_stages(small.schedule)[-1].first_image < small.schedule.total_kimg * 1000
    changed = set(differences(full, small))
    if one.name in ("table1_a", "growth_off"):
        # Without growing: in full resolution from the first image on.
        assert len(make_stages(full.schedule)) == len(make_stages(small.schedule)) == 1
        changed.discard("schedule.initial_resolution")
    large = re.match("table1_h|growth|celebahq|lsun", one.name)
    assert changed <= SCALE | (BATCH if large else set())


def test_published_figures_are_the_papers():
    assert dict(find("table1_c").published) == {"SWD x10³": "46.23", "MS-SSIM": "0.4065"}
    rows = [one for one in EXPERIMENTS if one.name.startswith("table1")]
    rows.sort(key=lambda one: float(dict(one.published)["SWD x10³"]))
    assert [one.name[7:] for one in rows] == ["h", "g", "b", "f", "e", "d", "a", "e_star", "c"]
    modes = [dict(one.published)["modes of 1,000"] for one in EXPERIMENTS if "modes" in one.name]
    assert modes == ["640", "857", "881", "860", "772", "887", "918", "920"]
    assert dict(find("cifar10").published)["Inception score, best"] == "8.80"


def test_the_mode_tests_forms_add_one_thing_each():
    modes = [one for one in EXPERIMENTS if MODE_METRIC in one.metrics]
    assert len(modes) == 8
    assert not any(flag.startswith("--resolution") for one in modes for flag in one.small)
    configs = [config_of(*one.flags) for one in modes]
    added = [set(differences(*pair)) for pair in itertools.pairwise(configs[:4])]
    assert added == [
        {f"network.{name}" for name in ("equalized", "pixel_norm", "normalize_latents")},
        {"network.mbstd_group_size"},
        {"schedule.initial_resolution"},
    ]
    for k4, k2 in zip(configs[:4], configs[4:], strict=True):
        assert set(differences(k4, k2)) == {"network.discriminator_fmap_divisor"}


def celeba(folder):
    for i in range(3):
        save(folder / "img_align_celeba" / f"{i:06}.png", (178, 218), seed=i)
    return f"celeba:{folder}"


def lsun(folder):
    with lmdb.open(str(folder), map_size=2**24) as database, database.begin(write=True) as rows:
        for i in range(3):
            rows.put(b"%d" % i, save(folder.parent / f"{i}.png", (340, 256), seed=i))
    return f"lsun:{folder}"


@pytest.mark.parametrize("make", [celeba, lsun])
def test_the_presets_of_table_1_serve_both_of_its_datasets(make, tmp_path):
    data = make(tmp_path / "pictures")
    # All rows have the same options for pictures.
    with flagsaver.flagsaver():
        flags.FLAGS(["train.py", *expand_presets(find("table1_h").flags), f"--data={data}"])
        resolution = flags.FLAGS["resolution"].value
        info = prepare(run_flags.DATA.value, str(tmp_path / "x"), picture_options(resolution))
    assert (info.resolution, info.num_channels, info.num_images) == (128, 3, 3)
    assert set(info.files) == {4, 8, 16, 32, 64, 128}
    assert resolution == 128


def run(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "paper", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=cwd,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        check=False,
    )


def test_the_command_lists_everything_with_its_flags(tmp_path):
    result = run("--list", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for one in EXPERIMENTS:
        assert f"{one.name}: {one.title} ({one.where})" in result.stdout
        assert one.command in result.stdout
        assert one.flags[0].removeprefix("--preset=") in preset_names()
    assert result.stdout.count("--data=lsun:FOLDER_OF_BEDROOM_LMDB") == 9  # table 1's rows
    assert choose(["all"]) == list(EXPERIMENTS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["--list", "--run"]),
        (["--run=table1_z"], ["--run", "table1_g", "table1_z"]),
        (["--run=table1_g", "--seed=1", "--results=none.json"], ["--seed", "table1_g"]),
        (["--run=table1_g", "--results=no/folder/a.json"], ["--results", "no/folder"]),
    ],
)
def test_mistakes_are_one_line(arguments, words, tmp_path):
    result = run(*arguments, cwd=tmp_path)
    (line,) = result.stderr.splitlines()
    assert result.returncode == 2 and line.startswith("paper: error:")
    assert all(word in line for word in words), line
