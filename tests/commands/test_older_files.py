"""What the commands wrote before the package had its folders is opened as if they wrote it today.

`tests/golden/before` holds a data set, a run on it, its export, and four pictures that it drew.
"""

import pathlib
import shutil

import numpy as np
import pytest
from absl import flags
from absl.testing import flagsaver
from PIL import Image

from pgan_tf.commands import train as train_command
from pgan_tf.exporting.saved_model import write_saved_model
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.generating.pictures import draw_seeds
from pgan_tf.generating.sampler import make_sampler, open_saved_model
from pgan_tf.runs import checkpoint
from pgan_tf.runs.folder import read_config
from pgan_tf.runs.log import read_metrics
from pgan_tf.runs.sheets import list_sheets
from pgan_tf.runs.trained import from_run
from pgan_tf.training.loop import train
from pgan_tf.training.run import Run
from tests.helpers.golden_cases import GOLDEN
from tfrecords.format.dataset_info import read_dataset_info
from tfrecords.inspecting.verification import find_problems

CLASSES = [0, 1, 0, 1]  # of the four pictures, drawn with --labels=cat,dog


@pytest.fixture
def before(tmp_path):
    """A copy of it, to write in."""
    return pathlib.Path(shutil.copytree(GOLDEN / "before", tmp_path / "before"))


@pytest.fixture(scope="module")
def drawn():
    paths = sorted((GOLDEN / "before/drawn").iterdir())
    return np.stack([np.asarray(Image.open(path)) for path in paths])


def draw(sampler):
    return np.stack(list(draw_seeds(sampler, range(4), CLASSES)))


def test_the_data_set_is_whole(before):
    assert list(find_problems(str(before / "data"))) == []
    info = read_dataset_info(str(before / "data"))
    assert (info.num_images, info.resolution, info.label_names) == (16, 8, ("cat", "dog"))


def test_the_run_draws_the_pictures_that_it_drew(before, drawn):
    pictures = draw(make_sampler(from_run(str(before / "run"))))
    assert np.abs(pictures.astype(int) - drawn).max() <= 1  # of 255: rounding


def test_the_export_draws_them_too(before, drawn):
    pictures = draw(open_saved_model(str(before / "export")))
    assert np.abs(pictures.astype(int) - drawn).max() <= 1


def test_the_next_export_goes_beside_it(before):
    trained = from_run(str(before / "run"))
    write_saved_model(trained, ExportOptions(str(before / "export"), "", ""))
    assert sorted(path.name for path in (before / "export").iterdir()) == ["1", "2"]


def test_the_run_goes_on(before, one_device):
    run_dir = str(before / "run")
    config = read_config(run_dir)
    schedule = type(config.schedule)(**vars(config.schedule) | {"total_kimg": 0.128})
    longer = type(config)(**vars(config) | {"schedule": schedule})
    info = read_dataset_info(str(before / "data"))
    assert train(Run(longer, info, run_dir, one_device)) == 128
    assert checkpoint.read_run(run_dir).images_shown == 128
    assert [row["images_shown"] for row in read_metrics(run_dir)] == [32, 64, 96, 128]
    assert len(list_sheets(run_dir)) == 4


def test_its_flags_make_the_same_run():
    with flagsaver.flagsaver():
        flags.FLAGS(["train.py", f"--flagfile={GOLDEN}/before/run/flags.txt"])
        made = train_command.read_training_flags("x", 8, 3, 2, label_names=("cat", "dog"))
    begun = read_config(str(GOLDEN / "before/run"))
    for name in ("network", "schedule", "loss", "seed", "precision", "minibatch_repeats"):
        assert getattr(made, name) == getattr(begun, name), name
