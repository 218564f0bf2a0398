"""The README's first command, as it stands: minutes, so it is marked slow."""

import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from pgan_tf.networks import sampling
from pgan_tf.runs import checkpoint
from pgan_tf.runs.trained import load_generator
from tests.helpers.machine import slowness
from tests.helpers.places import ROOT
from tfrecords.sources import shapes

RESOLUTION = 32


def nearest_real(pictures):
    """Returns the index of the built-in picture that each picture is closest to."""
    reals = np.stack([shapes.draw(i, RESOLUTION) for i in range(shapes.NUM_PICTURES)])
    reals = reals.reshape(len(reals), -1).astype(np.float32)
    pictures = pictures.reshape(len(pictures), -1).astype(np.float32)
    squares = (reals**2).sum(axis=1) - 2 * pictures @ reals.T
    return squares.argmin(axis=1)


@pytest.mark.slow
def test_default_run_draws_recognisable_shapes_within_six_minutes(tmp_path):
    begin = time.monotonic()
    result = subprocess.run(
        [sys.executable, str(ROOT / "train.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - begin
    assert result.returncode == 0, result.stderr[-2000:]
    print(f"python train.py took {seconds:.0f} s")
    run_dir = tmp_path / "runs" / "shapes-32px"
    sheet = max((run_dir / "samples").glob("fakes-*.png"))
    assert np.asarray(Image.open(sheet)).shape == (8 * RESOLUTION, 16 * RESOLUTION, 3)

    saved = checkpoint.read_run(str(run_dir))
    network = saved.config.network
    classes = np.arange(300) % network.label_size
    pictures = sampling.generate(
        load_generator(saved),
        sampling.latents_from_seeds(range(300), network.latent_size),
        sampling.one_hot_labels(classes, network.label_size),
    )
    nearest = nearest_real(pictures)
    recognised = np.mean([shapes.label(i) == c for i, c in zip(nearest, classes, strict=True)])
    modes = len({shapes.describe(i).mode for i in nearest})
    print(f"{recognised:.0%} have the shape asked for (chance: 17%), in {modes} of 144 modes")
    assert seconds < 360 * slowness()
    assert recognised > 0.5
    assert modes > 48  # the generator has not collapsed to a few
