"""Stickers: from transparent pictures to transparent pictures, through every command."""

import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pgan_tf.exporting.saved_model import write_saved_model
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.runs.trained import from_run
from tests.helpers.command_calls import call, run_calls

SMALL = (
    *("--resolution=16", "--fmap_base=16", "--fmap_max=4", "--batch_size=4"),
    *("--stabilize_kimg=0.008", "--fade_in_kimg=0.008", "--total_kimg=0.04"),
    "--minibatch_repeats=1",
)
RUN = "--run_dir=runs/a"


@pytest.fixture(scope="module")
def cwd(tmp_path_factory):
    """A folder with a run on disks of any color on nothing, which hides green."""
    cwd = tmp_path_factory.mktemp("stickers")
    (cwd / "disks").mkdir()
    random, (y, x) = np.random.default_rng(0), np.indices((16, 16))
    for number in range(40):
        center, color = random.uniform(4, 12, 2), random.integers(0, 256, 3)
        inside = (y - center[0]) ** 2 + (x - center[1]) ** 2 < 20
        pixels = np.where(inside[..., None], (*color, 255), (0, 255, 0, 0)).astype(np.uint8)
        Image.fromarray(pixels).save(cwd / f"disks/{number}.png")
    status, _, err = call(
        "train.py", "--data=disks", "--channels=rgba", RUN, *SMALL, cwd=cwd, eagerly=True
    )
    assert status == 0, err
    return cwd


def test_samples_are_transparent_and_scores_look_at_colors_and_at_alpha(cwd):
    reals = np.asarray(Image.open(cwd / "runs/a/samples/reals.png"))
    assert reals.shape[-1] == 4
    assert not reals[reals[..., 3] == 0].any()  # the hidden green is not there
    assert 0.5 < (reals[..., 3] == 0).mean() < 0.9  # a disk covers a fifth to a third
    status, out, err = call("evaluate.py", RUN, "--metrics=swd,ms_ssim", "--num_images=20", cwd=cwd)
    assert status == 0, err
    rows = map(json.loads, (cwd / "runs/a/metrics.jsonl").read_text().splitlines())
    values = [row["values"] for row in rows if row.get("metric") == "swd"]
    assert values[0]["swd"] == values[0]["swd_16"]
    assert values[0]["swd_alpha"] > 0
    assert "swd_alpha" in out


def test_files_videos_and_exports_are_transparent_as_their_format_allows(cwd):
    calls = {
        "grid": (RUN, "--grid=3x2", "--output=grid.png", "--scale=1"),
        "folder": (RUN, "--seeds=0-5", "--output=pictures"),
        "near": (RUN, "--neighbors=2", "--grid=1x2", "--output=near.png"),
        **{
            name: (
                RUN,
                "--video=slerp",
                "--seeds=0,1",
                f"--output=walk.{name}",
                "--scale=1",
                "--fps=5",
            )
            for name in ("webp", "gif", "mp4")
        },
    }
    for call_name, (status, _, err) in zip(
        calls, run_calls("generate.py", calls.values(), cwd), strict=True
    ):
        assert status == 0, (call_name, err)
    grid = np.asarray(Image.open(cwd / "grid.png"))
    drawn = np.stack([np.asarray(Image.open(one)) for one in sorted(cwd.glob("pictures/*"))])
    assert drawn.shape == (6, 16, 16, 4)
    np.testing.assert_array_equal(grid[:16, 16:32], drawn[1])
    for name, mode in {"webp": "RGBA", "gif": "P"}.items():
        frames = Image.open(cwd / f"walk.{name}")
        assert frames.mode == mode
        first = np.asarray(frames.convert("RGBA")).astype(int)
        # Lossy WebP keeps alpha; a GIF has only all or nothing.
        alpha = drawn[0][..., 3].astype(int)
        expected = alpha if name == "webp" else np.where(alpha < 128, 0, 255)
        assert np.abs(first[..., 3] - expected).max() <= 2, name

    write_saved_model(from_run(str(cwd / "runs/a")), ExportOptions(str(cwd / "export")))
    loaded = tf.saved_model.load(str(cwd / "export/1"))
    latents = np.float32(np.random.default_rng(1).standard_normal((3, 4)))
    png = loaded.signatures["png"](latents=latents)["image_bytes"].numpy()
    images = loaded.signatures["serving_default"](latents=latents)["images"].numpy()
    color, alpha = (images[..., :3] + 1) / 2, (images[..., 3:] + 1) / 2
    for file, one, opacity in zip(png, color, alpha, strict=True):
        pixels = tf.io.decode_png(file, 4).numpy() / 255
        assert np.abs(pixels[..., 3:] - opacity).max() <= 0.5 / 255 + 1e-6
        seen = np.minimum(one, opacity)  # what it adds to the background
        assert np.abs(pixels[..., :3] * pixels[..., 3:] - seen).max() <= 1.1 / 255
