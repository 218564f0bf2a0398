"""How long people wait: the README's first command, and its first step. All are slow."""

import functools
import re
import time

import numpy as np
import pytest
from PIL import Image

from pgan_tf.networks import sampling
from pgan_tf.planning.measurement import matrix_product_gflops
from pgan_tf.runs import checkpoint
from pgan_tf.runs.trained import load_generator
from tests.helpers.command_calls import run
from tfrecords.sources import shapes

pytestmark = pytest.mark.slow

# Of the machine that the seconds were measured on: docs/performance.md.
REFERENCE_GFLOPS = 480


@functools.cache
def slowness():
    """By how much longer something may take here: the ratio of the matrix products' speeds."""
    return max(1.0, REFERENCE_GFLOPS / matrix_product_gflops("float32"))


def timed(*arguments, cwd):
    start = time.monotonic()
    result = run(*arguments, cwd=cwd, timeout=None)
    assert result.returncode == 0, result.stderr[-2000:]
    return result, time.monotonic() - start


def nearest_real(pictures):
    """Returns the index of the built-in picture that each picture is closest to."""
    reals = np.stack([shapes.draw(i, 32) for i in range(shapes.NUM_PICTURES)])
    reals = reals.reshape(len(reals), -1).astype(np.float32)
    pictures = pictures.reshape(len(pictures), -1).astype(np.float32)
    squares = (reals**2).sum(axis=1) - 2 * pictures @ reals.T
    return squares.argmin(axis=1)


def test_the_default_run_draws_recognizable_shapes_and_every_printed_command_works(tmp_path):
    result, seconds = timed("train.py", cwd=tmp_path)
    print(f"python train.py took {seconds:.0f} s")
    saved = checkpoint.read_run(str(tmp_path / "runs/shapes-32px"))
    network = saved.config.network
    classes = np.arange(300) % network.label_size
    pictures = sampling.generate(
        load_generator(saved),
        sampling.latents_from_seeds(range(300), network.latent_size),
        sampling.one_hot_labels(classes, network.label_size),
    )
    nearest = nearest_real(pictures)
    recognized = np.mean([shapes.label(i) == c for i, c in zip(nearest, classes, strict=True)])
    modes = len({shapes.describe(i).mode for i in nearest})
    print(f"{recognized:.0%} have the shape asked for (chance: 17%), in {modes} of 144 modes")
    assert recognized > 0.5
    assert modes > 48  # the generator has not collapsed to a few

    printed = re.findall(r"python (\w+\.py) (.*)", result.stdout)
    assert [command for command, _ in printed] == ["train.py", "generate.py", "export.py"]
    for command, arguments in printed:
        more = f"{saved.images_shown / 1000 + 0.1:g}"
        result, _ = timed(command, *arguments.replace("MORE", more).split(), cwd=tmp_path)
        # Nothing but the progress bar: TensorFlow's chatter would bury what matters.
        assert command == "train.py" or result.stderr == ""
    assert np.asarray(Image.open(tmp_path / "grid.png")).shape == (4 * (128 + 24), 8 * 128, 3)
    assert (tmp_path / "exports/shapes-32px/1/saved_model.pb").is_file()
    assert seconds < 360 * slowness()


def test_a_process_has_trained_after_15_seconds(tmp_path):
    """A call of the step at the published widths, a checkpoint and sheets, from nothing."""
    _, seconds = timed("train.py", "--resolution=32", "--total_kimg=0.064", cwd=tmp_path)
    assert list(tmp_path.glob("runs/*/checkpoints/*.npz"))
    assert seconds < 15 * slowness()


def test_a_dry_run_answers_within_ten_seconds(tmp_path):
    flags = ("--preset=laptop", "--data=shapes", "--dry_run")
    result, seconds = timed("train.py", *flags, cwd=tmp_path)
    print(f"--dry_run took {seconds:.1f} s")
    assert "Training 60 thousand images takes" in result.stdout
    assert list(tmp_path.iterdir()) == []
    assert seconds < 10 * slowness()
