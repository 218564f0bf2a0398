"""Heights of a land in 16 bits: kept by the records, the generator and its files."""

import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pgan_tf.data.dataset import make_dataset
from pgan_tf.exporting.saved_model import write_saved_model
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.runs.trained import from_run
from tests.helpers.command_calls import call, run_calls
from tests.helpers.picture_files import deep_png, deep_tiff
from tfrecords.cache import prepare
from tfrecords.inspecting.extraction import extract
from tfrecords.inspecting.verification import find_problems
from tfrecords.pictures.images import build_pyramid, prepare_picture
from tfrecords.pictures.source import PictureOptions

EVERY = np.arange(65536).reshape(256, 256)
DEEP = PictureOptions(256, 1, depth=16)
SMALL = (
    *("--resolution=16", "--fmap_base=16", "--fmap_max=4", "--batch_size=4"),
    *("--stabilize_kimg=0.008", "--fade_in_kimg=0.008", "--total_kimg=0.04"),
    "--minibatch_repeats=1",
)


def land(seed, side=16, roughness=0.6):
    """Heights, 0 to 65,535: random numbers at each scale, smaller ones the finer (fractal)."""
    random, heights = np.random.default_rng(seed), np.zeros((1, 1))
    while len(heights) < side:
        heights = heights.repeat(2, axis=0).repeat(2, axis=1)
        heights += random.normal(0, len(heights) ** -roughness, heights.shape)
    heights -= heights.min()
    return np.rint(heights / heights.max() * 65535).astype(np.uint16)


@pytest.mark.parametrize("encoding", ["png", "raw"])
def test_each_of_65536_values_survives_from_a_file_to_training(encoding, tmp_path):
    (tmp_path / "all").mkdir()
    (tmp_path / "all/1.png").write_bytes(deep_png(EVERY))
    info = prepare(str(tmp_path / "all"), str(tmp_path / "made"), DEEP, encoding=encoding)
    assert (info.depth, info.num_channels, info.encoding) == (16, 1, encoding)
    given = {"global_batch_size": 1, "label_size": 0, "seed": 0}
    images, _ = next(iter(make_dataset(info, 256, **given)))
    assert (images.numpy().min(), images.numpy().max()) == (-1, 1)
    np.testing.assert_array_equal(np.rint((images[0, ..., 0] + 1.0) * 32767.5), EVERY)
    halves, _ = next(iter(make_dataset(info, 128, **given)))
    average = EVERY.reshape(128, 2, 128, 2).mean(axis=(1, 3))
    np.testing.assert_array_equal(np.rint((halves[0, ..., 0] + 1.0) * 32767.5), np.rint(average))
    assert list(find_problems(info.folder)) == []
    extract(info.folder, str(tmp_path / "back"))
    np.testing.assert_array_equal(Image.open(tmp_path / "back/000000.png"), EVERY)


def test_deep_pictures_of_every_kind_become_16_bits():
    for kind in ("u2", "i4", "f4"):
        image = prepare_picture(deep_tiff(EVERY.astype(kind)), DEEP_OF[kind])
        np.testing.assert_array_equal(image[..., 0], EVERY)
    inverted = prepare_picture(deep_tiff(EVERY.astype("u2"), white_is_zero=True), DEEP)
    np.testing.assert_array_equal(inverted[..., 0], 65535 - EVERY)
    eight = prepare_picture(np.arange(256, dtype=np.uint8).repeat(256).reshape(256, 256), DEEP)
    np.testing.assert_array_equal(eight[:, 0, 0], np.arange(256) * 257)
    clear = prepare_picture(deep_png(EVERY, clear=7), DEEP)[..., 0]
    assert clear[0, 7] == 65535 and clear[0, 8] == 8  # on white
    # Lanczos may overshoot, and what it gives is rounded and cut.
    smaller = prepare_picture(deep_png(EVERY), PictureOptions(64, 1, depth=16))[..., 0]
    assert smaller.dtype == np.uint16
    middle = EVERY.reshape(64, 4, 64, 4).mean(axis=(1, 3))[8:-8, 8:-8]
    assert np.abs(smaller[8:-8, 8:-8] - middle).max() < 2
    top = build_pyramid(np.full((1024, 1024, 1), 65535, np.uint16))[4]
    assert (top == 65535).all()


DEEP_OF = {"u2": DEEP, "i4": DEEP, "f4": PictureOptions(256, 1, depth=16, white_level=65535)}


def test_a_run_on_heights_draws_16_bits_and_exports_them(tmp_path):
    (tmp_path / "lands").mkdir()
    for seed in range(40):
        (tmp_path / f"lands/{seed}.png").write_bytes(deep_png(land(seed)))
    bad = call("train.py", "--data=lands", "--depth=16", *SMALL, cwd=tmp_path)
    assert bad[0] != 0 and "--depth=16: expected --channels=gray" in bad[2]
    how = ("--depth=16", "--channels=gray", "--run_dir=runs/a", *SMALL)
    status, _, err = call("train.py", "--data=lands", *how, cwd=tmp_path, eagerly=True)
    assert status == 0, err
    write_saved_model(from_run(str(tmp_path / "runs/a")), ExportOptions(str(tmp_path / "export")))
    drawing = (
        ("--run_dir=runs/a", "--seeds=0-3", "--output=drawn"),
        ("--saved_model=export", "--seeds=0", "--output=one.png"),
    )
    for status, _, err in run_calls("generate.py", drawing, tmp_path):
        assert status == 0, err
    drawn = [Image.open(path) for path in sorted(tmp_path.glob("drawn/*.png"))]
    assert [one.mode for one in drawn] == ["I;16"] * 4
    loaded = tf.saved_model.load(str(tmp_path / "export/1"))
    seeds = {"seeds": tf.range(4, dtype=tf.int64)}
    images = loaded.signatures["from_seed"](**seeds)["images"].numpy()
    expected = np.rint((images[..., 0] + 1) * 32767.5)
    assert len(np.unique(expected)) > 256
    assert np.abs(np.stack(drawn).astype(float) - expected).max() <= 2
    latents = np.float32(np.random.default_rng(1).standard_normal((2, 4)))
    files = loaded.signatures["png"](latents=latents)["image_bytes"].numpy()
    images = loaded.signatures["serving_default"](latents=latents)["images"].numpy()
    for file, image in zip(files, images, strict=True):
        pixels = tf.io.decode_png(file, dtype=tf.uint16).numpy()
        assert np.abs(pixels - (image + 1) * 32767.5).max() <= 0.6
    assert np.abs(np.asarray(Image.open(tmp_path / "one.png")) - expected[0]).max() <= 2
    scoring = ("--run_dir=runs/a", "--metrics=swd,ms_ssim", "--num_images=20")
    status, _, err = call("evaluate.py", *scoring, cwd=tmp_path)
    assert status == 0, err
    rows = map(json.loads, (tmp_path / "runs/a/metrics.jsonl").read_text().splitlines())
    assert [row["values"]["swd"] > 0 for row in rows if row.get("metric") == "swd"] == [True]
