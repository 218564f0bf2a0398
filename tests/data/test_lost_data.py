"""What becomes of a run whose data are lost while it trains."""

import functools
import pathlib

import pytest

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.data.dataset import distribute
from pgan_tf.runs import checkpoint
from pgan_tf.runs import folder as run_folder
from pgan_tf.training import loop as training_loop
from pgan_tf.training import run as run_module
from pgan_tf.training.run import Run
from tests.helpers.built_dataset import prepare_shapes
from tfrecords.common.errors import UserError


def make_config(total_images):
    schedule = ScheduleConfig(
        resolution=8,
        stabilize_kimg=0.064,
        fade_in_kimg=2.0,
        total_kimg=total_images / 1000,
        batch_size=PerResolution(((4, 4),)),
        tick_kimg=PerResolution(((4, 0.032),)),
    )
    network = NetworkConfig(resolution=8, fmap_base=16, fmap_max=4, latent_size=4)
    return TrainingConfig(dataset="shapes", network=network, schedule=schedule, minibatch_repeats=1)


def test_a_run_that_loses_its_data_ends_in_a_line_and_resumes(tmp_path, one_device, monkeypatch):
    info = prepare_shapes(tmp_path / "data", 8)
    path, folder = pathlib.Path(info.files[8][0]), tmp_path / "run"
    whole = path.read_bytes()
    # Read from files, as datasets that memory does not hold are.
    monkeypatch.setattr(run_module, "distribute", functools.partial(distribute, memory_bytes=0))

    def run(total_images):
        config = make_config(total_images)
        run_folder.open_run(str(folder), config, "")
        return training_loop.train(Run(config, info, str(folder), one_device))

    def lose_the_file():
        """Trains until the file of 8 px is removed after the next checkpoint."""
        save = checkpoint.save

        def save_and_remove(*arguments, **named):
            saved = save(*arguments, **named)
            path.unlink(missing_ok=True)
            return saved

        with monkeypatch.context() as patch, pytest.raises(UserError) as caught:
            patch.setattr(checkpoint, "save", save_and_remove)
            run(2000)
        assert "\n" not in str(caught.value)
        assert not list(folder.rglob("*.partial"))
        path.write_bytes(whole)
        return str(caught.value), checkpoint.read_run(str(folder)).images_shown

    error, images_shown = lose_the_file()  # when the next stage opens it
    assert "shapes-r03" in error
    assert images_shown == 68  # the whole first stage
    error, images_shown = lose_the_file()  # while it is read
    assert "shapes-r03" in error
    assert "put it back or make the dataset again; the last checkpoint is intact" in error
    assert 68 < images_shown < 2000
    assert run(images_shown + 4) == images_shown + 4
