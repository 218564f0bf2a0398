"""What becomes of a run whose data are lost while it trains."""

import dataclasses
import functools
import pathlib
import shutil

import pytest

from pgan_tf.data.dataset import distribute
from pgan_tf.runs import checkpoint
from pgan_tf.runs.folder import open_run
from pgan_tf.training import run as run_module
from pgan_tf.training.loop import train
from pgan_tf.training.run import Run
from tests.helpers.interrupted_run import CONFIG
from tfrecords.common.errors import UserError
from tfrecords.format.dataset_info import read_dataset_info


def test_a_run_that_loses_its_data_ends_in_a_line_and_resumes(
    eager, shapes_at, tmp_path, one_device, monkeypatch
):
    info = read_dataset_info(shutil.copytree(shapes_at(8).folder, str(tmp_path / "data")))
    path, folder = pathlib.Path(info.files[8][0]), str(tmp_path / "run")
    whole = path.read_bytes()
    # Read from files, as datasets that memory does not hold are.
    monkeypatch.setattr(run_module, "distribute", functools.partial(distribute, memory_bytes=0))

    def run(total_images, lose_data_after=2000):
        def after_checkpoint(_, images_shown, *__):
            if images_shown > lose_data_after:
                path.unlink(missing_ok=True)

        lengths = {"fade_in_kimg": 2.0, "total_kimg": total_images / 1000}
        schedule = dataclasses.replace(CONFIG.schedule, **lengths)
        config = dataclasses.replace(CONFIG, schedule=schedule)
        open_run(folder, config, "")
        return train(Run(config, info, folder, one_device, after_checkpoint=after_checkpoint))

    # The file of 8 px is lost before the next stage opens it, then while it is read.
    shown = [0]
    for words in ("shapes-r03", "shapes-r03.*put it back .*; the last checkpoint is intact"):
        with pytest.raises(UserError, match=words) as caught:
            run(2000, lose_data_after=shown[-1])
        assert "\n" not in str(caught.value)
        path.write_bytes(whole)
        shown.append(checkpoint.read_run(folder).images_shown)
    assert shown[1] == 80  # the whole first stage
    assert 80 < shown[2] < 2000
    assert run(shown[2] + 8) == shown[2] + 8
