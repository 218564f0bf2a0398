"""Pictures that are not square, from their folder through every command."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import pgan_tf
from pgan_tf.runs.trained import from_run
from tests.helpers.command_calls import assert_mistake, call, run_calls
from tests.helpers.places import ROOT
from tests.helpers.small_inception import make_graph
from tfrecords.format.dataset_info import read_dataset_info

# Width and height; the resolution and the base that follow; where training begins.
SHAPES = {
    "96x64": ((96, 64), 128, (3, 2), 32),
    "64x160": ((64, 160), 128, (2, 5), 32),
    "40x64": ((40, 64), 32, (5, 8), 4),
}
SMALL = (
    *("--fmap_base=1024", "--fmap_max=16", "--batch_size=4", "--minibatch_repeats=1"),
    *("--stabilize_kimg=0.004", "--fade_in_kimg=0.008", "--mirror_augment", "--augment=diffaug"),
)
RUN = "--run_dir=runs/a"


def write_photos(folder, size, count=24):
    """Blobs of a color on another, with one picture in the wrong ratio."""
    folder.mkdir()
    random, (width, height) = np.random.default_rng(0), size
    y, x = np.indices((height, width))
    for number in range(count):
        center = random.uniform(0.2, 0.8, 2) * (height, width)
        inside = (y - center[0]) ** 2 + (x - center[1]) ** 2 < (min(size) / 4) ** 2
        colors = random.integers(0, 256, (2, 3))
        pixels = np.where(inside[..., None], *colors).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02}.png")
    Image.new("RGB", (2 * height, 2 * width)).save(folder / "odd.png")


@pytest.fixture(scope="module", params=SHAPES)
def made(request, tmp_path_factory):
    """A folder with pictures, TFRecords of them and a run, stopped in a fade and resumed."""
    size, resolution, _, first = SHAPES[request.param]
    cwd = tmp_path_factory.mktemp("shape")
    write_photos(cwd / "photos", size)
    create = [sys.executable, "-m", "tfrecords.create", cwd / "photos", cwd / "set"]
    made = subprocess.run(create, cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"Taking {resolution} px ({request.param})" in made.stdout
    assert f"4 to {resolution} px ({request.param})" in made.stdout
    doublings = (resolution // first).bit_length() - 1
    total = 0.008 + 0.012 * doublings
    for data, kimg in (("photos", total - 0.006), ("set", total)):
        flags = (f"--data={data}", RUN, f"--initial_resolution={first}", *SMALL)
        status, out, err = call("train.py", *flags, f"--total_kimg={kimg:g}", cwd=cwd, eagerly=True)
        assert status == 0, err
        assert f"Training {resolution} px ({request.param}) on 25 pictures" in out
    assert "Resuming from" in out
    return cwd, request.param


def test_records_and_samples_have_the_shape_at_every_resolution(made):
    cwd, shape = made
    (width, height), resolution, base, _ = SHAPES[shape]
    info = read_dataset_info(str(cwd / "set"))
    assert (info.base.width, info.base.height, info.resolution) == (*base, resolution)
    assert info.base.size(4) == base
    sheet = Image.open(cwd / "runs/a/samples/reals.png")
    assert sheet.width % width == sheet.height % height == 0
    rows = [*map(json.loads, (cwd / "runs/a/metrics.jsonl").read_text().splitlines())]
    assert (rows[-1]["resolution"], rows[-1]["shape"]) == (resolution, shape)
    assert from_run(str(cwd / "runs/a")).generator.output_shape == (None, height, width, 3)


def test_scores_pictures_videos_and_exports_have_it_too(made):
    cwd, shape = made
    (width, height), resolution, *_ = SHAPES[shape]
    (cwd / "graph.pb").write_bytes(make_graph())
    flags = ("--metrics=swd,ms_ssim,fid", "--inception=graph.pb", "--num_images=10")
    status, _, err = call("evaluate.py", RUN, *flags, cwd=cwd)
    assert status == 0, err
    rows = map(json.loads, (cwd / "runs/a/metrics.jsonl").read_text().splitlines())
    scores = {row["metric"]: row["values"] for row in rows if "metric" in row}
    levels = [f"swd_{2**n}" for n in range(4, 8) if 2**n <= resolution]
    assert set(scores["swd"]) == {"swd", *levels}
    assert scores["ms_ssim"]["ms_ssim"] <= 1 and scores["fid"]["fid"] > 0
    drawn = [
        *((RUN, "--seeds=0-3", "--output=pictures"), (RUN, "--grid=3x2", "--output=grid.png")),
        (RUN, "--video=slerp", "--seeds=0,1", "--scale=1", "--fps=4", "--output=walk.webp"),
        (RUN, "--neighbors=2", "--grid=1x2", "--output=near.png"),
    ]
    formats = ("saved_model", "keras", "tfjs", "onnx", "litert", "safetensors", "huggingface")
    exports = [(RUN, f"--export_dir={one}", f"--format={one}") for one in formats]
    exports[0] += ("--networks=all",)
    for command, calls in (("generate.py", drawn), ("export.py", exports), ("report.py", [(RUN,)])):
        for one, (status, _, err) in zip(calls, run_calls(command, calls, cwd), strict=True):
            assert status == 0, (one, err)
    assert Image.open(cwd / "pictures/seed-000002.png").size == (width, height)
    assert Image.open(cwd / "walk.webp").size == (width, height)
    for kind in ("saved_model", "keras"):
        generator = pgan_tf.load(cwd / kind)
        assert generator.size == (width, height)
        expected = np.asarray(Image.open(cwd / "pictures/seed-000002.png")).astype(int)
        assert np.abs(generator.generate(seeds=2)[0] - expected).max() <= 1


def test_another_run_starts_from_its_weights_and_a_dry_run_says_what_it_takes(made):
    cwd, shape = made
    _, resolution, *_ = SHAPES[shape]
    flags = ("--data=photos", "--run_dir=runs/b", "--init_from=runs/a", *SMALL)
    status, out, err = call("train.py", *flags, "--total_kimg=0.004", cwd=cwd, eagerly=True)
    assert status == 0, err
    assert ", 0 new, 0 left" in out
    status, out, err = call("train.py", f"--shape={shape}", "--dry_run", *SMALL, cwd=cwd)
    assert status == 0, err
    assert f"{resolution} px ({shape})" in out
    result = call("train.py", "--data=set", "--shape=64x64", RUN, *SMALL, cwd=cwd)
    assert_mistake(result, shape)


def test_a_shape_without_a_base_is_refused_with_the_nearest_that_have_one(tmp_path):
    result = call("train.py", "--data=shapes", "--shape=100x75", cwd=tmp_path)
    assert_mistake(result, "--shape", "1 to 8 cells", "100x75", "96x80")
