"""What the commands wrote before the package had its folders is opened as if they wrote it today.

`tests/golden/before` holds a dataset, a run on it, and its export. What they draw:
`tests/generating/test_loading.py`.
"""

import dataclasses
import pathlib
import shutil

import pytest
import tensorflow as tf
from absl import flags
from absl.testing import flagsaver

from pgan_tf.commands import train as train_command  # noqa: F401  (its flags)
from pgan_tf.config.flags import read_training_flags
from pgan_tf.exporting.saved_model import write_saved_model
from pgan_tf.exporting.writer import ExportOptions
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


@pytest.fixture
def older(tmp_path):
    """A copy of it, to write in."""
    return pathlib.Path(shutil.copytree(GOLDEN / "before", tmp_path / "before"))


def test_the_dataset_is_whole(older):
    assert list(find_problems(str(older / "data"))) == []
    info = read_dataset_info(str(older / "data"))
    assert (info.num_images, info.resolution, info.label_names) == (16, 8, ("cat", "dog"))


def test_its_export_becomes_the_next_version(older):
    write_saved_model(from_run(str(older / "run")), ExportOptions(str(older / "export")))
    assert sorted(path.name for path in (older / "export").iterdir()) == ["1", "2"]


def test_the_run_resumes(older, one_device):
    run_dir = str(older / "run")
    config = read_config(run_dir)
    schedule = dataclasses.replace(config.schedule, total_kimg=0.128)
    longer = dataclasses.replace(config, schedule=schedule)
    info = read_dataset_info(str(older / "data"))
    tf.config.run_functions_eagerly(True)
    try:
        assert train(Run(longer, info, run_dir, one_device)) == 128
    finally:
        tf.config.run_functions_eagerly(False)
    assert checkpoint.read_run(run_dir).images_shown == 128
    assert [row["images_shown"] for row in read_metrics(run_dir)] == [32, 64, 96, 128]
    assert len(list_sheets(run_dir)) == 4


def test_its_flags_make_the_same_run():
    with flagsaver.flagsaver():
        flags.FLAGS(["train.py", f"--flagfile={GOLDEN}/before/run/flags.txt"])
        made = read_training_flags("x", 8, 3, 2, label_names=("cat", "dog"))
    config = read_config(str(GOLDEN / "before/run"))
    for name in ("network", "schedule", "loss", "seed", "precision", "minibatch_repeats"):
        assert getattr(made, name) == getattr(config, name), name
